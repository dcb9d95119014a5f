"""Programs that use a client as its README does; they are started, not imported."""
