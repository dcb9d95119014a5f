"""Which session a log line is about: where a program has several, its lines do not all say so."""

from __future__ import annotations

from contextvars import ContextVar

SESSION: ContextVar[str | None] = ContextVar("wa_supervisor_session", default=None)
"""The name of the session whose supervisor is at work. Tasks and threads of its inherit it."""
