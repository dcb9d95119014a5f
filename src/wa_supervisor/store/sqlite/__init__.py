"""A session's keys in a SQLite file."""
