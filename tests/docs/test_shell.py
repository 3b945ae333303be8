"""Every block of a shell is true: a reader types it here on a walk through the pages, or a test that is named runs it,
or it cannot run here, for a reason. A new block is typed with the others of a page that is walked, else it fails until
it has a place."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetheris.services.binaries import find_postgres
from tests.cli.test_init import existing_project
from tests.docs.reader import BINARIES, filled, walk
from tests.docs.reading import ROOT, blocks, named, pages, read, shown

WALKED = (
    "README.md",
    "docs/cli.md",
    "docs/howto/add-to-django.md",
    "docs/howto/back-up.md",
    "docs/howto/doubt.md",
    "docs/howto/run-workers.md",
    "docs/howto/why-a-job-waits.md",
    "docs/metrics.md",
    "docs/quick-start.md",
    "docs/rest.md",
)
"""Each of their blocks is typed below, but for those that have another place."""
DEMO = "tests/examples/test_alone.py::test_it_runs_in_under_a_minute_and_leaves_nothing"
ARMED = "tests/aetheris/test_failpoints.py::test_a_process_that_fails_on_purpose_says_so"
PROJECT = "tests/cli/test_init.py::test_a_new_project_runs_as_it_is"
ELSEWHERE = {
    "README.md: make demo": DEMO,
    "docs/howto/start-a-project.md: aetheris init": PROJECT,
    "docs/howto/start-a-project.md: aetheris down": PROJECT,
    "docs/quick-start.md: make demo": DEMO,
    "docs/rest-fields.md: .venv/bin/python": "tests/docs/test_rest.py::test_the_page_of_fields_is_up_to_date",
    "docs/settings.md: AETHERIS_DEBUG": ARMED,
    "docs/states.md: .venv/bin/python": "tests/docs/test_states.py::test_the_page_is_up_to_date",
}
"""The beginning of a block, and the test that runs it."""
NOWHERE = {
    "CONTRIBUTING.md: make build": "each line takes minutes or hours, this test's own suite among them",
    "benchmarks/README.md: make bench": "takes hours, and peers from an index; tests/benchmarks runs the workloads",
    "docs/howto/run-in-production.md: cp .env": "takes a Docker engine; tests/ops has compose read the file",
    "docs/howto/run-in-production.md: cp deploy": "takes Kubernetes; tests/ops checks the manifests by its schemas",
    "docs/howto/start-a-project.md: python3 -m venv": "takes packages from an index",
    "docs/howto/upgrade.md: docker compose": "takes a Docker engine; tests/ops/test_upgrade.py does it without one",
    "docs/howto/upgrade.md: kubectl": "takes Kubernetes; tests/ops/test_upgrade.py does it without",
}
"""The beginning of a block, and why nothing runs it."""
BEFORE = {
    "GET /metrics": r"""KEY=$(seen '"key":"\K[^"]+')""",
    "GET /api/keys": 'ASK="Authorization: Token $(login requester $REQUESTER)"',
    "DELETE /api/keys/{key_id}": r"""KEY=$(seen '^{"id":"\K[^"]+')""",
    "POST /api/jobs/{job_id}/signal": "DONE=$JOB; parked",
    "POST /api/jobs/{job_id}/resolve": "doubted",
    "POST /api/jobs/{job_id}/message": "FAILED=$JOB; parked",
    "POST /api/jobs/{job_id}/retry": "JOB=$FAILED; still",
    "GET /api/jobs/{job_id}/replay": "JOB=$DONE",
    "GET /api/approvals/{approval_id}": "parked",
    "POST /api/approvals/{approval_id}/reject": "parked",
}
"""What a call of docs/rest.md takes that those before it have not left."""


def places(page: Path, block: str) -> list[str]:
    """Where a block is that no walk types."""
    return [place for place in (*ELSEWHERE, *NOWHERE) if f"{named(page)}: {block}".startswith(place)]


def typed(page: str) -> list[str]:
    """The blocks of a page that a reader types, as he types them."""
    return [filled(block) for _, block in blocks(ROOT / page, "sh") if not places(ROOT / page, block)]


def test_every_block_has_one_place() -> None:
    found = []
    for page in pages():
        for line, block in blocks(page, "sh"):
            assert places(page, block) or named(page) in WALKED, f"{named(page)}:{line} has no place in {__name__}"
            found += places(page, block)
    assert sorted(found) == sorted([*ELSEWHERE, *NOWHERE])


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_a_test_that_runs_a_block_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A folder of a reader's own. What he has started in it is stopped."""
    yield tmp_path
    for log in tmp_path.rglob("supervisor.log"):
        subprocess.run([BINARIES / "aetheris", "down", "--data", log.parents[1]], check=True, capture_output=True)


