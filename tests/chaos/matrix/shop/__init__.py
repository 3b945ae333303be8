"""A user's Django app for the crash matrix."""
