"""JSON bodies of a bounded size and depth."""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from aetheris.api.exceptions import BodyTooLarge


class BoundedJSONParser(JSONParser):
    """Refuses a body over `DATA_UPLOAD_MAX_MEMORY_SIZE` before it is decoded, and one that nests too deep.

    Django itself refuses one that says its length; this also holds for one that comes in chunks. Nothing at all is an
    empty body.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        data = stream.read(limit + 1)
        if len(data) > limit:
            raise BodyTooLarge()
        if not data:
            return {}
        try:
            return super().parse(io.BytesIO(data), media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON nests too deep.") from error
        except ParseError as error:
            raise ParseError(f"The body is no JSON in UTF-8: {error.__context__}. Send an object.") from None
