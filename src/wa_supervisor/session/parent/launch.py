"""How a session process comes to be: forked by a fork server, or started from scratch."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final, NoReturn, Protocol
from weakref import WeakSet

from ...errors import Misused, SessionError
from .begun_server import execute
from .environment import for_exec
from .pace import Turns
from .process import OwnProcess

if TYPE_CHECKING:
    from ..shared.endpoint import Endpoint
    from .process import Process

KILLED: Final = "all session processes of this program were ended, and it starts no more"

_SESSION_PROCESS: Final = "wa_supervisor.session.child.main"


class Launcher(Protocol):
    """Starts session processes, for one link or for many of one event loop."""

    turns: Turns
    """Taken by a link from before the launch until its process has come up."""

    async def ready(self, endpoint: Endpoint) -> None:
        """Do now what can be done before a process is wanted.

        Raises NeonizeUnusable if neonize cannot be used as it is installed. Raises
        SessionError if it cannot be done for another reason.
        """

    async def launch(
        self, endpoint: Endpoint, line: int, output: int, *lock_descriptors: int
    ) -> Process:
        """Start a process with these descriptors, which stay the caller's. Call `ready` before.

        `line` is the process's end of its socket to us, `output` becomes its fd 1 and 2, and
        `lock_descriptors`, its share of the session's lock, stay open for as long as it lives.

        Raises SessionError if none could be started.
        """

    def renew(self, until: float) -> None:
        """Let what it has launched live until then, see `ForkServers.renew`.

        Raises Misused if it cannot end processes at a time.
        """

    def kill(self) -> None:
        """End whatever it has launched at once, by SIGKILL; it launches no more."""

    async def aclose(self) -> None:
        """Give up what `ready` made; whatever it has launched ends."""


class SpawnLauncher:
    """Starts each process from scratch, in about a second: where fork is not to be had."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._started: WeakSet[OwnProcess] = WeakSet()
        self._killed = False

    async def ready(self, endpoint: Endpoint) -> None:
        """Do nothing. Raises SessionError after `kill`."""
        del endpoint
        if self._killed:
            raise SessionError(KILLED)

    async def launch(
        self, endpoint: Endpoint, line: int, output: int, *lock_descriptors: int
    ) -> OwnProcess:
        """Start a process."""
        environment = for_exec(endpoint)
        try:
            started = execute(_SESSION_PROCESS, line, output, environment, *lock_descriptors)
        except OSError as error:
            raise SessionError(f"a session process cannot be started: {error}") from error
        process = OwnProcess(started)
        self._started.add(process)
        if self._killed:
            process.send_signal(signal.SIGKILL)
        return process

    def kill(self) -> None:
        """End all that it has started."""
        self._killed = True
        for process in self._started:
            process.send_signal(signal.SIGKILL)

    def renew(self, until: float) -> NoReturn:  # noqa: ARG002
        """Refuse it: nobody outlives this program who could end them."""
        raise Misused("a lease needs fork servers, which need Linux 5.3 or later (pidfds)")

    async def aclose(self) -> None:
        """Do nothing."""
