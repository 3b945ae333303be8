"""A user's Django app: the jobs of the benchmarks."""
