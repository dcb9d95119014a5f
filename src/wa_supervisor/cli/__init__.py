"""The command line: a thin face on the API."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
