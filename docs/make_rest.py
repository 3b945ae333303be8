"""Make docs/rest-fields.md from the OpenAPI document: `.venv/bin/python docs/make_rest.py`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

PAGE = Path(__file__).with_name("rest-fields.md")

HEAD = """\
# REST: fields and errors

Every operation with its parameters, fields, scopes and error codes. This page is made by `docs/make_rest.py` from the
OpenAPI document, which `GET /api/openapi.json` answers; change the contracts of the views, then run

```sh
.venv/bin/python docs/make_rest.py
```

What each one does, with an example: [rest.md](rest.md). What to do about a code: [errors.md](errors.md). A field in
*italics* may be left out. Any operation may also refuse with {everywhere}.
"""


def page() -> str:
    """The whole page."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")
    django.setup()
    from drf_spectacular.generators import SchemaGenerator

    from aetheris.api.contract import ANYWHERE

    document = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    parts = [HEAD.format(everywhere=", ".join(f"`{code}`" for code in ANYWHERE))]
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            parts.append(f"## {method.upper()} {path}\n\n{operation['summary']}. {_need(operation)}\n")
            parts += [f"- {line}" for line in _told(operation, set(ANYWHERE))]
            parts.append("")
    parts.append("## What they send and answer\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        if fields := _fields(schema):
            parts.append(f"### {name}\n\n{fields}\n")
    return "\n".join(parts).rstrip() + "\n"


def _need(operation: dict[str, Any]) -> str:
    return "Needs" + str(operation["description"]).rpartition("Needs")[2]


def _told(operation: dict[str, Any], everywhere: set[str]) -> Iterator[str]:
    if parameters := operation.get("parameters"):
        listed = (_name(each["name"], each.get("required", False), each["in"]) for each in parameters)
        yield f"parameters: {', '.join(listed)}"
    if body := operation.get("requestBody"):
        yield f"sends {_content(body)}"
    for status, answer in operation["responses"].items():
        if status < "300":
            yield f"{status}: {_content(answer) or 'no body'}"
        elif codes := [code for code in answer["description"].split(", ") if code not in everywhere]:
            yield f"{status}: {', '.join(f'`{code}`' for code in codes)}"


def _name(name: str, required: bool, place: str) -> str:
    return f"`{name}` ({place})" if required else f"*`{name}`* ({place})"


def _content(holder: dict[str, Any]) -> str:
    return ", ".join(
        _kind(each["schema"]) + f" as `{media}`" * (media != "application/json")
        for media, each in holder.get("content", {}).items()
        if media not in ("multipart/form-data", "application/x-www-form-urlencoded")
    )


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    listed = [
        f"| {f'`{name}`' if name in required else f'*`{name}`*'} | {_kind(each)} |"
        for name, each in schema.get("properties", {}).items()
    ]
    return "\n".join(["| field | is |", "|---|---|", *listed]) if listed else ""


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_kind(each) for each in schema[several]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kinds = schema.get("type", "any")
    told = " or ".join(kinds) if isinstance(kinds, list) else kinds
    return f"{told} ({schema['format']})" if "format" in schema else str(told)


if __name__ == "__main__":
    PAGE.write_text(page())
