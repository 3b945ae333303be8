"""The checks behind the demo's ✓: pure functions that yield each thing that is wrong.

They hold what the runtime says against what the services outside have counted; neither vouches for itself.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
Problems = Iterator[str]

REFUND = "send_refund"
"""The node that pays back, whichever tool it calls."""
_MISSING = "nothing"


def equal(what: str, actual: object, expected: object) -> Problems:
    """One value is the expected one."""
    if actual != expected:
        yield f"{what} is {_short(actual)}, not {_short(expected)}"


def differences(left: object, right: object, at: str = "") -> Problems:
    """Each field in which two JSON values differ, named by its path."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            path = f"{at}.{key}" if at else str(key)
            yield from differences(left.get(key, _MISSING), right.get(key, _MISSING), path)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from differences(one, other, f"{at}[{index}]")
    elif type(left) is not type(right) or left != right:
        yield f"{at} is {_short(left)} here and {_short(right)} there"


def deterministic(first: Json, second: Json) -> Problems:
    """Two replays of one job are the same in every field, over events whose hash chain holds."""
    yield from differences(first, second)
    yield from equal("verification.chain_valid", first["verification"]["chain_valid"], True)


def not_called(services: tuple[str, ...], before: Mapping[str, int], after: Mapping[str, int]) -> Problems:
    """No request reached these services between the two counts."""
    for service in services:
        if after[service] != before[service]:
            yield f"{after[service] - before[service]} request(s) reached the service '{service}' meanwhile"


def injected(replay: Json, events: list[Json], nodes: tuple[str, ...]) -> Problems:
    """The replay holds the recorded result of each of these nodes that ran."""
    recorded = outputs_of(events)
    for node in recorded.keys() & set(nodes):
        yield from differences(replay["payload_results"].get(node, _MISSING), recorded[node], node)


def state_consistent(replay: Json, job: Json, events: list[Json]) -> Problems:
    """The replay rebuilt the job's own state: goal, phase, nodes, results and events."""
    outputs = outputs_of(events)
    state = replay["current_state"]
    yield from equal("job_id", replay["job_id"], job["id"])
    yield from equal("goal", replay["goal"], job["goal"])
    yield from equal("current_state.phase", state["phase"], job["status"])
    yield from equal("completed_node_ids", state["completed_node_ids"], list(outputs))
    yield from differences(replay["payload_results"], outputs, "payload_results")
    yield from differences(replay["payload_results"], rows_of(job), "payload_results")
    yield from differences(outputs.get("report"), job["result"], "result")
    yield from differences(replay["events"], events, "events")
    yield from equal("verification.consistent", replay["verification"]["consistent"], True)
    yield from equal("verification.differences", replay["verification"]["differences"], [])


def decided(events: list[Json], correlation_key: str, approved: bool) -> Problems:
    """The wait of this key was answered so, by somebody else than who asked for the job."""
    answers = [event["payload"] for event in events if event["type"] == "wait_completed"]
    yield from equal("answered waits", [answer["correlation_key"] for answer in answers], [correlation_key])
    for answer in answers:
        yield from equal("approved", answer["payload"].get("approved"), approved)
        if answer["decided_by"] == events[0]["actor"]:
            yield f"{answer['decided_by']} decided about a job of their own"


def ended_well(job: Json, order_id: str, refunded: bool) -> Problems:
    """The job is completed, for this order, and refunded exactly when it should be."""
    yield from equal("status", job["status"], "completed")
    if job["status"] == "completed":
        yield from equal("outcome", job["outcome"], "completed" if refunded else "refused")
        yield from equal("order", job["result"]["order_id"], order_id)
        yield from equal("refunded", job["result"]["refunded"], refunded)


def in_the_middle(lines: list[Json], events: list[Json]) -> Problems:
    """The provider has applied one refund, under the key that the ledger opened, and the ledger knows no more yet."""
    yield from equal("what the provider did", [line["outcome"] for line in lines], ["applied"])
    yield from equal("keys", sorted({line["key"] for line in lines}), keys_of(events, REFUND))
    told = [event["payload"]["outcome"] for event in finished(events, REFUND)]
    yield from equal("what the ledger holds", told, [])


def another_one(events: list[Json], killed: int) -> Problems:
    """The refund's node was taken from the killed process, and the job went on without it."""
    yield from equal("times that the node was taken back", len(of_node(events, "node_reclaimed", REFUND)), 1)
    for node in (REFUND, "report"):
        (ended,) = of_node(events, "node_finished", node)
        if pid_of(ended) == killed:
            yield f"{ended['actor']} was killed, and ended {node} all the same"


