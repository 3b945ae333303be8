"""REST: approvals, unknown outcomes."""
