"""The floor in Python: the least that a durable step can cost, one statement by hand; and what wakes a process."""
