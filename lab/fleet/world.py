"""A fleet that runs: Postgres, the server, workers on machines, and somebody who writes to all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import psycopg
from pydantic import SecretStr

from wa_loopback import Contact, LoopbackTimeout, PairingRefused, PeerGone, Phone

from ..postgres_server import Server, serving
from .namespaces import HUB, MEMORY, Link, machines
from .programs import Program
from .reader import READ_BY
from .server import WatchedServer

_ROOT: Final = Path(__file__).parents[2]
_PORT: Final = 5432
_LOOK: Final = 0.05
_PATIENCE: Final = 60.0
WRITE_EVERY: Final = 0.5
"""Seconds between two messages to a session."""
_ALIVE: Final = (
    "SELECT count(*) FROM wa_fleet.workers JOIN wa_fleet.procrastinate_workers ON id = engine_id"
    " WHERE last_heartbeat > now() - interval '3 s'"
)
_REFUSED: Final = "another worker owns this session now"
"""What `refuse_stale_owner` says, in Postgres' log."""


class NotReached(Exception):
    """Raised when what was waited for has not come in time."""


@dataclass
class Mail:
    """What was written to each session, and what its bot has read."""

    file: Path
    said: Counter[str] = field(default_factory=Counter)

    def read(self) -> Counter[tuple[str, bool]]:
        """Return how often each text was handed out, and whether as one that comes again."""
        if not self.file.exists():
            return Counter()
        rows = (line.rpartition(" ") for line in self.file.read_text().splitlines())
        return Counter((text, again == "1") for text, _, again in rows)

    @property
    def missing(self) -> set[str]:
        """What nobody has read."""
        return set(self.said) - {text for text, _ in self.read()}

    @property
    def twice(self) -> set[str]:
        """What came again as if it were new."""
        return {text for (text, again), times in self.read().items() if times > 1 and not again}


