"""Clients that are not ours, against the loopback server."""