@pytest.fixture
def clone(room: Path) -> Path:
    """The project and its environment as a reader has them, without data."""
    assert shutil.which("curl"), "the pages call curl, and there is none in PATH"
    folder = room / "clone"
    (folder / ".venv").mkdir(parents=True)
    for source, copy in ((ROOT, folder), (Path(sys.prefix), folder / ".venv")):
        for each in source.glob("[!.]*"):
            (copy / each.name).symlink_to(each)
    for made in (".runtime", ".dev"):
        (folder / ".venv" / made).touch()
    return folder


def calls() -> list[str]:
    """The calls of docs/rest.md, each with what it takes."""
    headings = re.findall(r"^### ([A-Z]+ /\S+)$", read("rest.md"), re.MULTILINE)
    return [f"{BEFORE.get(heading, '')}\n{call}" for heading, call in zip(headings, typed("docs/rest.md"), strict=True)]


def workers() -> list[str]:
    """The commands of docs/howto/run-workers.md, those beside the first until they are told to stop."""
    up, *others = "".join(typed("docs/howto/run-workers.md")).splitlines()
    return [f"environed\n{up}", "".join(f"exec {other.partition('#')[0]} &\n" for other in others) + "served"]


def test_the_readme_and_what_speaks_of_its_instance(clone: Path) -> None:
    run, found, first, stop = typed("README.md")
    look, happened = typed("docs/howto/why-a-job-waits.md")
    dump, restore, check = typed("docs/howto/back-up.md")
    (walked,), (key,), (resolve,) = map(typed, ("docs/cli.md", "docs/metrics.md", "docs/howto/doubt.md"))
    asked = [run, "noted", found, first, walked, look, happened, key, *calls(), f"doubted\n{resolve}"]
    kept = [*workers(), dump, f"emptied\n{restore}", check, stop]
    settings = {"AETHERIS_APPS": "tests.docs.bank", "AETHERIS_STREAM_SECONDS": "1"}
    said = walk(clone, *asked, *kept, PROGRAMS=str(find_postgres(clone / "none")), **settings)
    told = dict(zip([*asked, *kept], said, strict=False))
    (starts,) = (block for _, block in blocks(ROOT / "README.md", "text") if block.startswith("Aetheris runs"))
    assert shown(starts).search(told[run])
    assert "refund-agent" in told[found]
    assert told[first].splitlines()[1] == "parked"
    assert "{'chain_valid': True, 'broken_at': None, 'consistent': True, 'differences': []}" in told[first]
    assert "✓ events and records agree" in told[walked]
    assert told[check].strip() == "", "this is broken after the restore"


def test_the_quick_start(clone: Path) -> None:
    up, ask, again, kill, look = typed("docs/quick-start.md")
    known, _, _ = typed("README.md")[2].partition("\n\n")
    ((_, agent),) = blocks(ROOT / "docs/quick-start.md", "python")
    (clone / "shop").mkdir()
    (clone / "shop" / "__init__.py").touch()
    (clone / "shop" / "agents.py").write_text(agent)
    agreed = "aetheris approve $JOB --data .shop\n" + 'curl -s "$URL/api/jobs/$JOB/result?wait=30" -H "$ASK"'
    _, _, asked, answered, _ = walk(clone, up, f"noted\n{known}", f"{ask}\nstill\nshown_job", agreed)
    assert '"status":"parked"' in asked
    assert '"status":"completed"' in answered
    start, who = again.rstrip().rsplit("\n", 1)
    hit, follow = kill.splitlines()
    # He looks again when a second has not been enough to be told.
    found = f"begun\nset +o pipefail\nuntil seen engine | grep -q .; do {who}; done"
    pieces = [f"slowed\n{start}", found, f"{hit}\ntouch let\n{follow}", look]
    _, _, killed, looked, _ = walk(clone, *pieces, AETHERIS_LEASE_SECONDS="5")
    assert re.search("its worker was lost.*calls buy .*, send .*completed", killed, re.DOTALL)
    assert "✓ events and records agree" in looked


def test_a_django_project_that_is_there_already(room: Path) -> None:
    existing_project(room)
    (start,) = typed("docs/howto/add-to-django.md")
    said, _ = walk(room, f"{start}\naetheris down")
    assert "counting-agent" in said
