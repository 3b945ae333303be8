"""What is deployed fits the code: settings, queues, commands, metrics, and how little a container may do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aetheris.conf import Configuration
from aetheris.services.roles import QUEUES, READY_FILE, WEB_OPTIONS
from tests.docs.reading import ROOT, read, rows, section, spans

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if name not in ("postgres", "redis")}
MANIFESTS = [
    manifest
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]
PODS = {
    manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]
    for manifest in MANIFESTS
    if "template" in manifest.get("spec", {})
}
METRICS = {
    spans(row[0])[0]
    for heading in ("## What is looked at", "## What is counted")
    for row in rows(section(read("metrics.md"), heading))
}
KNOWN = {f"AETHERIS_{name.upper()}" for name in Configuration.model_fields} | {READY_FILE}


def settings() -> set[str]:
    """Every `AETHERIS_…` variable that a deployment gives a process."""
    given = {name for each in OURS.values() for name in each["environment"]}
    for manifest in MANIFESTS:
        given |= {*manifest.get("data", {}), *manifest.get("stringData", {})}
    for pod in PODS.values():
        given |= {variable["name"] for container in pod["containers"] for variable in container.get("env", [])}
    given |= set(re.findall(r"AETHERIS_\w+", (ROOT / "Dockerfile").read_text()))
    return {name for name in given if name.startswith("AETHERIS_")}


def test_every_setting_that_is_given_is_one() -> None:
    assert settings() <= KNOWN
    assert {"AETHERIS_DATABASE_URL", "AETHERIS_BROKER_URL", "AETHERIS_SECRET_KEY"} <= settings()


def test_nothing_that_weakens_it_is_given() -> None:
    assert not settings() & {"AETHERIS_DEBUG", "AETHERIS_UNSAFE_DATABASE", "AETHERIS_FAILPOINTS"}


def test_every_secret_comes_from_the_environment() -> None:
    """And a start without one is refused."""
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "AETHERIS_SECRET_KEY"):
        assert f"${{{name}:?" in text
        assert f"${{{name}}}" not in text
    assert "secret" not in yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())["resources"]


def test_the_web_process_has_the_options_that_the_launcher_gives_it() -> None:
    (command,) = re.findall(r"^CMD (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    (container,) = PODS["aetheris-web"]["containers"]
    for given in (json.loads(command), container["args"]):
        assert tuple(given[-len(WEB_OPTIONS) :]) == WEB_OPTIONS


@pytest.mark.parametrize("queue", QUEUES.split(","))
def test_every_queue_has_workers_of_its_own(queue: str) -> None:
    name = f"worker-{queue}"
    assert queue in str(SERVICES[name]["command"])
    (container,) = PODS[f"aetheris-{name}"]["containers"]
    assert queue in container["command"]
    (scaler,) = (each for each in MANIFESTS if each["kind"] == "ScaledObject" and name in each["metadata"]["name"])
    (trigger,) = scaler["spec"]["triggers"]
    assert trigger["metadata"]["query"].count(f"queue = '{queue}'") == 2
    assert scaler["spec"]["scaleTargetRef"]["name"] in PODS


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_of_ours_may_do_little(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        about = container["securityContext"]
        assert (about["allowPrivilegeEscalation"], about["readOnlyRootFilesystem"]) == (False, True)
        assert about["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= set(container["resources"])


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last_stage = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    (user,) = (line for line in last_stage if line.startswith("USER"))
    uid = user.split()[1].split(":")[0]
    assert int(uid) > 0
    assert f"--uid {uid}" in "\n".join(last_stage)
    assert all(pod["securityContext"]["runAsUser"] == int(uid) for pod in PODS.values())


def test_the_image_is_made_of_locked_packages_and_all_of_the_source() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes -r requirements.lock" in text
    copied = set(re.findall(r"^COPY (?!--from)(\w+) \w+$", text, re.MULTILINE))
    assert copied == {"aetheris", "jobs", "ledger", "signals_app"}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    named = set(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE))
    assert {name for line in named for name in line.split()} == allowed


def test_every_service_says_when_it_is_well() -> None:
    for name, service in SERVICES.items():
        assert "healthcheck" in service or name in ("migrate", "beat")
    for name, pod in PODS.items():
        assert "readinessProbe" in pod["containers"][0] or name in ("aetheris-migrate", "aetheris-beat")


def test_no_image_moves_by_itself() -> None:
    images = [service["image"] for service in SERVICES.values()]
    assert all(re.fullmatch(r"(aetheris:local|postgres:\d+|valkey/valkey:\d+)", image) for image in images)


@pytest.mark.parametrize("path", ["prometheus/alerts.yml", "grafana/dashboard.json"])
def test_every_metric_that_is_asked_for_is_one(path: str) -> None:
    asked = set(re.findall(r"\baetheris_\w+", (DEPLOY / path).read_text()))
    assert asked
    assert {re.sub(r"_bucket$", "", name) for name in asked} <= METRICS


def test_the_dashboard_is_whole() -> None:
    panels = json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(places)
    assert all(panel["targets"] for panel in panels)


def test_prometheus_asks_where_the_metrics_are() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    (scrape,) = config["scrape_configs"]
    (target,) = scrape["static_configs"][0]["targets"]
    service, _, port = target.partition(":")
    assert service in SERVICES
    assert port in str(SERVICES[service]["ports"])
    assert service in SERVICES["web"]["environment"]["AETHERIS_ALLOWED_HOSTS"]
    assert all((DEPLOY / "prometheus" / name).is_file() for name in config["rule_files"])


def test_every_alert_has_a_test() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    tested = set(re.findall(r'alertname="(\w+)"', Path(ROOT / "tests/ops/alerts.test.yml").read_text()))
    assert tested == alerts
