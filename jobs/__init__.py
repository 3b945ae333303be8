"""The engine room: jobs, their nodes, and the verbs that move them."""
