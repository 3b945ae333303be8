"""What tests of the engine's pace begin with."""

from collections import Counter

import pytest

from jobs.engine import pace


@pytest.fixture
def unknown_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has run in this process; quick, and instant, is whatever a test does not make slow, on a busy machine
    too."""
    monkeypatch.setattr(pace, "_in_a_row", Counter())
    monkeypatch.setattr(pace, "_instant", set())
    monkeypatch.setattr(pace, "QUICK_SECONDS", 5.0)
    monkeypatch.setattr(pace, "INSTANT_SECONDS", 5.0)