def shown(job: Json, events: list[Json]) -> Problems:
    """The job waits for a person to say what became of the refund."""
    yield from equal("status", job["status"], "parked")
    yield from equal("what it waits for", [wait["wait_kind"] for wait in job["waits"]], ["resolution"])
    told = [event["payload"]["outcome"] for event in finished(events, REFUND)]
    yield from equal("what the ledger holds", told, ["unknown"])


def refused_for_now(code: str, details: Json, events: list[Json]) -> Problems:
    """Nobody may say yet that it did not happen: not before the moment that the job's events have named."""
    yield from equal("answer", code, "EFFECT_NOT_SETTLED")
    named = [event["payload"]["settled_by"] for event in events if event["payload"].get("settled_by")]
    yield from equal("settled_by", datetime.fromisoformat(details["settled_by"]), datetime.fromisoformat(named[-1]))


def resolved(events: list[Json], by: str) -> Problems:
    """This person has said that it happened, and is not the one who asked for the job."""
    answers = [event["payload"] for event in events if event["type"] == "effect_resolved"]
    yield from equal("resolutions", [answer["resolution"] for answer in answers], ["happened"])
    yield from equal("decided by", [answer["decided_by"].partition("/")[2] for answer in answers], [by])
    for answer in answers:
        if answer["decided_by"] == events[0]["actor"]:
            yield f"{answer['decided_by']} decided about a job of their own"


def refunded_once(lines: list[Json], events: list[Json], job: Json, *, requests: int = 1) -> Problems:
    """The provider had so many requests, with the ledger's one key, and applied one; none when nothing is refunded."""
    result = job["result"]
    refunds = 1 if result["refunded"] else 0
    yield from equal("requests", len(lines), requests * refunds)
    yield from equal("applied refunds", sum(line["outcome"] == "applied" for line in lines), refunds)
    yield from equal("keys", sorted({line["key"] for line in lines}), keys_of(events, REFUND))
    for line in lines[: requests * refunds]:
        yield from equal("order", line["order_id"], result["order_id"])
        yield from equal("cents", line["amount_cents"], int(Decimal(result["amount"]) * 100))
    for line in lines[:refunds]:
        yield from equal("refund", line.get("answer", {}).get("refund_id"), result["refund"]["refund_id"])


def asked_about(look_ups: list[Json], events: list[Json], *, expected: bool) -> Problems:
    """The provider was asked what became of the ledger's key, or it was not."""
    yield from equal("asked about", sorted({line["key"] for line in look_ups}), keys_of(events, REFUND) * expected)


def has_begun(job: Json, node: str) -> bool:
    """Whether this node of the job was ever run."""
    return any(each["claims"] for each in job["nodes"] if each["id"] == node)


def outputs_of(events: list[Json]) -> Json:
    """What each node that completed gave, in the order of completion, read from the events alone."""
    called: Json = {}
    outputs: Json = {}
    for event in events:
        node, payload = event["node_id"], event["payload"]
        match event["type"]:
            case "tool_invocation_finished" if payload["outcome"] == "success":
                called[payload["invocation_id"]] = payload["result"]
            case "llm_invocation_finished" if payload["outcome"] == "success":
                called[payload["invocation_id"]] = payload["result"]["answer"]
            case "node_finished" if payload["state"] == "ok":
                outputs[node] = payload["output"] if "output" in payload else called[payload["invocation_id"]]
            case "wait_completed":
                outputs[node] = payload["payload"]
    return outputs


def rows_of(job: Json) -> Json:
    """What each node that completed gave, as the job's own records say."""
    nodes = [node for node in job["nodes"] if node["status"] == "completed" and node["type"] != "plan"]
    return {node["id"]: node["output"] for node in nodes}


def keys_of(events: list[Json], node: str) -> list[str]:
    """The idempotency keys that the ledger opened for a node, questions to the provider left out."""
    started = [event["payload"] for event in of_node(events, "tool_invocation_started", node)]
    return sorted({payload["idempotency_key"] for payload in started if payload["effect"] != "read"})


def finished(events: list[Json], node: str) -> list[Json]:
    """What became of the calls of a node."""
    return of_node(events, "tool_invocation_finished", node)


def of_node(events: list[Json], type: str, node: str) -> list[Json]:
    return [event for event in events if event["type"] == type and event["node_id"] == node]


def pid_of(event: Json) -> int:
    """The process that is an event's actor, `engine:<host>:<pid>/…`; 0 when it is none."""
    kind, *_, identity = event["actor"].partition("/")[0].split(":")
    return int(identity) if kind == "engine" else 0


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
