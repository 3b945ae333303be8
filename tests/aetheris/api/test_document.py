"""What the OpenAPI document says of every operation."""

from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from aetheris.api.schema import HEADERS
from tests.doors import DECIDER, REQUESTER, Door, door

TAKEN = ("name", "example")


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(public=True)


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_body_has_an_example_that_its_fields_take(document: Any) -> None:
    from aetheris.api.fields import Fields

    taking = {kind.__name__: kind for kind in Fields.__subclasses__()}
    found = {
        name: (body["content"]["application/json"], operation["operationId"])
        for name, operation in operations(document)
        if (body := operation.get("requestBody"))
    }
    assert len(found) > 10
    for name, (content, _) in found.items():
        (example,) = content["examples"].values()
        kind = taking[content["schema"]["$ref"].rpartition("/")[2].removesuffix("Request")]
        assert kind(data=example["value"]).is_valid(), name


def test_every_answer_has_its_headers(document: Any) -> None:
    assert document["components"]["headers"] == HEADERS
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert "X-Request-ID" in answer["headers"], name
            assert ("Retry-After" in answer["headers"]) == (status in ("429", "503")), (name, status)


def test_closed_sets_are_listed(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for name, field in (("Done", "status"), ("ToolSummary", "effect"), ("PossibleAnswer", "resolution")):
        told = schemas[name]["properties"][field]
        assert told.get("enum") or schemas[told["$ref"].rpartition("/")[2]]["enum"], (name, field)


def test_refusals_say_what_to_do(doorbells: object) -> None:
    requester, approver = door("requester", *REQUESTER), door("approver", *DECIDER)

    def said(answer: Any) -> str:
        return str(answer.body["error"]["message"])

    assert "POST /api/login" in said(Door().get("jobs"))
    assert said(Door("of0nobody").get("jobs")) == said(Door("%").get("jobs"))
    assert "has ended" in said(Door("of0nobody").get("jobs"))
    assert "permission job:create" in said(approver.message())
    assert "permission job:view or job:create" in said(approver.get("agents"))
    assert "line 1 column 2" in said(requester.raw("agents/a/message", "{nothing"))
    assert "UTF-8" in said(requester.raw("agents/a/message", b'{"message": "\xff"}'))
    assert "Content-Type: application/json" in said(requester.raw("agents/a/message", "{}", content_type="text/plain"))
    assert "application/json" in said(requester.send("GET", "jobs", headers={"Accept": "text/csv"}))
