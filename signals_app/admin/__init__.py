"""What people decide in the admin: approvals, and what became of unknown effects. By POST, through the verbs."""

from signals_app.admin.approvals import ApprovalAdmin
from signals_app.admin.questions import UnknownOutcomeAdmin

__all__ = ["ApprovalAdmin", "UnknownOutcomeAdmin"]
