"""Aetheris itself, as a user runs it: `aetheris up` without its web process."""
