"""The base of what users write: an agent plans, the runtime runs the plan."""
