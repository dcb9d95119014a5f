"""The fork servers of a program: one serves all its sessions that need the same environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ...errors import SessionError
from .environment import binding, for_exec
from .fork_server import ForkServer
from .launch import KILLED
from .pace import Turns

if TYPE_CHECKING:
    from types import TracebackType

    from ..shared.endpoint import Endpoint
    from .fork_server import ForkedProcess


class ForkServers:
    """Starts a fork server when one is needed, and another in place of one that died or hangs.

    To share it, hand it to the links of one event loop, and close it after the last of them. A fork
    that takes too long fails that one start. What hangs is replaced, and its processes live on.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self._servers: dict[frozenset[tuple[str, str]], ForkServer] = {}
        self._former: list[ForkServer] = []  # replaced, but something they forked may live
        self._lease_until: float | None = None
        self._killed = False

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.aclose()

    @property
    def pids(self) -> list[int]:
        """The process ids of the fork servers that run."""
        servers = (*self._servers.values(), *self._former)
        return [server.pid for server in servers if not server.closed]

    async def ready(self, endpoint: Endpoint) -> None:
        """Start the fork server for this endpoint, unless it runs, and wait until it can fork.

        Raises NeonizeUnusable if it cannot import neonize. Raises SessionError if it cannot
        be started, or after `kill`.
        """
        if self._killed:
            raise SessionError(KILLED)
        await self._close_former()
        environment = for_exec(endpoint)
        key = binding(environment)
        server = self._servers.get(key)
        if server is not None:
            server.look()
            if server.closed or server.retired:
                self._former.append(self._servers.pop(key))
                server = None
        if server is None:
            server = self._servers[key] = ForkServer(environment)
            if self._lease_until is not None:
                server.renew(self._lease_until)
        await server.ready()

    async def launch(
        self, endpoint: Endpoint, line: int, output: int, *lock_descriptors: int
    ) -> ForkedProcess:
        """Have a process forked, with these descriptors.

        Raises SessionError if none was forked.
        """
        server = self._servers.get(binding(for_exec(endpoint)))
        if server is None or server.closed:
            raise SessionError("the fork server is not ready")
        return await server.fork(line, output, *lock_descriptors)

    def renew(self, until: float) -> None:
        """Let all session processes live until then, in seconds of CLOCK_BOOTTIME.

        From the first call on they are killed by their fork servers at that time, unless it was put
        off before: also if this program is frozen or hangs. Until it is, no process is forked.
        Cheap, and never waits.
        """
        self._lease_until = until
        for server in (*self._servers.values(), *self._former):
            if not server.closed:
                server.renew(until)

    def kill(self) -> None:
        """End every fork server, and with it whatever it forked, at once; no other is started."""
        self._killed = True
        for server in (*self._servers.values(), *self._former):
            server.kill()

    async def aclose(self) -> None:
        """End every fork server, and with it whatever it forked."""
        servers = [*self._servers.values(), *self._former]
        self._servers.clear()
        self._former.clear()
        for server in servers:
            await server.aclose()

    async def _close_former(self) -> None:
        over = [server for server in self._former if server.closed or server.idle]
        self._former = [server for server in self._former if server not in over]
        for server in over:
            await server.aclose()