@dataclass
class World:
    """All of it; `sessions` are phones by the session's name."""

    server: WatchedServer
    postgres: Server
    database: SecretStr
    """The fleet's, by the control network."""
    directory: Path
    programs: dict[str, Program]
    mail: Mail
    sessions: dict[str, Phone] = field(default_factory=dict)
    _contact: Contact | None = None
    _texts: int = 0

    # -- looking

    @property
    def refusals(self) -> int:
        """How many writes Postgres has refused, as they came from an owner of before."""
        return self.postgres.log.count(_REFUSED)

    def where(self) -> dict[str, str]:
        """Name the worker on which each session is logged in now."""
        by_number = {phone.number: name for name, phone in self.sessions.items()}
        return {
            by_number[stay.device]: stay.worker
            for stay in self.server.stays
            if stay.ended is None and stay.device in by_number
        }

    def alive(self) -> int:
        """Count the workers that Postgres has heard of within the last seconds."""
        with contextlib.suppress(psycopg.Error):  # there are no tables yet, or no Postgres
            ((count,),) = self.postgres.execute(_ALIVE, self._database_name)
            return int(count)
        return 0

    @property
    def _database_name(self) -> str:
        return urlsplit(self.database.get_secret_value()).path.lstrip("/")

    def fullest(self) -> Program:
        """The worker on which most sessions are logged in."""
        loads = Counter(self.where().values())
        return self.programs[max(self.programs, key=lambda name: (loads[name], name))]

    async def until(
        self, done: Callable[[], bool], what: str, *, within: float = _PATIENCE
    ) -> None:
        """Wait. Raises NotReached."""
        deadline = time.monotonic() + within
        while not done():
            if time.monotonic() > deadline:
                raise NotReached(f"{what}: not within {within:g} s\n{self.story()}")
            await asyncio.sleep(_LOOK)

    async def all_up(self) -> None:
        """Wait until every session is logged in, and its messages can come."""
        await self.until(
            lambda: (
                all(
                    any(
                        each.ready
                        for device in phone.devices
                        for each in self.server.connections_of(device)
                    )
                    for phone in self.sessions.values()
                )
                and set(self.where()) == set(self.sessions)
            ),
            "every session is logged in",
        )

    async def settled(self, quiet: float) -> None:
        """Wait until every session is logged in, every worker lives, and nothing has come since."""
        await self.until(lambda: self.alive() == len(self.programs), "every worker lives")
        logins = -1
        while logins != len(self.server.stays):
            await self.all_up()
            logins = len(self.server.stays)
            await asyncio.sleep(quiet)

    # -- doing

    async def add(self, names: Iterable[str]) -> None:
        """Add sessions as an operator does, and scan what they show."""
        names = list(names)
        shown = {name: self.directory / f"{name}.qr" for name in names}
        config = self.directory / "sessions.toml"
        config.write_text(
            "\n".join(
                f'[sessions.{name}.pairing]\nqr = ["payload:{path}"]'
                for name, path in shown.items()
            )
        )
        await self._command("add", "--all", "--config", str(config))
        await asyncio.gather(*(self._scan(name, path) for name, path in shown.items()))

    async def write(self) -> None:
        """Write to each session all the time, until cancelled."""
        self._contact = self.server.contact("Ann")
        while True:
            for name, phone in self.sessions.items():
                self._texts += 1
                text = f"{name}:{self._texts}"
                self._contact.say(phone, text)
                self.mail.said[text] += 1
            await asyncio.sleep(WRITE_EVERY)

    async def _scan(self, name: str, path: Path) -> None:
        phone = self.server.phone()
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            await self.until(path.exists, f"{name} shows a code")
            with contextlib.suppress(PairingRefused, PeerGone, LoopbackTimeout, FileNotFoundError):
                device = await phone.scan(_text(path))
                await self.server.wait_connected(device, timeout=30)
                self.sessions[name] = phone
                return
        raise NotReached(f"{name} was not paired\n{self.story()}")

    async def _command(self, *arguments: str) -> None:
        """Run `wa-supervisor fleet` here, in the hub."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wa_supervisor", "fleet", *arguments),
            env=environment(self.server, self.database, self.mail.file),
            cwd=self.directory,
            stdout=sys.stderr,
        )
        if await asyncio.wait_for(process.wait(), _PATIENCE):
            raise NotReached(f"`fleet {arguments[0]}` failed\n{self.story()}")

    def story(self) -> str:
        """What the workers have said of late."""
        return "\n".join(
            f"--- {program.name}\n" + "\n".join(program.log.splitlines()[-15:])
            for program in self.programs.values()
            if program.starts
        )


@contextlib.asynccontextmanager
async def running(
    workers: int, sessions: int, inbox: Literal["disk", "postgres"] = "disk"
) -> AsyncIterator[World]:
    """Have a fleet whose sessions are all logged in; each worker has room for all of them.

    `inbox` is the setting `fleet.inbox`. Only in a hub, see `namespaces.within`.
    """
    with tempfile.TemporaryDirectory(prefix="wa-fleet-", dir=MEMORY) as name:
        directory = Path(name)
        names = [f"w{number}" for number in range(1, workers + 1)]
        async with contextlib.AsyncExitStack() as stack:
            there = await stack.enter_async_context(machines(*names))
            postgres = stack.enter_context(serving(_PORT, HUB[Link.CONTROL]))
            database = postgres.over_tcp(stack.enter_context(postgres.database()))
            server = await stack.enter_async_context(WatchedServer(there))
            mail = Mail(directory / "read")
            given = environment(server, database, mail.file)
            given["WA_SUPERVISOR_FLEET__INBOX"] = inbox
            programs = {
                each.name: Program(each, directory / each.name, given, sessions) for each in there
            }
            world = World(server, postgres, database, directory, programs, mail)
            stack.push_async_callback(_end, programs.values())
            await stack.enter_async_context(_beside(server.watch()))
            for program in programs.values():
                await program.start()
            await world.until(lambda: world.alive() == workers, "every worker is registered")
            await world.add(f"s{number}" for number in range(1, sessions + 1))
            await stack.enter_async_context(_beside(world.write()))
            await world.all_up()
            yield world


def environment(server: WatchedServer, database: SecretStr, read: Path) -> dict[str, str]:
    """The environment of workers and operators: it reaches the server, and nothing else."""
    there = server.endpoint
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(read.parent),
        "PYTHONPATH": str(_ROOT),
        "HTTPS_PROXY": there.proxy,
        "WA_SUPERVISOR_ENDPOINT__PROXY": there.proxy,
        "WA_SUPERVISOR_ENDPOINT__CA_FILE": str(there.ca_file),
        "WA_SUPERVISOR_ENDPOINT__NOISE_ROOT": there.noise_root,
        "WA_SUPERVISOR_FLEET__DATABASE": database.get_secret_value(),
        "WA_SUPERVISOR_BOT": "lab.fleet.reader:register",
        "WA_SUPERVISOR_INBOX__BOT_DELIVERY": "inbox",
        READ_BY: str(read),
    }


def _text(path: Path) -> str:
    return path.read_text()


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Do something until the body ends; a defect of it is raised then."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _end(programs: Iterable[Program]) -> None:
    """Kill whatever of the workers is left."""
    for program in programs:
        if program.runs:
            await program.kill()
