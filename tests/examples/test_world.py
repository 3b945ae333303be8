"""The demo's outside world keeps its promises: what is logged, what is honoured, what survives a kill -9."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from shutil import which
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
import pytest

from examples.refund.world import orders
from examples.refund.world.journal import Journal
from examples.refund.world.model import RULES, decide
from tests.examples.services import Service

REFUND = {"order_id": "order-123", "amount_cents": 10000}


@pytest.fixture
def payments(tmp_path: Path) -> Iterator[Service]:
    service = Service("payments", tmp_path)
    yield service
    service.end()


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Service]:
    service = Service("model", tmp_path)
    yield service
    service.end()


def refund(service: Service, key: str, **changed: object) -> tuple[int, Any]:
    answer = service.post("/refunds", {**REFUND, **changed}, **{"Idempotency-Key": key})
    return answer.status_code, answer.json()


def lines(service: Service) -> list[Any]:
    return [json.loads(line) for line in service.journal.read_text().splitlines()]


# The order service


def test_the_table_holds_what_the_demo_says_about_it() -> None:
    table = orders.table()
    normal = [o for o in table.values() if (o["status"], o["issue"]) == ("completed", "none")]
    assert 100 <= len(table) <= 200
    assert table["order-123"] == {
        "order_id": "order-123",
        "status": "completed",
        "amount": "100.00",
        "issue": "product_defective",
    }
    assert all(re.fullmatch(r"[0-9]+\.[0-9]{2}", order["amount"]) for order in table.values())
    assert len(normal) > len(table) * 0.8
    assert any(Decimal(order["amount"]) > 500 for order in normal)


def test_it_gives_an_order_and_counts_both_hits_and_misses(tmp_path: Path) -> None:
    service = Service("orders", tmp_path)
    try:
        assert service.get("/orders/order-123").json() == orders.table()["order-123"]
        missing = service.get("/orders/order-999")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "ORDER_NOT_FOUND")
        assert service.get("/log").json() == {"requests": 2}
    finally:
        assert service.end() == 0


# The payment provider


def test_it_applies_a_key_once_and_gives_the_first_answer_again(payments: Service) -> None:
    first, again = refund(payments, "k1"), refund(payments, "k1")
    assert first == again
    assert first[1]["status"] == "success"
    assert [line["outcome"] for line in lines(payments)] == ["applied", "replayed"]
    log = payments.get("/log").json()
    assert (log["requests"], log["keys"], log["applied"]) == (2, 1, 1)


def test_another_key_is_another_refund(payments: Service) -> None:
    assert refund(payments, "k1")[1]["refund_id"] != refund(payments, "k2")[1]["refund_id"]
    assert payments.get("/log").json()["applied"] == 2


def test_a_key_that_stands_for_another_refund_is_a_conflict(payments: Service) -> None:
    refund(payments, "k1")
    status, body = refund(payments, "k1", amount_cents=10001)
    assert (status, body["error"]["code"]) == (409, "KEY_REUSED")
    assert payments.get("/log").json()["applied"] == 1


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("", {}),
        ("k", {"amount_cents": 0}),
        ("k", {"amount_cents": 100.0}),
        ("k", {"amount_cents": True}),
        ("k", {"order_id": 7}),
    ],
)
def test_what_it_cannot_refund_is_refused_and_logged(payments: Service, key: str, changed: dict[str, object]) -> None:
    status, body = refund(payments, key, **changed)
    assert (status, body["error"]["code"]) == (400, "INVALID_REFUND")
    assert [line["outcome"] for line in lines(payments)] == ["refused"]


def test_many_at_once_with_one_key_apply_once(payments: Service) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: refund(payments, "k1"), range(48)))
    assert len({json.dumps(answer) for answer in answers}) == 1
    assert payments.get("/log").json()["applied"] == 1
    assert len(lines(payments)) == 48


def test_after_kill_9_it_still_honours_its_keys(payments: Service, tmp_path: Path) -> None:
    first = refund(payments, "k1")
    payments.end(kill=True)
    restarted = Service("payments", tmp_path)
    try:
        assert refund(restarted, "k1") == first
        assert refund(restarted, "k1", order_id="order-124")[0] == 409
        log = restarted.get("/log").json()
        assert (log["requests"], log["keys"], log["applied"]) == (3, 1, 1)
    finally:
        restarted.end()


def test_it_can_be_asked_what_became_of_a_key(payments: Service) -> None:
    key = "aetheris:a job:pay/it:1"
    asked = f"/refunds/{quote(key, safe='')}"
    missing = payments.get(asked)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "REFUND_NOT_FOUND")
    _, first = refund(payments, key)
    assert payments.get(asked).json() == first
    log = payments.get("/log").json()
    assert (log["requests"], log["applied"]) == (1, 1), "a look-up is no refund"
    assert [(line["key"], line["found"]) for line in log["look_ups"]] == [(key, False), (key, True)]


def test_the_one_answer_that_it_holds_back_is_applied_already(payments: Service) -> None:
    httpx.put(f"{payments.url}/hold", trust_env=False).raise_for_status()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(refund, payments, "k1")
        while not payments.get("/log").json()["requests"]:
            assert not answer.done()
        assert payments.get("/log").json()["applied"] == 1
        assert payments.get("/refunds/k1").status_code == 200
        assert refund(payments, "k2")[0] == 200, "only the next refund is held"
        assert not answer.done()
        httpx.delete(f"{payments.url}/hold", trust_env=False).raise_for_status()
        assert answer.result(timeout=10)[0] == 200


def test_a_hold_that_is_released_before_anything_came_is_none(payments: Service) -> None:
    httpx.put(f"{payments.url}/hold", trust_env=False).raise_for_status()
    httpx.delete(f"{payments.url}/hold", trust_env=False).raise_for_status()
    assert refund(payments, "k1")[0] == 200


def test_a_caller_that_dies_during_a_hold_costs_the_provider_nothing(payments: Service) -> None:
    httpx.put(f"{payments.url}/hold", trust_env=False).raise_for_status()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{payments.url}/refunds", json=REFUND, headers={"Idempotency-Key": "k"}, timeout=0.3)
    httpx.delete(f"{payments.url}/hold", trust_env=False).raise_for_status()
    assert refund(payments, "k")[0] == 200
    assert [line["outcome"] for line in lines(payments)] == ["applied", "replayed"]


@pytest.mark.skipif(which("strace") is None, reason="needs strace")
def test_the_line_is_on_the_disk_before_the_answer_leaves(payments: Service, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(payments.pid), "-o", str(trace), "-e", "trace=write,fsync,sendto"],
        stderr=subprocess.PIPE,
    )
    assert tracer.stderr is not None
    tracer.stderr.readline()
    refund(payments, "k1")
    tracer.terminate()
    tracer.communicate()
    calls = trace.read_text()
    assert -1 < calls.index("write(") < calls.index("fsync(") < calls.index("HTTP/1.1 200")


def test_a_torn_last_line_is_cut_off_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    Journal(path).append({"n": 1})
    with path.open("ab") as file:
        file.write(b'{"n": 2, "torn')
    journal = Journal(path)
    journal.append({"n": 3})
    assert [line["n"] for line in journal.lines()] == [1, 3]
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 3]


def test_the_line_is_synced_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, synced = Journal(tmp_path / "log.jsonl"), []
    monkeypatch.setattr("os.fsync", lambda _: synced.append((tmp_path / "log.jsonl").read_text()))
    journal.append({"n": 1})
    assert [json.loads(text)["n"] for text in synced] == [1]


# The model


@pytest.mark.parametrize(
    ("order_id", "decision"),
    [
        ("order-123", "approval required"),
        ("order-107", "no approval required"),
        ("order-150", "no approval required"),
        ("order-151", "approval required"),
    ],
)
def test_the_rules_ask_for_a_person_when_abnormal_or_over_500(order_id: str, decision: str) -> None:
    assert decide(orders.table()[order_id])["decision"] == decision


def ask(service: Service, content: str, path: str = "/chat/completions") -> Any:
    messages = [{"role": "system", "content": "Decide."}, {"role": "user", "content": content}]
    return service.post(path, {"model": RULES, "messages": messages})


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions"])
def test_it_speaks_the_protocol_and_its_name_says_that_it_is_no_llm(model: Service, path: str) -> None:
    answer = ask(model, json.dumps({"order": orders.table()["order-123"]}), path).json()
    assert answer["model"] == RULES == "rules-not-an-llm"
    content = json.loads(answer["choices"][0]["message"]["content"])
    assert content["decision"] == "approval required"
    assert "product_defective" in content["reason"]
    assert model.get("/log").json() == {"requests": 1}


def test_the_official_sdk_can_talk_to_it(model: Service) -> None:
    from openai import OpenAI

    with OpenAI(api_key="none", base_url=model.url, max_retries=0) as client:
        order = json.dumps({"order": orders.table()["order-107"]})
        answer = client.chat.completions.create(model=RULES, messages=[{"role": "user", "content": order}])
    assert json.loads(answer.choices[0].message.content or "")["decision"] == "no approval required"


@pytest.mark.parametrize(
    "content", ["hello", "[]", '{"order": {}}', '{"order": {"status": 1, "issue": 2, "amount": "x"}}']
)
def test_what_the_rules_cannot_read_is_an_error_and_counted(model: Service, content: str) -> None:
    if "amount" in content:
        content = content.replace("1", '"completed"').replace("2", '"none"')
    assert ask(model, content).status_code == 400
    assert model.get("/log").json() == {"requests": 1}


class RealModel(BaseHTTPRequestHandler):
    """Stands in for the real API: remembers what it was sent."""

    seen: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"model": "real-model", "choices": []}')

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_with_a_key_the_request_goes_to_the_real_api_and_is_still_counted(tmp_path: Path) -> None:
    upstream = HTTPServer(("127.0.0.1", 0), RealModel)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{upstream.server_port}/v1"
    service = Service("model", tmp_path, OPENAI_API_KEY="a-key", OPENAI_BASE_URL=base)
    try:
        assert ask(service, "anything").json()["model"] == "real-model"
        assert service.get("/log").json() == {"requests": 1}
        path, authorization, body = RealModel.seen[-1]
        assert (path, authorization) == ("/v1/chat/completions", "Bearer a-key")
        assert json.loads(body)["messages"][1]["content"] == "anything"
    finally:
        service.end()
        upstream.shutdown()


def test_a_real_api_that_is_away_is_an_error_not_a_guess(tmp_path: Path) -> None:
    service = Service("model", tmp_path, OPENAI_API_KEY="a-key", OPENAI_BASE_URL="http://127.0.0.1:9")
    try:
        answer = ask(service, json.dumps({"order": orders.table()["order-107"]}))
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "MODEL_UNREACHABLE")
    finally:
        service.end()
