"""Canonical JSON text (RFC 8785): the one form in which values are stored, compared and digested.

Decimals and integers of ±2^53 and beyond become strings, so that no reader rounds them. NaN, infinities and lone
surrogates have no canonical form: `dumps` refuses them, `dumps_escaped` writes them as text. The text of what was
read from a text is that text again.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import rfc8785
from pydantic_core import to_jsonable_python

from aetheris.core.errors import NotCanonical, described

SAFE_INTEGER = 2**53 - 1
LAST_WRITTEN_OUT = 1e21
MAX_DEPTH = 64


def dumps(value: Any) -> str:
    """The canonical text of `value`. Raises `NotCanonical` with the reason when it has none."""
    return _dumps(value, escape=False, depth=MAX_DEPTH)


def dumps_around(value: Any) -> str:
    """As `dumps`, for what is put around values that it let in, such as the arguments of a call: twice as deep."""
    return _dumps(value, escape=False, depth=2 * MAX_DEPTH)


def dumps_escaped(value: Any) -> str:
    """As `dumps`, for facts that must be recorded whatever they hold: what has no canonical form becomes text.

    It goes twice as deep, so that an event can hold, a few levels down, whatever `dumps` let in. Raises nothing.
    """
    try:
        return _dumps(value, escape=True, depth=2 * MAX_DEPTH)
    except NotCanonical:
        return _dumps(_shown(value), escape=True, depth=1)


class Canonical(str):
    """A text that is canonical JSON already, to be put into an object as it is."""

    __slots__ = ()


def members(fields: Mapping[str, Any]) -> dict[str, str]:
    """Each field's canonical text; a `Canonical` stays as it is."""
    return {name: str(value) if type(value) is Canonical else dumps_escaped(value) for name, value in fields.items()}


def object_of(texts: Mapping[str, str]) -> str:
    """The canonical object whose fields have these canonical texts. Field names are ASCII identifiers."""
    return "{" + ",".join([f'"{name}":{texts[name]}' for name in sorted(texts)]) + "}"


loads: Callable[[str], Any] = orjson.loads
"""The value of a canonical text."""


def shown(text: str) -> Any:
    """The value of a stored text, for people: one that somebody made no JSON is shown as `{"unreadable": text}`."""
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return {"unreadable": text}


def _no_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def digest(text: str) -> bytes:
    """SHA-256 of a stored text, 32 bytes."""
    return hashlib.sha256(text.encode()).digest()


def _dumps(value: Any, *, escape: bool, depth: int) -> str:
    if type(value) is str and value.isascii():
        return _quoted(value)
    text = _written(value, depth)
    if text is None:
        plain = value if type(value) in _SCALARS else _plain(value, escape)
        text = _written(plain, depth) or rfc8785.dumps(_checked(plain, escape, depth)).decode()
    return text


_quoted = json.encoder.encode_basestring
_SCALARS = {str, int, bool, type(None)}
_AS_THE_RFC = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def _plain(value: Any, escape: bool) -> Any:
    try:
        return to_jsonable_python(value, inf_nan_mode="constants", fallback=_shown if escape else None)
    except Exception as error:  # a generator, for one, raises what it likes
        raise NotCanonical(f"This value cannot be written as JSON: {described(error)}") from error


def _written(value: Any, depth: int) -> str | None:
    """What orjson makes of it, which is far faster than anything else; None where that is not what RFC 8785 says."""
    try:
        if type(value) in _SCALARS or _is_ordinary(value, depth):
            return orjson.dumps(value, option=_AS_THE_RFC).decode()
    except TypeError:
        pass  # a key that is no text, a large integer or a lone surrogate
    return None


def _is_ordinary(value: Any, depth: int) -> bool:
    """Whether orjson writes this as RFC 8785 does, or refuses it: plain data and no fractions, not too deep, and keys
    that sort the same by UTF-16 units and by bytes."""
    keys: list[str] = []
    level = [value]
    for _ in range(depth):
        below: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                keys += each
                below += each.values()
            elif kind is list:
                below += each
            elif kind not in _SCALARS:
                return False
        if not below:
            return "".join(keys).isascii()
        level = below
    return False


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _checked(value: Any, escape: bool, depth: int) -> Any:
    if depth == 0:
        if escape:
            return _text(_shown(value), escape)
        raise NotCanonical(f"Values nest at most {MAX_DEPTH} levels deep, with what is put around them twice that.")
    if isinstance(value, str):
        return _text(value, escape)
    if isinstance(value, dict):
        return {_text(key, escape): _checked(item, escape, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_checked(item, escape, depth - 1) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    return _number(value, escape)


def _number(value: int | float, escape: bool) -> int | float | str:
    if isinstance(value, float) and not math.isfinite(value):
        if escape:
            return repr(value)
        raise NotCanonical("NaN and infinities are not JSON; send null or a string.")
    if abs(value) <= SAFE_INTEGER:
        return value
    if isinstance(value, float):
        # Below this a float is written without exponent, and would be read back as an integer.
        return str(int(value)) if value.is_integer() and abs(value) < LAST_WRITTEN_OUT else value
    try:
        return str(value)
    except ValueError as error:
        if escape:
            return hex(value)
        raise NotCanonical(f"This integer is too long: {error}") from error


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}, which cannot be shown>"


def _text(value: str, escape: bool) -> str:
    if _is_text(value):
        return value
    if escape:
        return value.encode("utf-8", "backslashreplace").decode()
    raise NotCanonical("A lone surrogate is not Unicode text; remove it.")
