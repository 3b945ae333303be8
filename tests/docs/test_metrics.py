"""docs/metrics.md lists every metric with its labels, and what it counts."""

from jobs.api.metrics import FromDatabase
from jobs.api.tallied import COUNTERS, HISTOGRAMS
from ledger.event_types import EventType
from tests.docs.reading import read, rows, section, spans

PAGE = read("metrics.md")
LOOKED_AT = rows(section(PAGE, "## What is looked at"))
COUNTED = {spans(row[0])[0]: row for row in rows(section(PAGE, "## What is counted"))}


def test_every_metric_is_listed(database: None) -> None:
    shown = {family.name for family in FromDatabase([]).collect()}
    listed = {spans(row[0])[0] for row in LOOKED_AT} | {name.removesuffix("_total") for name in COUNTED}
    assert shown == listed


def test_their_labels_are_listed(database: None) -> None:
    looked_at = {spans(row[0])[0]: spans(row[1]) for row in LOOKED_AT}
    families = [family for family in FromDatabase([]).collect() if family.name in looked_at]
    for family in families:
        assert [*family.samples[0].labels] == looked_at[family.name] if family.samples else True
    for each in (*COUNTERS, *HISTOGRAMS):
        name = f"aetheris_{each.name}_total" if each in COUNTERS else f"aetheris_{each.name}_seconds"
        assert ["tenant", *spans(COUNTED[name][1])] == each.labels


def test_the_events_of_a_counter_are_named() -> None:
    for counter in COUNTERS:
        named = spans(COUNTED[f"aetheris_{counter.name}_total"][2])
        assert named == list(counter.events)
        assert set(named) <= set(EventType.values)
