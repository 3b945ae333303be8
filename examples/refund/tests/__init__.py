"""The refund agent's tests, written with nothing but the test kit: a model for your own."""
