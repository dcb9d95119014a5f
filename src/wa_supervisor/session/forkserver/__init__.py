"""The fork server: neonize imported once, Go not loaded, a session process for each request."""
