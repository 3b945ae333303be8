"""`python -m benchmarks.peers.aetheris w1=400 w5`, in the environment of a run."""

from benchmarks.measure.driver import drive
from benchmarks.peers.aetheris import installation

installation.prepare()

# Only now, because Django is set up.
from benchmarks.peers.aetheris import growing, grown, parked, verbs, workloads  # noqa: E402

drive(
    {
        "w1": workloads.throughput,
        "w2": workloads.fan_out,
        "w3": workloads.wake_up,
        "w4": workloads.growth,
        "w5": workloads.start_latency,
        "w6": workloads.recovery,
        "w7": parked.parked,
        "grown": grown.grown,
        "wide": growing.wide,
        "tenants": growing.tenants,
        "probe": verbs.probe,
    },
    between=lambda: None,
)
