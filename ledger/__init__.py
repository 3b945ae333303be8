"""The books: events and effects. Append-only; nothing here decides what a job does next."""
