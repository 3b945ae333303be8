"""The crash matrix of this repository: its scenarios, and the command that runs them (`make crash`)."""
