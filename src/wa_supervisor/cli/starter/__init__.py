"""What `wa-supervisor init` writes: a settings file, a bot, a service."""
