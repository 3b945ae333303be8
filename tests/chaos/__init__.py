"""Kills at every boundary, and what they must not change."""
