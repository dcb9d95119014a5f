"""How a session process comes to be: forked by a fork server, or started from scratch."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from ...errors import NeonizeUnusable, SessionError
from ...redaction import Redactor
from ..shared import fork_protocol
from .output_tail import Tail
from .process import ExitStatus, OwnProcess, Process, Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..shared.endpoint import Endpoint

# Importing neonize takes 0.5 to 2 s on a server and some 10 s on a small board.
_READY_SECONDS: Final = 60.0
_FORK_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0
_REAP_SECONDS: Final = 2.0


class Launcher(Protocol):
    """Starts session processes."""

    async def ready(self) -> None:
        """Do now what can be done before a process is wanted; SessionError if it cannot be."""

    async def launch(self, line: int, output: int, *lease: int) -> Process:
        """Start a process with these descriptors, which stay the caller's.

        `lease` is its share of the session's lock: the process keeps it open as long as it lives.

        Raises:
            SessionError: if none could be started.
        """

    async def aclose(self) -> None:
        """Give up what `ready` made."""


# The setting with a password: what a bot starts must not inherit it. Ours is sent over the line.
_DATABASE: Final = "WA_SUPERVISOR_DATABASE"


def _python(module: str, descriptor: int, *more: int) -> list[str]:
    # -P: the working directory may hold a module named like one of ours; a bot adds it itself.
    numbers = (descriptor, os.getpid(), *more)
    return [sys.executable, "-P", "-m", module, *map(str, numbers)]


def _popen(
    module: str, descriptor: int, output: int, endpoint: Endpoint, *lease: int
) -> subprocess.Popen[bytes]:
    """Start one of our modules. Only from a thread that lives as long as it should."""
    own = {name: value for name, value in os.environ.items() if name.upper() != _DATABASE}
    try:
        return subprocess.Popen(
            _python(module, descriptor, *lease),
            env=endpoint.environment(own),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(descriptor, *lease),
            start_new_session=True,  # Ctrl-C in the terminal is for the supervisor
        )
    except OSError as error:
        raise SessionError(f"a session process cannot be started: {error}") from error


class SpawnLauncher:
    """Starts each process from scratch, in about a second: where fork is not to be had."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def ready(self) -> None:
        """Do nothing."""

    async def launch(self, line: int, output: int, *lease: int) -> OwnProcess:
        """Start a process."""
        module = "wa_supervisor.session.child.main"
        return OwnProcess(_popen(module, line, output, self._endpoint, *lease))

    async def aclose(self) -> None:
        """Do nothing."""


class ForkedProcess:
    """A process that the fork server forked, and reaps."""

    def __init__(self, watched: Watched, server_hangs: Callable[[], None]) -> None:
        self._watched = watched
        self._server_hangs = server_hangs
        self.status: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._watched.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        self._watched.send_signal(number)

    async def wait(self) -> ExitStatus:
        """Return how it ended, once it was reaped; or once it is dead and the server hangs."""
        await self._watched.gone()
        done, _ = await asyncio.wait([self.status], timeout=_REAP_SECONDS)
        if not done:
            self._server_hangs()
        return await asyncio.shield(self.status)


class ForkLauncher:
    """Owns a fork server; starts it when it is first needed, and again if it died."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._server: _Server | None = None

    async def ready(self) -> None:
        """Start the fork server, unless it runs, and wait until it can fork.

        Raises:
            NeonizeUnusable: if it cannot import neonize.
            SessionError: if it cannot be started.
        """
        if self._server is None or self._server.closed:
            await self.aclose()
            self._server = _Server(self._endpoint)
        await self._server.ready()

    async def launch(self, line: int, output: int, *lease: int) -> ForkedProcess:
        """Let the server fork a process."""
        if self._server is None:
            raise SessionError("the fork server is not ready")
        return await self._server.fork(line, output, *lease)

    async def aclose(self) -> None:
        """End the fork server, and with it whatever it forked."""
        if self._server is not None:
            await self._server.aclose()
            self._server = None

    @property
    def pid(self) -> int | None:
        """The fork server's process id."""
        return None if self._server is None or self._server.closed else self._server.pid


