"""The instance at a glance, and everything that may be wrong with asking it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest

from aetheris import __version__
from aetheris.api.exceptions import STATUS
from aetheris.cli import typed
from aetheris.cli.endings import MEANING
from aetheris.cli.remedies import REMEDIES
from jobs.engine.possible import Resolution
from jobs.states import JobState, Outcome
from signals_app.api.resolutions import ASKED_ABOUT
from signals_app.states import ApprovalState
from tests.cli.conftest import Person
from tests.cli.test_init import run
from tests.docs.reading import read, rows, section, spans
from tests.doors import finishing
from tests.world import Registered, World, submitted

NOBODYS = "01a1fe35-ff43-7b69-8a7d-98a35dd21682"


def test_the_instance_is_shown_at_a_glance(operator: Person, registered: Registered, world: World) -> None:
    finishing(registered, world)
    submitted()
    shown = operator("monitor").out
    assert "PostgreSQL" in shown
    assert operator("monitor", "--json").json["summary"]["jobs"]["pending"] == 1
    assert "No job is stuck" in operator("stuck").out
    assert operator("workers", "--json").json["total"] == 0
    assert "doctor" in operator("workers").out
    assert operator("health").out.startswith("ok")


def test_watching_shows_it_again_and_again(operator: Person) -> None:
    process = operator.start("monitor", "--watch", "--interval", "0.2", "--json")
    assert process.stdout is not None
    looks = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.terminate()
    process.communicate(timeout=30)
    assert looks[0]["status"]["database_now"] < looks[1]["status"]["database_now"]


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    nowhere = Person("", "", tmp_path)
    ended = nowhere("jobs")
    assert (ended.code, ended.out) == (3, "")
    assert f"Nothing runs in {tmp_path}." in ended.err
    assert "aetheris up" in ended.err
    assert nowhere("jobs", "--json").error["code"] == "INSTANCE_NOT_RUNNING"
    assert nowhere("status").code == 3


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_a_process_that_would_join_nothing_is_refused_at_once(tmp_path: Path, role: str) -> None:
    ended = run(tmp_path, "aetheris", role, "--data", "nowhere")
    assert (ended.code, ended.out) == (3, "")
    assert "Nothing runs in nowhere." in ended.err
    assert all(name in ended.err for name in ("aetheris up", "--data", "AETHERIS_DATABASE_URL"))


def test_a_server_that_is_away_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = Person(f"http://127.0.0.1:{taken.getsockname()[1]}", "of0nobody", tmp_path)
        for arguments in (["jobs"], ["health"], ["message", "agent", "do it", "--wait"]):
            ended = away(*arguments)
            assert (ended.code, ended.out) == (3, "")
            assert "does not answer" in ended.err
            assert "aetheris doctor" in ended.err


def test_an_address_of_something_else_is_said_so(web: str, tmp_path: Path) -> None:
    ended = Person(f"{web}/admin", "of0nobody", tmp_path)("jobs")
    assert ended.code in (1, 3)
    assert "NOT_FOUND" in ended.err or "not as Aetheris does" in ended.err
    assert Person("localhost:8080", "of0nobody", tmp_path)("jobs").code == 1


def test_a_token_that_opens_nothing_and_none_at_all(web: str, tmp_path: Path) -> None:
    refused = Person(web, "of0nobody", tmp_path)("jobs", "--json")
    assert (refused.code, refused.error["code"]) == (1, "UNAUTHORIZED")
    assert "AETHERIS_TOKEN" in refused.error["remedy"]
    nobody = Person(web, "", tmp_path)("jobs")
    assert (nobody.code, "AETHERIS_TOKEN" in nobody.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["job", NOBODYS], "JOB_NOT_FOUND"),
        (["job", NOBODYS, "--follow"], "JOB_NOT_FOUND"),
        (["trace", NOBODYS], "JOB_NOT_FOUND"),
        (["replay", NOBODYS], "JOB_NOT_FOUND"),
        (["signal", NOBODYS, "key"], "JOB_NOT_FOUND"),
        (["cancel", NOBODYS], "JOB_NOT_FOUND"),
        (["retry", NOBODYS], "JOB_NOT_FOUND"),
        (["agent", "state", "nobody"], "AGENT_NOT_FOUND"),
        (["tools", "none"], "TOOL_NOT_FOUND"),
        (["message", "nobody", "do it"], "AGENT_NOT_FOUND"),
        (["jobs", "nobody"], "AGENT_NOT_FOUND"),
        (["chat", "nobody"], "AGENT_NOT_FOUND"),
        (["jobs", "--cursor", "odd"], "INVALID_REQUEST"),
        (["message", "nobody", "x", "--key", "no key"], "INVALID_IDEMPOTENCY_KEY"),
        (["workers"], "FORBIDDEN"),
        (["approvals"], "FORBIDDEN"),
    ],
)
def test_what_is_refused_has_its_code_and_changes_nothing(requester: Person, arguments: list[str], code: str) -> None:
    ended = requester(*arguments, "--json")
    assert (ended.code, ended.out, ended.error["code"]) == (1, "", code)
    said = requester(*arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"aetheris: {code}: ")


def test_wrong_usage_ends_with_2(requester: Person) -> None:
    for arguments in (["job"], ["nothing"], ["jobs", "--limit", "0"], ["message", "a", "b", "--priority", "9"]):
        assert requester(*arguments).code == 2


@pytest.mark.parametrize(
    ("arguments", "named", "right"),
    [
        (["jobs", "--status", "odd"], "--status", "'retrying'"),
        (["jobs", "--outcome", "parked"], "--outcome", "'refused'"),
        (["approvals", "--status", "rejected"], "--status", "'refused'"),
        (["resolutions", "--status", "pending"], "--status", "'open', 'resolved'"),
        (["resolve", NOBODYS, "perhaps"], "RESOLUTION", "'did_not_happen'"),
        (["job", "../agents"], "JOB", "UUID"),
        (["job", "a\x01b"], "JOB", "UUID"),
        (["trace", "order-123"], "JOB", "UUID"),
        (["signal", "mine", "key"], "JOB", "UUID"),
        (["approve", "yes"], "APPROVAL", "UUID"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_before_anything_is_asked(
    tmp_path: Path, arguments: list[str], named: str, right: str
) -> None:
    ended = Person("", "", tmp_path)(*arguments)
    assert (ended.code, ended.out) == (2, "")
    said = " ".join(ended.err.replace("│", "").split())
    assert f"Invalid value for '{named}'" in said
    assert right in said


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        (typed.JobState, JobState),
        (typed.Outcome, Outcome),
        (typed.ApprovalState, ApprovalState),
        (typed.QuestionState, ASKED_ABOUT),
        (typed.Resolution, Resolution),
    ],
)
def test_the_words_are_those_of_rest(words: Any, choices: Iterable[str]) -> None:
    assert list(get_args(words)) == list(map(str, choices))


def test_a_wait_that_is_no_time_is_refused_before_anything_is_sent(requester: Person) -> None:
    ended = requester("message", "nobody", "x", "--wait", "--timeout", "soon")
    assert ended.code == 2


def test_every_remedy_is_for_a_code_that_is_documented() -> None:
    documented = {spans(row[0])[0] for row in rows(section(read("errors.md"), "## Answers of the REST interface"))}
    assert set(REMEDIES) <= documented
    no_command_is_answered_so = {"KEY_NOT_FOUND", "SCOPE_NOT_YOURS", "MESSAGE_CONFLICT"}
    assert set(STATUS) - no_command_is_answered_so <= set(REMEDIES)


def test_the_exit_codes_are_in_the_help(requester: Person) -> None:
    told = " ".join(requester("--help").out.split())
    assert all(f"{code} {meaning}" in told for code, meaning in MEANING.items())


def completed(words: str, **environ: str) -> list[str]:
    """What a shell completes behind these words."""
    asked = {"_AETHERIS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = Path(sys.executable).with_name("aetheris")
    answer = subprocess.run([program], env={**os.environ, **environ, **asked}, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout.split()


def test_a_shell_completes_commands_and_values() -> None:
    assert completed("aetheris app") == ["approvals", "approve"]
    assert completed("aetheris jobs --status pa") == ["parked"]
    assert completed("aetheris resolve JOB s") == ["send_again", "stop"]


def test_a_shell_completes_what_the_instance_knows(requester: Person, registered: Registered, world: World) -> None:
    finishing(registered, world)
    job_id = str(submitted().pk)
    assert completed("aetheris message te", **requester.environ) == ["test-agent"]
    assert completed("aetheris jobs ", **requester.environ) == ["test-agent"]
    assert completed(f"aetheris job {job_id[:4]}", **requester.environ) == [job_id]
    assert completed("aetheris job x", **requester.environ) == []


def test_where_nothing_answers_nothing_is_completed(tmp_path: Path) -> None:
    assert completed(f"aetheris job --data {tmp_path} ") == []
    assert completed("aetheris message te", AETHERIS_API_URL="http://127.0.0.1:1", AETHERIS_TOKEN="t") == []


def test_the_version_is_an_option_as_well(requester: Person) -> None:
    assert requester("--version").out == requester("version").out == f"{__version__}\n"
    assert (requester().code, "Usage" in requester().out + requester().err) == (2, True)
