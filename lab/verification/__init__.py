"""Every state of the core, walked."""
