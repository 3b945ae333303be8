"""Argument schemas from type hints: what a tool or function accepts, checked and made canonical."""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import is_dataclass
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema

from aetheris.core.canonical import dumps_around, dumps_escaped
from aetheris.core.errors import ArgumentsInvalid, ResultInvalid

CONTEXT = "ctx"


class _SameEverywhere(GenerateJsonSchema):
    """Writes the sets in a default in the order of their texts: their own order is another one in each process."""

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(_ordered(dft))


class Signature:
    """The arguments of one handler. `ctx`, where it comes first, is the runtime's and no argument."""

    def __init__(self, function: Callable[..., Any]) -> None:
        parameters = inspect.signature(function).parameters
        self.takes_context = next(iter(parameters), "") == CONTEXT
        self._function = function
        self._parameters = {name: p for name, p in parameters.items() if name != CONTEXT}
        self._required = {name for name, p in self._parameters.items() if p.default is p.empty}
        for name, parameter in self._parameters.items():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise TypeError(f"{function.__qualname__}: {name!r} must be an ordinary, named argument")

    @property
    def names(self) -> list[str]:
        """The names of the arguments, in their order."""
        return list(self._parameters)

    @cached_property
    def model(self) -> type[BaseModel]:
        hints = get_type_hints(self._function, include_extras=True)
        fields: dict[str, Any] = {
            name: (hints.get(name, Any), ... if p.default is p.empty else p.default)
            for name, p in self._parameters.items()
        }
        return create_model(self._function.__name__, __config__=ConfigDict(extra="forbid"), **fields)

    @cached_property
    def _result(self) -> TypeAdapter[Any]:
        return TypeAdapter(get_type_hints(self._function, include_extras=True).get("return", Any))

    def check(self, *, result: bool) -> None:
        """Raise `TypeError` when the hints of the arguments, or of the result too, make no schema: better at start
        than at the first call."""
        try:
            self.json_schema()
            if result:
                self.result_schema()
        except Exception as error:
            raise TypeError(f"{self._function.__qualname__}: its type hints make no schema: {error}") from error

    def json_schema(self) -> dict[str, Any]:
        return self.model.model_json_schema(schema_generator=_SameEverywhere)

    def result_schema(self) -> dict[str, Any]:
        """JSON Schema of what the handler returns."""
        return self._result.json_schema(mode="serialization")

    def result(self, value: Any) -> Any:
        """A returned value as its hint has it, as plain data. Raises `ResultInvalid` with each field's reason."""
        try:
            return self._result.dump_python(_ordered(self._result.validate_python(value)), warnings=False)
        except ValidationError as error:
            problems, listed = _problems(error)
            raise ResultInvalid(f"The result does not fit: {listed}.", details=problems) from error

    def check_names(self, arguments: Mapping[str, Any]) -> None:
        """Raise `ArgumentsInvalid` when names are missing or unknown, before any value is there."""
        if missing := self._required - arguments.keys():
            raise ArgumentsInvalid(f"Arguments are missing: {', '.join(sorted(missing))}.")
        if unknown := arguments.keys() - self._parameters.keys():
            raise ArgumentsInvalid(
                f"There are no arguments {', '.join(sorted(unknown))}; there are {', '.join(self._parameters)}."
            )

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The typed keyword arguments for the call. Raises `ArgumentsInvalid` with each field's reason."""
        model = self._validated(arguments)
        return {name: getattr(model, name) for name in self._parameters}

    def canonical(self, arguments: Mapping[str, Any]) -> str:
        """The canonical text of the checked arguments, defaults included: what is approved and digested."""
        model = self._validated(arguments)
        vars(model).update(_ordered(vars(model)))
        return dumps_around(model.model_dump(mode="json", by_alias=True, warnings=False))

    def _validated(self, arguments: Mapping[str, Any]) -> BaseModel:
        try:
            return self.model.model_validate(dict(arguments))
        except ValidationError as error:
            problems, listed = _problems(error)
            raise ArgumentsInvalid(f"The arguments do not fit: {listed}.", details=problems) from error


def _ordered(value: Any) -> Any:
    """The value with every set in it as a list, in the order of the texts of what is in it."""
    if isinstance(value, set | frozenset):
        return sorted(map(_ordered, value), key=dumps_escaped)
    if type(value) in (list, tuple):
        return type(value)(map(_ordered, value))
    if isinstance(value, dict):
        return {key: _ordered(item) for key, item in value.items()}
    if isinstance(value, BaseModel) or (is_dataclass(value) and hasattr(value, "__dict__")):
        changed = copy(value)
        vars(changed).update(_ordered(vars(value)))
        return changed
    return value


def _problems(error: ValidationError) -> tuple[dict[str, str], str]:
    """Field → reason, and the same as one sentence."""
    problems = {".".join(map(str, e["loc"])): e["msg"] for e in error.errors()}
    return problems, "; ".join(f"{name}: {reason}" if name else reason for name, reason in problems.items())
