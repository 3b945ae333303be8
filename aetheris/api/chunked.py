"""Bodies that come in chunks, without a length before them."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest


class ChunkedBodies:
    """Middleware. REST framework takes a body without a length for none, and would go on as if nothing had been sent.
    It asks only whether the length is zero; how long the body is the parser counts, up to its limit."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if "CONTENT_LENGTH" not in request.META and "Transfer-Encoding" in request.headers:
            request.META["CONTENT_LENGTH"] = "1"
        return self._get_response(request)
