"""Celery carries doorbells and nothing else."""

import ast
from collections.abc import Iterator

from celery import current_app

from aetheris.celery import app
from jobs import messages, tasks
from tests.architecture.source import broken, calls, imports, keywords

NAMES = {value for name, value in vars(messages).items() if name.isupper()}


def test_each_message_has_a_task() -> None:
    assert tasks.__name__ == "jobs.tasks"
    assert set(current_app.tasks) >= NAMES


def test_each_task_of_ours_is_a_message() -> None:
    assert {name for name in app.tasks if name.startswith(("aetheris.", "jobs."))} == NAMES


def test_beat_rings_only_known_tasks() -> None:
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= NAMES


def test_the_broker_is_trusted_with_json_only() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_ignore_result is True
    assert app.conf.result_backend is None
    assert app.conf.task_acks_late is False


def test_time_and_retries_are_rows_not_messages() -> None:
    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        for call, name in calls(tree):
            timed = keywords(call) & {"countdown", "eta", "expires"}
            of_celery = name in ("apply_async", "delay", "chord", "chain", "AsyncResult")
            if timed or (of_celery and ast.unparse(call.func) != "itertools.chain"):
                yield call.lineno

    assert broken(rule) == []
    assert all(entry["options"].keys() == {"queue"} for entry in app.conf.beat_schedule.values())


def test_a_message_is_sent_from_one_place() -> None:
    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        yield from (call.lineno for call, name in calls(tree) if name in ("send_task", "send_task_message"))

    assert [place.split(":")[0] for place in broken(rule)] == ["jobs/engine/dispatch.py"]


def test_nothing_is_unpickled_or_evaluated() -> None:
    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        yield from (line for line, name in imports(tree) if name in ("pickle", "marshal", "shelve", "dill"))
        for call, _ in calls(tree):
            if isinstance(call.func, ast.Name) and call.func.id in ("eval", "exec", "compile", "__import__"):
                yield call.lineno

    assert broken(rule) == []
