"""Sessions over many workers, on machines that can fail: exactly one has each session."""
