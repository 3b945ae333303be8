"""One folder for each runtime: what its workers run, and the driver that measures it."""
