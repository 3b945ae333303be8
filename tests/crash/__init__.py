"""Real processes, killed with -9 at chosen points."""
