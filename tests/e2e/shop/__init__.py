"""A user's Django app for the tests of whole instances."""
