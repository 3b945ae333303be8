"""What a node of each type needs before it may run, and how it is run: one file a type.

`prepare` runs under the job's lock and touches nothing outside; `call` runs outside any transaction.
A wait node has no kind: it is never run (`jobs.engine.park`).
"""
