"""The floor of the machine: what its PostgreSQL does of one insert and one update in a transaction, by `pgbench`."""
