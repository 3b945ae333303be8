"""A name for every request, in its answer and in each line of the log that is written for it."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.utils.encoding import escape_uri_path

from aetheris.core.ids import new_id
from aetheris.core.log_fields import about

logger = logging.getLogger("aetheris.request")

HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@sync_and_async_middleware
def request_ids(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Django's outermost middleware. A name that came with the request is kept if it is harmless in a log."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            with _named(request) as told:
                return told(await get_response(request))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        with _named(request) as told:
            return told(get_response(request))

    return answer


@contextmanager
def _named(request: HttpRequest) -> Iterator[Callable[[HttpResponseBase], HttpResponseBase]]:
    began = time.monotonic()
    given = request.headers.get(HEADER, "")
    name = given if ACCEPTED.fullmatch(given) else str(new_id())

    def told(response: HttpResponseBase) -> HttpResponseBase:
        response[HEADER] = name
        took = 1000 * (time.monotonic() - began)
        path = escape_uri_path(request.path)
        logger.info("%s %s %s %.1f ms", request.method, path, response.status_code, took)
        return response

    with about(request_id=name):
        yield told
