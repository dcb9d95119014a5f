"""Where a fault is played: a loopback server, one program, and the person with the phone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from wa_loopback import Connection, Device, LoopbackError, LoopbackServer, PairFault, Phone

from .programs import ProgramUnderTest, Supervised

Against = Literal["supervisor", "bare"]

PATIENCE = 60.0
"""Seconds for what must work before a fault can be played."""

_POLL = 0.02
_T = TypeVar("_T")


class RigFailed(LoopbackError):
    """Raised when a session did not come as far as the fault begins."""


@dataclass
class Rig:
    """What acts work on. `phone`'s owner does what a code asks for, when told to."""

    server: LoopbackServer
    program: ProgramUnderTest
    rng: random.Random
    phone: Phone
    patience: float = 1.0
    """The factor on every bound, for machines that are busy with something else."""
    device: Device | None = None
    """The device that was paired before the fault."""
    before: Connection | None = None
    """The session's connection before the fault."""
    begun: float = 0.0
    """When the fault began, on `time.monotonic`."""
    possible: float = 0.0
    """When recovery became possible: with the fault, or with the act that mended its cause."""
    dials: int = 0
    """Dials before the fault."""
    turned: float = 0.0
    """When the last of several turns of a fault was over."""
    notes: list[str] = field(default_factory=list)
    """What was seen in passing that must not be."""
    meanwhile: list[asyncio.Task[None]] = field(default_factory=list)
    """What is done while other acts are."""

    @property
    def supervised(self) -> Supervised | None:
        """The program, if it is the supervisor."""
        return self.program if isinstance(self.program, Supervised) else None

    def mended(self) -> None:
        """Note that from now on recovery is possible."""
        self.possible = time.monotonic()

    async def until(
        self, probe: Callable[[], _T | None], *, within: float = PATIENCE, what: str
    ) -> _T:
        """Return the probe's first answer that is neither None nor False.

        Raises RigFailed after `within` seconds.
        """
        end = time.monotonic() + within * self.patience
        while True:
            answer = probe()
            if answer is not None and answer is not False:
                return answer
            if time.monotonic() > end:
                raise RigFailed(f"{what} did not happen within {within:.1f} s")
            await asyncio.sleep(_POLL)

    def code_that_works(self) -> str | None:
        """Return the code that shows, if its client is still there to be paired."""
        code = self.program.code()
        if code is None:
            return None
        if "#" not in code:
            return code if any(c.code_pairing for c in self.server.connections) else None
        ref = code.rpartition("#")[2].split(",")[0].encode()
        connection = self.server.refs.get(ref)
        return code if connection is not None and connection.open else None

    async def scan(self, *, fault: PairFault | None = None, within: float = PATIENCE) -> Device:
        """Do with the phone what the code that shows asks for."""
        code = await self.until(self.code_that_works, within=within, what="a code to scan")
        link = self.phone.scan if "#" in code else self.phone.enter_code
        return await link(code, fault=fault)

    async def pair(self) -> None:
        """Scan, and wait until the session is connected by both sides' word."""
        self.device = await self.scan()
        await self.connected()

    async def connected(self) -> Connection:
        """Wait until the session is connected by both sides' word; return its connection."""
        assert self.device is not None
        connection = await self.server.wait_connected(self.device, timeout=PATIENCE)
        if self.supervised is not None:
            await self.until(self.says_connected, what="Connected, by the supervisor's word")
        return connection

    def says_connected(self) -> bool:
        """Tell whether the supervisor says that all is well. A bare script says nothing."""
        if self.supervised is None:
            return True
        last = self.supervised.last
        return last is not None and (last.after, last.substate) == ("Connected", "online")

    def begin(self) -> None:
        """Note how things stand before a fault."""
        self.begun = self.possible = self.turned = time.monotonic()
        self.dials = self.server.dials
        logins = self.server.connections_of(self.device) if self.device else ()
        self.before = logins[-1] if logins else None

    @property
    def connection(self) -> Connection:
        """The session's open login."""
        devices = [self.device] if self.device else []
        logins = [login for device in devices for login in self.server.connections_of(device)]
        if not logins:
            raise RigFailed("the session has no open connection")
        return logins[-1]

    async def client(self) -> int:
        """Return the process id of the client, once there is one."""
        return await self.until(lambda: self.program.client, what="a client process")
