"""Verbs that meet: real connections, stepped through, no sleeping."""
