"""The URL with which a session process reaches its keys: a schema of its own, and who it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr

if TYPE_CHECKING:
    from .ownership import Ownership

IDLE_IN_TRANSACTION: Final = 3
"""Seconds after which Postgres ends a transaction whose client was cut off: until then it keeps a
takeover waiting."""


def schema_of(session: str) -> str:
    """Name the schema of a session's keys."""
    return f"wa_session_{session}"


def session_url(database: SecretStr, ownership: Ownership) -> SecretStr:
    """Return the fleet's URL as the owner of a session uses it; see `refuse_stale_owner`."""
    settings = {
        "search_path": schema_of(ownership.session),
        "wa_fleet.session": ownership.session,
        "wa_fleet.epoch": ownership.epoch,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION * 1000,
        "tcp_keepalives_idle": 2,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": 3,
    }
    options = quote(" ".join(f"-c {name}={value}" for name, value in settings.items()))
    parts = urlsplit(database.get_secret_value())
    query = f"{parts.query}&options={options}" if parts.query else f"options={options}"
    return SecretStr(urlunsplit(parts._replace(query=query)))
