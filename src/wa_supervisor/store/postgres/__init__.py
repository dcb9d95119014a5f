"""A session's keys in Postgres."""
