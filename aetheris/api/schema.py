"""The OpenAPI document: what `contract` and `permissions` of a view say, as operations."""

import inspect
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from aetheris.api.contract import Link, Method, codes, refusals
from aetheris.api.fields import Fields
from aetheris.api.permissions import OPEN, SIGNED_IN

_TEXT = {"type": "string"}
ERROR = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "additionalProperties": False,
            "properties": {"code": _TEXT, "message": _TEXT, "details": {}},
        }
    },
}
"""The body of every refusal, a component of the document."""

HEADERS = {
    "X-Request-ID": {
        "description": "The request's name, also in the server's log: the one that came with it, or a new one.",
        "required": True,
        "schema": _TEXT,
    },
    "Retry-After": {
        "description": "After so many seconds the same request may be sent again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {"description": "How to say who one is.", "schema": _TEXT},
}
"""What answers have besides a body, each a component of the document."""
OF_STATUS = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",)}


class ContractSchema(AutoSchema):
    """DRF's schema class of every view. A view without a contract for a method breaks the document."""

    view: Any

    @property
    def contract(self) -> Method:
        found: Method = self.view.contract[self.method]
        return found

    @property
    def needed(self) -> tuple[str, ...]:
        return tuple(self.view.permissions[self.method])

    def get_operation_id(self) -> str:
        return self.contract.name

    def get_summary(self) -> str:
        return self.contract.does

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's own signature
        said = " ".join((inspect.getdoc(self.view) or "").split())
        return f"{said} {self._need()}"

    def _need(self) -> str:
        if OPEN in self.needed:
            return "Needs no token."
        if SIGNED_IN in self.needed:
            return "Needs any valid token."
        return f"Needs the permission {' or '.join(f'`{name}`' for name in self.needed)}."

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[2]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [] if OPEN in self.needed else [{"token": []}, {"session": []}]

    def get_filter_backends(self) -> list[Any]:
        return []

    def get_request_serializer(self) -> Any:
        return self.contract.takes

    def get_override_parameters(self) -> list[Any]:
        asks = [self.contract.asks] if self.contract.asks else []
        headers = [
            OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=schema.get("description", ""))
            for name, schema in self.contract.headers.items()
        ]
        return [*asks, *headers]

    def get_examples(self) -> list[OpenApiExample]:
        takes = self.contract.takes
        return [OpenApiExample(self.contract.name, takes.example, request_only=True)] if takes else []

    def get_response_serializers(self) -> Any:
        media = self.contract.media_type
        good = {
            (status, media): OpenApiResponse(answer, description="Done.")
            for status, answer in self.contract.answers.items()
        }
        found = codes(self.contract, self.needed, has_path="{" in self.path)
        bad = {
            (status, "application/json"): OpenApiResponse(_error(listed), description=", ".join(listed))
            for status, listed in refusals(found).items()
        }
        return {**good, **bad}

    def get_operation(self, *place: Any) -> Any:
        operation = super().get_operation(*place)
        if operation:
            links = {link.name: _link(link) for link in self.contract.links}
            for status in self.contract.answers if links else ():
                operation["responses"][str(status)]["links"] = links
            for answered, response in operation["responses"].items():
                names = ("X-Request-ID", *OF_STATUS.get(answered, ()))
                response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        return operation

    def _map_serializer(self, serializer: Any, *place: Any, **options: Any) -> Any:
        schema = super()._map_serializer(serializer, *place, **options)  # type: ignore[no-untyped-call]
        kind = serializer if isinstance(serializer, type) else type(serializer)
        if issubclass(kind, Fields):
            schema["additionalProperties"] = False
        if "__doc__" not in vars(kind) or vars(kind)["__doc__"] is None:
            schema.pop("description", None)
        return schema


def with_error(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put the body of refusals and the headers of answers into the document."""
    result["components"]["schemas"]["Error"] = ERROR
    result["components"]["headers"] = HEADERS
    return result


def with_plain_texts(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A text that may be empty is one text: drf-spectacular says "this or an empty one", of which "" would be both."""
    for schema in result["components"]["schemas"].values():
        for field in schema.get("properties", {}).values():
            texts = field.get("oneOf", ())
            if len(texts) == 2 and texts[1] == {**_TEXT, "maxLength": 0}:
                del field["oneOf"]
                field.update(texts[0])
    return result


def _error(listed: list[str]) -> dict[str, Any]:
    code = {"properties": {"error": {"properties": {"code": {"enum": listed}}}}}
    return {"allOf": [{"$ref": "#/components/schemas/Error"}, code]}


def _link(link: Link) -> dict[str, Any]:
    return {"operationId": link.to, "parameters": {link.parameter: f"$response.body#/{link.field}"}}
