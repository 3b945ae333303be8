"""Views that wait, without a thread: the same authentication, permissions, throttles and errors as all others."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

T = TypeVar("T")

READERS = 4
_readers = ThreadPoolExecutor(READERS, "reader")


async def read(call: Callable[[], T]) -> T:
    """What a call answers that asks the database, in one of a few threads that hold no connection between calls."""
    return await asyncio.get_running_loop().run_in_executor(_readers, _reading, call)


def _reading(call: Callable[[], T]) -> T:
    try:
        return call()
    finally:
        connection.close()


class AsyncAPIView(APIView):
    """Its methods are coroutines. What they ask the database goes through `read`."""

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        self.args, self.kwargs = args, kwargs
        self.request = asked = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await sync_to_async(self._begin)(asked, *args, **kwargs)
            response = await getattr(self, str(asked.method).lower())(asked, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        answer: HttpResponseBase = self.finalize_response(asked, response, *args, **kwargs)
        return answer

    def _begin(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A connection that was needed for this is not kept while the method waits."""
        try:
            self.initial(request, *args, **kwargs)
        finally:
            connection.close()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """A refusal is JSON, whatever was asked for."""
        if isinstance(response, Response) and response.exception:
            request.accepted_renderer = JSONRenderer()
            request.accepted_media_type = JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)
