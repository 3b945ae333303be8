"""JSON Schemas for answers of people, programs and models: checked with the plan, applied without the network."""

from typing import Any

import jsonschema
from jsonschema.validators import validator_for
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY


def schema_problem(schema: Any) -> str:
    """Why `schema` is no JSON Schema; empty when it is one."""
    if not isinstance(schema, dict):
        return "a schema is an object"
    try:
        validator_for(schema, jsonschema.Draft202012Validator).check_schema(schema)
    except jsonschema.SchemaError as error:
        return error.message
    return ""


def misfit(value: Any, schema: Any) -> str:
    """Why `value` does not fit `schema`; empty when it does. A reference out of the schema fits nothing."""
    kind = validator_for(schema, jsonschema.Draft202012Validator)
    try:
        found = jsonschema.exceptions.best_match(kind(schema, registry=EMPTY_REGISTRY).iter_errors(value))
    except Unresolvable as error:
        return f"its schema refers to {error.ref!r}, which is not in it"
    except RecursionError:
        return "its schema or the value goes too deep"
    return found.message if found else ""
