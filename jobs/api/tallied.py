"""The metrics that are made of tallies: which events each of them counts, and under which labels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from aetheris.models import Tally
from aetheris.tally_querysets import STEPS

ENDED = ("job_completed", "job_failed", "job_cancelled")


@dataclass(frozen=True)
class Tallied:
    """`subject` and `detail` name the labels that these fields of a tally become; without a name it has none."""

    name: str
    text: str
    events: tuple[str, ...]
    subject: str = ""
    detail: str = ""

    @property
    def labels(self) -> list[str]:
        return ["tenant", *filter(None, (self.subject, self.detail))]

    def grouped(self, tallies: Iterable[Tally]) -> Iterator[tuple[list[str], list[Tally]]]:
        """The tallies of these events, by the values of the labels."""
        mine = [(self._values(tally), tally) for tally in tallies if tally.event in self.events]
        mine.sort(key=lambda each: each[0])
        for values, found in groupby(mine, key=lambda each: each[0]):
            yield values, [tally for _, tally in found]

    def _values(self, tally: Tally) -> list[str]:
        given = [(self.subject, tally.subject), (self.detail, tally.detail)]
        return [tally.tenant, *(value for name, value in given if name)]


class Counter(Tallied):
    def family(self, tallies: Iterable[Tally], tenants: Sequence[str]) -> Metric:
        """One without further labels begins at 0, so that the first event is seen as an increase."""
        family = CounterMetricFamily(f"aetheris_{self.name}", self.text, labels=self.labels)
        begin = tenants if self.labels == ["tenant"] else ()
        numbers: dict[tuple[str, ...], int] = {(tenant,): 0 for tenant in begin}
        numbers |= {tuple(values): sum(tally.number for tally in found) for values, found in self.grouped(tallies)}
        for values, number in numbers.items():
            family.add_metric(values, number)
        return family


class Histogram(Tallied):
    def family(self, tallies: Iterable[Tally]) -> Metric:
        family = HistogramMetricFamily(f"aetheris_{self.name}_seconds", self.text, labels=self.labels)
        for values, found in self.grouped(tallies):
            limits = zip(STEPS, *(tally.steps for tally in found), strict=True)
            buckets = [(str(limit), float(sum(numbers))) for limit, *numbers in limits]
            buckets.append(("+Inf", float(sum(tally.timed for tally in found))))
            family.add_metric(values, buckets, sum(tally.seconds for tally in found))
        return family


COUNTERS = (
    Counter("jobs", "Jobs that were submitted.", ("job_created",)),
    Counter("job", "Jobs that have ended.", ENDED, "agent", "outcome"),
    Counter("job_fail", "Jobs that have failed.", ("job_failed",), "agent"),
    Counter("job_requeue", "Failed jobs that were tried again.", ("job_requeued",)),
    Counter("job_wait", "Waits that were opened.", ("job_waiting",)),
    Counter("tool_invocation", "Calls of tools that have ended.", ("tool_invocation_finished",), "tool", "outcome"),
    Counter("llm_invocation", "Calls of models that have ended.", ("llm_invocation_finished",), "provider", "outcome"),
    Counter("step_retries", "Nodes that were to be claimed again.", ("node_retrying",)),
    Counter("lease_lost", "Nodes that were taken from lost workers.", ("node_reclaimed",)),
    Counter("effect_resolved", "Unknown effects of which somebody said what became of them.", ("effect_resolved",)),
    Counter("fact_conflict", "Facts about effects that contradict what stands.", ("fact_conflict",)),
    Counter("confirmation_replay_fail", "Recorded results that the world no longer shows.", ("world_changed",)),
)
HISTOGRAMS = (
    Histogram("job_duration", "From a job's submit to its end.", ENDED, "agent", "outcome"),
    Histogram("job_parked_duration", "How long waits were open that were answered or timed out.", ("wait_completed",)),
    Histogram("step_duration", "From a node's last claim to its end.", ("node_finished",), detail="state"),
    Histogram("tool_duration", "How long a tool's call took.", ("tool_invocation_finished",), "tool", "outcome"),
    Histogram("llm_duration", "How long a model's call took.", ("llm_invocation_finished",), "provider", "outcome"),
)
