"""A fleet's database, sessions in it, and workers that take them over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pydantic import SecretStr

from lab.postgres_server import Server
from wa_supervisor.fleet.database import FleetDatabase
from wa_supervisor.fleet.ownership import Ownership


@contextlib.contextmanager
def fleet_at(url: SecretStr, *sessions: str) -> Iterator[FleetDatabase]:
    """Open a fleet's database, with its tables and these sessions."""
    with FleetDatabase(url) as database:
        database.install()
        for name in sessions:
            add(database, name)
        yield database


def add(database: FleetDatabase, name: str) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO sessions (name, settings) VALUES (%s, '{}')", (name,))
        connection.execute("INSERT INTO owners (session) VALUES (%s)", (name,))


def take(database: FleetDatabase, session: str, worker: str) -> Ownership:
    """Make a worker the session's owner."""
    with database.transaction() as connection:
        row = connection.execute(
            "UPDATE owners SET epoch = epoch + 1, worker = %s, claimed_at = now()"
            " WHERE session = %s RETURNING epoch",
            (worker, session),
        ).fetchone()
    assert row is not None
    return Ownership(session, worker, row["epoch"])


@contextlib.contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Stop every process of a server while this lasts: it takes connections, and never answers."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()
