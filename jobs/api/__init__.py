"""REST: agents, messages, jobs, events, signals, replay."""
