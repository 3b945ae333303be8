"""The same work on Aetheris and on other durable runtimes, in turn: `make bench`, or `python -m benchmarks`."""
