"""Restate: a server of its own, with its own log on disk, which calls a service of two processes."""
