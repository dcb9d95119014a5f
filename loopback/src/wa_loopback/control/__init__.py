"""The server as a program: `wa-loopback`, and its control API for programs in any language."""
