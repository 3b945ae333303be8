"""The benchmarks are kept able to run: each workload of Aetheris once, at tiny size."""
