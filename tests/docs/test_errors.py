"""docs/errors.md lists every stable error code of the source, and the HTTP status that its door answers."""

import ast
import re
from collections.abc import Iterator

import pytest

from aetheris.api.exceptions import _CODES, STATUS, BodyTooLarge, DatabaseAway
from tests.docs.reading import read, rows, section, source, spans

CODE = re.compile(r"[A-Z]{3,}(_[A-Z]+)*")
TAKES_A_CODE = {"Fail", "Doubt", "Registry", "body", "fail", "fail_job", "remains", "show"}
PAGE = read("errors.md")
ANSWERS = {spans(row[0])[0]: row for row in rows(section(PAGE, "## Answers of the REST interface"))}
OF_JOBS = {spans(row[0])[0]: row for row in rows(section(PAGE, "## Errors of a job"))}
OF_CODE = {spans(row[0])[0]: row for row in rows(section(PAGE, "## Errors of your code"))}
OF_COMMANDS = {spans(row[0])[0]: row for row in rows(section(PAGE, "## Of the command line"))}
IN_LOGS = {spans(row[0])[0] for row in rows(section(PAGE, "## In a worker's log"))}


def codes(tree: ast.Module) -> Iterator[str]:
    """Each text of a module that stands where a code belongs."""
    for node in ast.walk(tree):
        places: list[ast.expr | None] = []
        if isinstance(node, ast.ClassDef):
            places = [each.value for each in node.body if isinstance(each, ast.Assign) and _is_code(each.targets[0])]
        elif isinstance(node, ast.Call):
            places = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            if _name(node.func) in TAKES_A_CODE:
                places += node.args
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            places = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code"]
        elif isinstance(node, ast.Assign) and _is_code(node.targets[0]):
            places = [node.value]
        places += [choice for place in places if isinstance(place, ast.IfExp) for choice in (place.body, place.orelse)]
        for place in places:
            if isinstance(place, ast.Constant) and isinstance(place.value, str) and CODE.fullmatch(place.value):
                yield place.value


def _is_code(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id in ("code", "default_code")


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


FOUND = {code for _, tree in source() for code in codes(tree)} | set(STATUS) | {code for _, code in _CODES}


def test_the_page_lists_every_code_and_no_other() -> None:
    assert set(ANSWERS) | set(OF_JOBS) | set(OF_CODE) | set(OF_COMMANDS) == FOUND


def test_the_page_lists_every_code_of_a_log() -> None:
    texts = (node.value for _, tree in source() for node in ast.walk(tree) if isinstance(node, ast.Constant))
    found = (re.match(r"([A-Z]{3,}(_[A-Z]+)+): ", text) for text in texts if isinstance(text, str))
    assert {match[1] for match in found if match} == IN_LOGS


def test_every_code_with_a_status_of_its_own_is_an_answer() -> None:
    assert set(STATUS) | {code for _, code in _CODES} <= set(ANSWERS)


@pytest.mark.parametrize("code", sorted(ANSWERS))
def test_each_answer_has_the_status_that_the_door_gives(code: str) -> None:
    of_drf = {code: str(kind.status_code) for kind, code in _CODES}
    special = {each.default_code: str(each.status_code) for each in (BodyTooLarge, DatabaseAway)}
    special["INTERNAL_ERROR"] = "500"
    expected = of_drf.get(code) or special.get(code) or str(STATUS.get(code, 400))
    assert ANSWERS[code][1] == expected
