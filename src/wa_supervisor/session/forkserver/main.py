"""The fork server: neonize imported, Go not loaded, one thread. `python -m … FD PARENT`.

It forks session processes on request, reaps them and reports how they ended. The environment it
was executed with is what Go will see in each of them. Once it was given a lease it kills them all
when that ends: a supervisor that is frozen or hangs cannot, and another has its sessions by then.
"""

from __future__ import annotations

import gc
import os
import select
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Final, NoReturn

from ...errors import NeonizeUnusable
from ..child import main as session_process
from ..child import preload
from ..child.kernel import die_with, take_signals
from ..shared import fork_protocol
from ..shared.spec import ExitCode

_LOOK_SECONDS: Final = 1.0
"""The longest wait under a lease: the waits' clock stands while the machine is suspended."""


class _ForkServer:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._lease_until: float | None = None
        self._lease_ended = False

    def serve(self) -> None:
        """Serve until the supervisor closes its end."""
        fork_protocol.send(self._control, fork_protocol.Ready())
        while True:
            ready = [key for key, _ in self._selector.select(self._longest_wait())]
            if not any(key.fileobj is self._control for key in ready):
                self._end_lease_if_over()  # else a renewal may be among what waits to be read
            for key in ready:
                if key.fileobj is not self._control:
                    self._reap(int(key.fd), key.data)
                elif not self._answer():
                    return

    def _longest_wait(self) -> float | None:
        if self._lease_until is None or self._lease_ended:
            return None
        return min(max(self._lease_until - _boottime(), 0.0), _LOOK_SECONDS)

    def _end_lease_if_over(self) -> None:
        if self._lease_until is None or self._lease_ended or _boottime() < self._lease_until:
            return
        self._lease_ended = True
        pidfds = [key.fd for key in self._selector.get_map().values() if key.data is not None]
        for pidfd in pidfds:  # all of them, before a word that may have to wait
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        fork_protocol.send(self._control, fork_protocol.LeaseEnded(killed=len(pidfds)))

    def _tell(self, packet: fork_protocol.Packet, *fds: int) -> None:
        """Send a packet; a supervisor that does not read holds up no end of a lease."""
        while (wait := self._longest_wait()) is not None:
            if select.select([], [self._control], [], wait)[1]:
                break
            self._end_lease_if_over()
        fork_protocol.send(self._control, packet, *fds)

    def _answer(self) -> bool:
        received = fork_protocol.receive(self._control)
        if received is None:
            return False
        packet, fds = received
        try:
            if isinstance(packet, fork_protocol.Fork):
                self._fork(packet, *fds)
            elif isinstance(packet, fork_protocol.Lease):
                self._lease_until = packet.until
                self._lease_ended = False
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def _fork(
        self, packet: fork_protocol.Fork, line: int, output: int, *lock_descriptors: int
    ) -> None:
        server = os.getpid()
        try:
            if self._lease_until is not None and _boottime() >= self._lease_until:
                raise OSError("the lease has ended")  # noqa: TRY301 - refused like a fork that fails
            pid = os.fork()
        except OSError as error:
            self._tell(fork_protocol.Refused(request=packet.request, error=str(error)))
            return
        if pid == 0:
            self._become_session(server, line, output, *lock_descriptors)
        pidfd = os.pidfd_open(pid)
        self._selector.register(pidfd, selectors.EVENT_READ, pid)
        self._tell(fork_protocol.Forked(request=packet.request, pid=pid), pidfd)

    def _become_session(
        self, server: int, line: int, output: int, *lock_descriptors: int
    ) -> NoReturn:
        try:
            die_with(server)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            self._forget_server()
            gc.enable()
            session_process.main(socket.socket(fileno=line), *lock_descriptors)
        except BaseException:  # noqa: BLE001 - nothing may return into the server's loop
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(ExitCode.DEFECT)

    def _forget_server(self) -> None:
        """Close what belongs to the server: its socket, and the pidfds of other sessions."""
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._control.detach()
        self._selector.close()

    def _reap(self, pidfd: int, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        self._tell(fork_protocol.Exited(pid=pid, status=status))


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def main(control: socket.socket) -> int:
    """Import neonize and serve; return the exit code."""
    try:
        preload.preload()
    except NeonizeUnusable as error:
        fork_protocol.send(control, fork_protocol.Unusable(advice=error.advice))
        return ExitCode.UNUSABLE
    with suppress(ChildProcessError):  # neonize runs uname, and does not wait for it
        while True:
            os.wait()
    if threading.active_count() != 1:
        names = ", ".join(thread.name for thread in threading.enumerate())
        advice = f"importing neonize left threads, which cannot be forked: {names}"
        fork_protocol.send(control, fork_protocol.Unusable(advice=advice))
        return ExitCode.UNUSABLE
    # What exists now is shared by all sessions: the collector must not write to it. Off only now:
    # what it left uncollected while neonize is imported would leave holes, and each session fills
    # them with 0.7 MiB of its own.
    gc.collect()
    gc.disable()
    gc.freeze()
    with suppress(ConnectionError):
        _ForkServer(control).serve()
    return ExitCode.STOPPED


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    take_signals()
    os.set_inheritable(int(sys.argv[1]), False)  # noqa: FBT003
    sys.exit(main(socket.socket(fileno=int(sys.argv[1]))))
