"""DBOS: workflows and steps in PostgreSQL, two processes that poll one queue."""
