"""`python -m examples.refund.demo`: the refund agent from its message to its replay, each claim checked."""
