"""The soak: load, faults and people from one seed, and what must hold afterwards. `make chaos MINUTES=10`."""
