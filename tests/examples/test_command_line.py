"""The command line asks a running instance, and says so when there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from examples.refund.demo import instance
from examples.refund.demo.runtime import ROOT


def aetheris(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "aetheris.cli", *arguments]
    environ = {**os.environ, "COLUMNS": "160", **environ}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)


def test_the_tools_of_the_instance_are_listed(data: Path) -> None:
    listed = aetheris("tools", "--data", str(data))
    assert (listed.returncode, listed.stderr) == (0, "")
    assert all(word in listed.stdout for word in ("query_order", "send_refund", "sent again under the same key"))
    told = json.loads(aetheris("tools", "--json", "--data", str(data)).stdout)
    assert [tool["name"] for tool in told["tools"]] == [
        "query_order",
        "send_refund",
        "send_refund_once",
        "send_verifiable_refund",
    ]


def test_one_tool_is_shown_with_its_schemas(data: Path) -> None:
    shown = aetheris("tools", "send_refund", "--data", str(data))
    assert (shown.returncode, shown.stderr) == (0, "")
    told = json.loads(aetheris("tools", "send_refund", "--json", "--data", str(data)).stdout)
    assert told["contract_sha256"] in shown.stdout
    assert told["arguments_schema"]["required"] == ["order_id", "amount"]
    assert '"order_id"' in shown.stdout


def test_a_token_is_used_instead_of_the_development_user(data: Path) -> None:
    described = instance.read(data)
    login = {"username": described.approver.username, "password": described.approver.password}
    token = httpx.post(f"{described.url}/api/login", json=login, trust_env=False).json()["token"]
    assert aetheris("tools", "--data", str(data), AETHERIS_TOKEN=token).returncode == 0
    refused = aetheris("tools", "--data", str(data), "--token", "of0nobody")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("aetheris: UNAUTHORIZED: This token opens nothing: ")


def test_a_tool_that_is_not_there_is_an_error(data: Path) -> None:
    missing = aetheris("tools", "send refund?", "--data", str(data))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "TOOL_NOT_FOUND" in missing.stderr
    assert "query_order, send_refund" in missing.stderr


def test_where_nothing_runs_it_ends_with_3_and_says_so(tmp_path: Path) -> None:
    ended = aetheris("tools", "--data", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"aetheris: Nothing runs in {tmp_path}.\n")
