"""A user's Django app for the walk through the pages: what they say of trouble is said of this bank."""
