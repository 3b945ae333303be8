"""The test kit: what users need to test their agents and tools in a suite of their own (docs/howto/test-an-agent.md).

`-p aetheris.testing.plugin` brings its fixtures. What a test imports by name stands here and loads no Django.
"""

from aetheris.testing.fake_world import Call, FakeWorld, lost
from aetheris.testing.in_turn import InTurn, in_turn
from aetheris.testing.scripted_model import ScriptedModel, half

__all__ = ["Call", "FakeWorld", "InTurn", "ScriptedModel", "half", "in_turn", "lost"]
