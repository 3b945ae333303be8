"""A Django app with an agent that asks before it pays, and what a person does with it."""
