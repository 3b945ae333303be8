"""One error body for every door: `{"error": {"code", "message", "details"}}`, and the status of each code."""

import math
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

from aetheris.core.errors import AetherisError

STATUS = {
    "AGENT_NOT_FOUND": status.HTTP_404_NOT_FOUND,
    "JOB_NOT_FOUND": status.HTTP_404_NOT_FOUND,
    "NODE_NOT_FOUND": status.HTTP_404_NOT_FOUND,
    "APPROVAL_NOT_FOUND": status.HTTP_404_NOT_FOUND,
    "KEY_NOT_FOUND": status.HTTP_404_NOT_FOUND,
    "SCOPE_NOT_YOURS": status.HTTP_403_FORBIDDEN,
    "MAY_NOT_DECIDE": status.HTTP_403_FORBIDDEN,
    "MAY_NOT_SIGNAL": status.HTTP_403_FORBIDDEN,
    "REQUESTER_MAY_NOT_DECIDE": status.HTTP_403_FORBIDDEN,
    "IDEMPOTENCY_KEY_REUSED": status.HTTP_409_CONFLICT,
    "MESSAGE_CONFLICT": status.HTTP_409_CONFLICT,
    "SIGNAL_CONFLICT": status.HTTP_409_CONFLICT,
    "WAIT_NOT_OPEN": status.HTTP_409_CONFLICT,
    "WAIT_EXPIRED": status.HTTP_409_CONFLICT,
    "EFFECT_NOT_SETTLED": status.HTTP_409_CONFLICT,
    "SECOND_PERSON_NEEDED": status.HTTP_409_CONFLICT,
    "JOB_NOT_FAILED": status.HTTP_409_CONFLICT,
    "CANNOT_RETRY": status.HTTP_409_CONFLICT,
    "CANNOT_ASK": status.HTTP_409_CONFLICT,
    "JOB_STARTS_NOTHING_MORE": status.HTTP_409_CONFLICT,
    "TOOL_NOT_FOUND": status.HTTP_404_NOT_FOUND,
}

_CODES: tuple[tuple[type[exceptions.APIException], str], ...] = (
    (exceptions.NotAuthenticated, "UNAUTHORIZED"),
    (exceptions.AuthenticationFailed, "UNAUTHORIZED"),
    (exceptions.PermissionDenied, "FORBIDDEN"),
    (exceptions.NotFound, "NOT_FOUND"),
    (exceptions.MethodNotAllowed, "METHOD_NOT_ALLOWED"),
    (exceptions.UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE"),
    (exceptions.NotAcceptable, "NOT_ACCEPTABLE"),
    (exceptions.Throttled, "RATE_LIMITED"),
    (exceptions.ParseError, "MALFORMED_JSON"),
    (exceptions.ValidationError, "INVALID_REQUEST"),
)

_TEXTS: dict[type[exceptions.APIException], str] = {
    exceptions.NotAuthenticated: "Nobody is logged in. Send `Authorization: Bearer …` with a token of "
    "`POST /api/login` or an API key.",
    exceptions.UnsupportedMediaType: "A body is JSON: send `Content-Type: application/json`.",
    exceptions.NotAcceptable: "Accept application/json; of a stream, text/event-stream.",
}
"""Instead of DRF's own, which do not say what to do."""


class BodyTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "BODY_TOO_LARGE"
    default_detail = f"A body has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes."


class DatabaseAway(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "DATABASE_AWAY"
    default_detail = "The database does not answer; nothing that was answered for is lost. Send the request again."
    wait = 5
    """Seconds after which the same request may be sent again."""


_DJANGO: dict[type[Exception], Callable[[], Exception]] = {
    OperationalError: DatabaseAway,
    InterfaceError: DatabaseAway,
    Http404: exceptions.NotFound,
    PermissionDenied: exceptions.PermissionDenied,
    RequestDataTooBig: BodyTooLarge,
}


def status_of(code: str) -> int:
    """The HTTP status of each code that the REST interface answers."""
    of_drf = {code: kind.status_code for kind, code in _CODES}
    of_ours = {kind.default_code: kind.status_code for kind in (BodyTooLarge, DatabaseAway)}
    return {**of_drf, **of_ours, "INTERNAL_ERROR": 500, **STATUS}.get(code, status.HTTP_400_BAD_REQUEST)


def body(code: str, message: str, details: Any = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": details or {}}}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. What is not one of ours or DRF's stays an error of the server."""
    if isinstance(error, AetherisError):
        return Response(
            body(error.code, error.message, error.details),
            STATUS.get(error.code, status.HTTP_400_BAD_REQUEST),
        )
    error = _DJANGO.get(type(error), lambda: error)()
    if not isinstance(error, exceptions.APIException):
        return None
    return _of_drf(error)


def _of_drf(error: exceptions.APIException) -> Response:
    code = next((code for kind, code in _CODES if isinstance(error, kind)), str(error.default_code).upper())
    invalid = isinstance(error, exceptions.ValidationError)
    message = "The request does not fit; see details." if invalid else _TEXTS.get(type(error), str(error.detail))
    answer = Response(body(code, message, error.detail if invalid else None), error.status_code)
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        answer["Retry-After"] = str(math.ceil(wait))
    return answer


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Django's own 400 (a foreign host name, a form that is too large), in the same body."""
    return JsonResponse(body("BAD_REQUEST", "This request cannot be read."), status=400)


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Django's own 404, in the same body."""
    return JsonResponse(body("NOT_FOUND", f"There is nothing at {request.path}."), status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's own 500, in the same body and without a traceback; 503 when it is the database that does not answer."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        away = DatabaseAway
        answer = body(away.default_code, away.default_detail)
        return JsonResponse(answer, status=away.status_code, headers={"Retry-After": str(away.wait)})
    return JsonResponse(body("INTERNAL_ERROR", "Something failed here; the server's log says what."), status=500)
