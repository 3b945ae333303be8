"""Wait, UnknownOutcome, Signal, Message, Approval."""

from signals_app.models.approval import Approval
from signals_app.models.message import Message
from signals_app.models.signal import Signal
from signals_app.models.unknown_outcome import UnknownOutcome
from signals_app.models.wait import Wait

__all__ = ["Approval", "Message", "Signal", "UnknownOutcome", "Wait"]
