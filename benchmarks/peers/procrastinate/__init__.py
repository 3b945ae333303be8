"""Procrastinate: a queue in PostgreSQL. A job of several steps is one that defers the next, in two processes."""
