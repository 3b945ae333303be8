"""What tests of the engine's pace begin with."""

import pytest

from jobs.engine import pace


@pytest.fixture
def unknown_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick, and instant, is whatever a test does not make slow, on a busy machine too. What ran before this test is
    not known of any."""
    monkeypatch.setattr(pace, "QUICK_SECONDS", 5.0)
    monkeypatch.setattr(pace, "INSTANT_SECONDS", 5.0)
