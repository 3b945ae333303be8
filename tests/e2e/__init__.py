"""A whole instance as `aetheris up` starts it: real web, workers, beat, PostgreSQL and Valkey."""