class _Server:
    """A running fork server."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._loop = asyncio.get_running_loop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        try:
            module = "wa_supervisor.session.forkserver.main"
            self._process = OwnProcess(_popen(module, theirs.fileno(), writing, endpoint))
        except SessionError:
            self._control.close()
            os.close(reading)
            raise
        finally:
            theirs.close()
            os.close(writing)
        self.pid: Final = self._process.pid
        self.closed = False
        self._tail = Tail(reading)
        self._redact = Redactor()
        if endpoint.proxy is not None:
            self._redact.learn(endpoint.proxy.get_secret_value())
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._requests: dict[int, asyncio.Future[ForkedProcess]] = {}
        self._children: dict[int, ForkedProcess] = {}
        self._last_request = 0
        self._control.settimeout(0)
        self._loop.add_reader(self._control.fileno(), self._on_packet)

    async def ready(self) -> None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await asyncio.shield(self._ready)
        except NeonizeUnusable:
            await self.aclose()
            raise
        except (TimeoutError, ConnectionError) as error:
            await self.aclose()
            raise SessionError(
                f"the fork server did not get ready ({type(error).__name__}: {error}). "
                f"It said:\n{self._redact(self._tail.text())}"
            ) from error

    async def fork(self, line: int, output: int, *lease: int) -> ForkedProcess:
        self._last_request = request = self._last_request + 1
        answer: asyncio.Future[ForkedProcess] = self._loop.create_future()
        self._requests[request] = answer
        try:
            fork_protocol.send(
                self._control, fork_protocol.Fork(request=request), line, output, *lease
            )
            async with asyncio.timeout(_FORK_SECONDS):
                return await answer
        except (OSError, TimeoutError) as error:
            # A process may be there all the same: it dies with the server.
            await self.aclose()
            raise SessionError(f"the fork server did not fork: {error!r}") from error
        finally:
            self._requests.pop(request, None)

    async def aclose(self) -> None:
        self._close(ConnectionResetError("the fork server was closed"))
        self._process.send_signal(signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._process.wait()
        self._tail.close()

    def _on_packet(self) -> None:
        try:
            received = fork_protocol.receive(self._control)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            self._close(ConnectionResetError(str(error)))
            return
        if received is None:
            self._close(ConnectionResetError("the fork server died"))
            return
        packet, fds = received
        self._hear(packet, fds)
        for fd in fds:
            os.close(fd)

    def _hear(self, packet: fork_protocol.Packet, fds: list[int]) -> None:
        match packet:
            case fork_protocol.Ready():
                if not self._ready.done():
                    self._ready.set_result(None)
            case fork_protocol.Unusable():
                if not self._ready.done():
                    self._ready.set_exception(NeonizeUnusable(self._redact(packet.advice)))
                    self._ready.exception()  # retrieved: nobody may be waiting
            case fork_protocol.Forked():
                self._on_forked(packet, fds.pop())
            case fork_protocol.Refused():
                self._requests[packet.request].set_exception(OSError(packet.error))
            case fork_protocol.Exited():
                returncode = os.waitstatus_to_exitcode(packet.status)
                child = self._children.pop(packet.pid)
                child.status.set_result(ExitStatus.of(returncode))

    def _on_forked(self, packet: fork_protocol.Forked, pidfd: int) -> None:
        child = ForkedProcess(Watched(packet.pid, pidfd), self._on_hang)
        self._children[packet.pid] = child
        request = self._requests.get(packet.request)
        if request is None or request.done():  # nobody waits for it any more
            child.send_signal(signal.SIGKILL)
        else:
            request.set_result(child)

    def _on_hang(self) -> None:
        """Give up a server that does not reap; its children go with it."""
        self._process.send_signal(signal.SIGKILL)
        self._close(ConnectionResetError("the fork server hangs"))

    def _close(self, error: ConnectionError) -> None:
        """Take note that the server is gone; its children die with it, unreported."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # retrieved: nobody may be waiting
        for request in self._requests.values():
            if not request.done():
                request.set_exception(error)
        for child in self._children.values():
            child.send_signal(signal.SIGKILL)
            child.status.set_result(ExitStatus(None, None))
        self._children.clear()
