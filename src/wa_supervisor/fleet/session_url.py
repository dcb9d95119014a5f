"""The URL with which a session process reaches its keys: a schema of its own, and who it is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pydantic import SecretStr

if TYPE_CHECKING:
    from .ownership import Ownership

EPOCH: Final = "wa_fleet.epoch"
"""What a connection says to be allowed to write a session's keys; see `refuse_stale_owner`."""
IDLE_IN_TRANSACTION: Final = 3
"""Seconds after which Postgres ends a transaction whose client was cut off: until then it keeps a
takeover waiting."""

_LONGEST: Final = 63
"""Bytes of an identifier; Postgres cuts off what is beyond, without a word (NAMEDATALEN)."""
_DIGITS: Final = 12


def schema_of(session: str) -> str:
    """Name the schema of a session's keys.

    It is to be quoted: upper case counts, and a name can have a `-` or a `.`. Of a long one there
    is the beginning, then `~`, which is in no session's name, and what tells it from others.
    """
    schema = f"wa_session_{session}"
    if len(schema) <= _LONGEST:
        return schema
    digest = hashlib.sha256(session.encode()).hexdigest()[:_DIGITS]
    return f"{schema[: _LONGEST - _DIGITS - 1]}~{digest}"


def application_name(ownership: Ownership) -> str:
    """Name the connections of a session process, as `pg_stat_activity` shows them."""
    return f"wa-session {ownership.epoch} {ownership.session}"[:_LONGEST]


def session_url(database: SecretStr, ownership: Ownership) -> SecretStr:
    """Return the fleet's URL as the owner of a session uses it; see `refuse_stale_owner`.

    Options that the URL has are kept, but ours come last and so win.
    """
    parts = urlsplit(database.get_secret_value())
    given = [each.partition("=") for each in parts.query.split("&") if each]
    settings = {
        "search_path": f'"{schema_of(ownership.session)}"',
        EPOCH: ownership.epoch,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION * 1000,
        "tcp_keepalives_idle": 2,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": 3,
    }
    options = [unquote(value) for name, _, value in given if name == "options"]
    options += [f"-c {name}={value}" for name, value in settings.items()]
    ours = {"application_name": application_name(ownership), "options": " ".join(options)}
    query = [f"{name}={value}" for name, _, value in given if name not in ours]
    query += [f"{name}={quote(value, safe='')}" for name, value in ours.items()]
    return SecretStr(urlunsplit(parts._replace(query="&".join(query))))
