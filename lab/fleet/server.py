"""The loopback server in the hub, which notes who is logged in where, and until when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wa_loopback import Connection, LoopbackServer, Success
from wa_loopback.observations import Closed, Introduced, Kind, LoginAnswered, Observation

from .namespaces import HUB, Link, Machine
from .stays import Stay

LOOK_EVERY: Final = 0.05
"""Seconds between two looks at the machines' own sockets."""


@dataclass
class _Login:
    """A socket that was let in, and what is known of its end."""

    connection: Connection
    number: str
    machine: Machine
    port: int
    began: float
    ended: float | None = None


class WatchedServer(LoopbackServer):
    """A server in the hub whose clients are on machines.

    That a client's socket is gone is seen here when it is closed. Behind a cut it is not: so each
    machine's own kernel is asked, too.
    """

    def __init__(self, machines: Iterable[Machine]) -> None:
        super().__init__(host=HUB[Link.INTERNET])
        self._machines = {machine.address(Link.INTERNET): machine for machine in machines}
        self._logins: list[_Login] = []

    @property
    def stays(self) -> list[Stay]:
        """Every login so far: the device is named by its number."""
        return [
            Stay(each.number, each.machine.name, each.began, each.ended) for each in self._logins
        ]

    @property
    def registrations(self) -> int:
        """How often a client came that has no keys."""
        came = (seen for seen in self.log if isinstance(seen, Introduced))
        return sum(seen.kind is Kind.REGISTRATION for seen in came)

    def record(self, observation: Observation) -> None:
        """Note a login and its end, besides."""
        super().record(observation)
        match observation:
            case LoginAnswered(device=device, answer=Success()) if device is not None:
                connection = self.connections_of(device)[-1]
                host, port = connection.peer
                machine, number = self._machines[host], device.jid.user
                login = _Login(connection, number, machine, port, observation.at)
                self._logins.append(login)
            case Closed(by_client=True):
                for login in self._living():
                    if login.connection.gone:
                        login.ended = observation.at

    async def watch(self) -> None:
        """Look at the machines' own sockets, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            there = {each.name: each.sockets(Link.INTERNET) for each in self._machines.values()}
            for login in self._living():
                if login.port not in there[login.machine.name]:
                    login.ended = time.monotonic()

    def _living(self) -> list[_Login]:
        return [login for login in self._logins if login.ended is None]
