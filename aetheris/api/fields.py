"""What requests are made of: fields that take what they say and nothing that resembles it."""

from typing import Any, ClassVar

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

PAGE = 20
LONGEST_PAGE = 100


class Text(serializers.CharField):
    """A text without NUL; not blank unless it may be. A number is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(RegexValidator(r"^[^\x00]*$" if self.allow_blank else r"^[^\x00]*\S[^\x00]*$"))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number. A text is none."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str | bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Fields(serializers.Serializer[None]):
    """The fields of a request. One that it does not have is refused: it would be a slip of the pen without effect.
    What a body takes has an `example`, for the document."""

    example: ClassVar[dict[str, Any]]

    def to_internal_value(self, data: Any) -> Any:
        checked = super().to_internal_value(data)
        if unknown := sorted(set(data) - set(self.fields)):
            raise ValidationError({name: ["There is no such field."] for name in unknown})
        return checked


class Page(Fields):
    """What every list takes."""

    limit = serializers.IntegerField(min_value=1, max_value=LONGEST_PAGE, default=PAGE)
    cursor = serializers.UUIDField(required=False, help_text="`next_cursor` of the page before.")


def body_of(request: Request, kind: type[Fields]) -> dict[str, Any]:
    """The validated fields of a request's body. Raises DRF's `ValidationError`, which names each that does not fit."""
    return _checked(kind, request.data)


def query_of(request: Request, kind: type[Fields]) -> dict[str, Any]:
    """The same for what stands behind the question mark."""
    return _checked(kind, request.query_params.dict())


def next_cursor(page: list[Any], limit: int) -> Any:
    """The cursor of what follows a page, by the id of its last row; None behind a page that is not full."""
    return page[-1].pk if len(page) == limit else None


def _checked(kind: type[Fields], data: Any) -> dict[str, Any]:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
