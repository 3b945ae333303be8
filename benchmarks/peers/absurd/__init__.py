"""Absurd: tasks and steps as SQL functions in PostgreSQL, two processes that poll one queue."""
