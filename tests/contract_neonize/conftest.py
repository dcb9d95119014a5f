"""The bare client and the server of the loopback tests: nothing of the supervisor takes part."""

from __future__ import annotations

from loopback.conftest import clients, database, server

__all__ = ["clients", "database", "server"]
