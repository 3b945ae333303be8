"""The refund agent: the example that the documentation, `make demo` and the tests share."""
