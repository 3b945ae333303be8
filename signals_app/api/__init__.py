"""REST: approvals."""
