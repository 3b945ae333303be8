"""Latencies as figures."""

from collections.abc import Sequence


def percentile(sample: Sequence[float], part: float) -> float:
    """The value that this part of the sample does not exceed."""
    return sorted(sample)[round(part * (len(sample) - 1))]


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """A sample of latencies."""
    return {
        "n": len(seconds),
        "p50_ms": round(1000 * percentile(seconds, 0.5), 2),
        "p95_ms": round(1000 * percentile(seconds, 0.95), 2),
        "max_ms": round(1000 * max(seconds), 2),
    }
