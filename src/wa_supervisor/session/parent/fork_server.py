"""One running fork server, as the supervisor's program sees it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ...errors import Misused, NeonizeUnusable, SessionError
from ...redaction import redact
from ..shared import fork_protocol
from .begun_server import BegunServer, take_early
from .environment import binding
from .output import OutputPipe
from .process import UNKNOWN_EXIT, ExitStatus, OwnProcess, PidHandle

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

# Importing neonize takes 0.5 to 2 s on a server and some 10 s on a small board.
_READY_SECONDS: Final = 60.0
_FORK_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0
_REAP_SECONDS: Final = 2.0
_PACKETS: Final = 32  # taken in one turn of the loop; those left wake it again
_ALL_PACKETS: Final = 100_000  # more than a socket holds


class ForkedProcess:
    """A process that the fork server forked, and reaps."""

    def __init__(self, handle: PidHandle, server: ForkServer) -> None:
        self._handle = handle
        self._server = server
        self.status: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._handle.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        self._handle.send_signal(number)

    async def wait(self) -> ExitStatus:
        """Return how it ended once it was reaped, or unknown if it is dead and nobody reaps it.

        Dead, it holds no file and no lock any more, reaped or not.
        """
        await self._handle.gone()
        done, _ = await asyncio.wait([self.status], timeout=_REAP_SECONDS)
        if not done:
            self._server.forget(self)
        return await asyncio.shield(self.status)


class ForkServer:
    """A fork server and what it has forked.

    It occupies an event loop only while somebody waits for it or something it forked lives, and
    then that one loop. In between another may use it.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        key = binding(environment)
        try:
            begun = take_early(lambda early: binding(early) == key) or BegunServer(environment)
        except OSError as error:
            raise SessionError(f"a session process cannot be started: {error}") from error
        self._control = begun.control
        self._process = OwnProcess(begun.process)
        self._output = OutputPipe(begun.output)
        self._control.settimeout(0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_ready = False
        self._unusable: str | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._requests: dict[int, asyncio.Future[ForkedProcess]] = {}
        self._children: dict[int, ForkedProcess] = {}
        self._last_request = 0
        self._packets = 0
        self.pid: Final = self._process.pid
        self.closed = False
        """It is dead, and so is whatever it had forked."""
        self.retired = False
        """It hangs, and is to fork no more; what it has forked lives on."""

    @property
    def idle(self) -> bool:
        """Whether nobody waits for it and nothing that it forked lives."""
        return not (self._waiting or self._requests or self._children)

    def look(self) -> None:
        """Take note of what it has said meanwhile; it may have died."""
        self._read_packets(_ALL_PACKETS)

    async def ready(self) -> None:
        """Wait until it can fork.

        Raises NeonizeUnusable if it cannot import neonize. Raises SessionError if it died,
        or is not ready within 60 s.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        self._attach()
        try:
            self._read_packets()
            async with asyncio.timeout(_READY_SECONDS):
                if not (self._is_ready or self.closed):
                    await waiter
        except TimeoutError:
            self._close()
        finally:
            self._waiting.discard(waiter)
            self._detach_if_idle()
        if self._unusable is not None:
            raise NeonizeUnusable(redact(self._unusable))
        if self.closed:
            said = redact(self._output.tail.text()) or "nothing"
            raise SessionError(f"the fork server did not get ready. It said:\n{said}")

    async def fork(self, line: int, output: int, *lock_descriptors: int) -> ForkedProcess:
        """Have a process forked.

        Raises SessionError if it did not fork, or not within 10 s. Its other processes live
        on.
        """
        self._last_request = request = self._last_request + 1
        answer: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        self._requests[request] = answer
        self._attach()
        heard = self._packets
        try:
            packet = fork_protocol.Fork(request=request)
            fork_protocol.send(self._control, packet, line, output, *lock_descriptors)
            async with asyncio.timeout(_FORK_SECONDS):
                return await answer
        except TimeoutError as error:
            # A process that comes late is killed. A server that said nothing at all hangs.
            self.retired = self.retired or heard == self._packets
            raise SessionError(
                f"the fork server did not fork within {_FORK_SECONDS:g} s"
            ) from error
        except OSError as error:
            raise SessionError(f"the fork server did not fork: {error}") from error
        finally:
            self._requests.pop(request, None)
            self._detach_if_idle()

    def renew(self, until: float) -> None:
        """Let what it has forked live until then; see `ForkServers.renew`."""
        with suppress(OSError):  # it is dead, or it hangs and reads nothing
            fork_protocol.send(self._control, fork_protocol.Lease(until=until))

    def forget(self, child: ForkedProcess) -> None:
        """Give up waiting for word of a process that is dead: who does not reap hangs."""
        self.retired = True
        self._children.pop(child.pid, None)
        if not child.status.done():
            child.status.set_result(UNKNOWN_EXIT)
        self._detach_if_idle()

    def kill(self) -> None:
        """End it, and with it whatever it forked, at once; `aclose` waits for that."""
        self._close()
        self._process.send_signal(signal.SIGKILL)

    async def aclose(self) -> None:
        """End it, and with it whatever it forked."""
        self.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._process.wait()
        self._output.close()

    # -- packets

    def _attach(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None and not self.closed:
            loop.add_reader(self._control, self._read_packets)
            self._loop = loop
        elif self._loop not in {None, loop}:
            raise Misused("a fork server is shared within one event loop, not among several")

    def _detach_if_idle(self) -> None:
        if self.idle and self._loop is not None:
            self._loop.remove_reader(self._control)
            self._loop = None

    def _read_packets(self, most: int = _PACKETS) -> None:
        """Take the packets that are there, or some of very many; one may be the end."""
        for _ in range(most):
            if self.closed:
                break
            try:
                received = fork_protocol.receive(self._control)
            except BlockingIOError:
                break
            except (OSError, ValueError):
                received = None
            if received is None:
                self._close()
                break
            self._packets += 1
            packet, fds = received
            self._take(packet, fds)
            for fd in fds:
                os.close(fd)
        self._output.read()

    def _take(self, packet: fork_protocol.Packet, fds: list[int]) -> None:
        match packet:
            case fork_protocol.Ready():
                self._is_ready = True
                self._wake()
            case fork_protocol.Unusable():
                self._unusable = packet.advice
                self._close()
            case fork_protocol.Forked() if fds:
                self._on_forked(packet, fds.pop())
            case fork_protocol.Forked():
                # It ends by itself: nobody will tell it what to run.
                self._refuse(packet.request, "no descriptor is left to watch the process by")
            case fork_protocol.Refused():
                self._refuse(packet.request, packet.error)
            case fork_protocol.Exited():
                child = self._children.pop(packet.pid, None)
                if child is not None:
                    child.status.set_result(ExitStatus.of(os.waitstatus_to_exitcode(packet.status)))
                self._detach_if_idle()
            case fork_protocol.LeaseEnded():
                log.error(
                    "the lease had ended: the fork server has killed %d session processes",
                    packet.killed,
                )

    def _refuse(self, number: int, why: str) -> None:
        request = self._requests.get(number)
        if request is not None and not request.done():
            request.set_exception(OSError(why))

    def _on_forked(self, packet: fork_protocol.Forked, pidfd: int) -> None:
        handle = PidHandle(packet.pid, pidfd)
        request = self._requests.get(packet.request)
        if request is None or request.done():  # nobody waits for it any more
            handle.send_signal(signal.SIGKILL)
            handle.close()
        else:
            self._children[packet.pid] = child = ForkedProcess(handle, self)
            request.set_result(child)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _close(self) -> None:
        """Take note that it is gone; its children die with it, unreported."""
        if self.closed:
            return
        self.closed = True
        if self._loop is not None:
            self._loop.remove_reader(self._control)
            self._loop = None
        self._control.close()
        self._wake()
        for request in self._requests.values():
            if not request.done():
                request.set_exception(ConnectionResetError("it died"))
        for child in self._children.values():
            child.send_signal(signal.SIGKILL)
            child.status.set_result(UNKNOWN_EXIT)
        self._children.clear()
