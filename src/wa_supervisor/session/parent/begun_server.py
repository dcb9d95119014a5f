"""A fork server's process, which can be begun before the program that wants it has its own imports.

Both import for half a second, the one neonize and the other the supervisor: at the same time they
take half as long. So this imports next to nothing.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODULE = "wa_supervisor.session.forkserver.main"
_OWN = "WA_SUPERVISOR_"  # as in `shared.inheritance`, which would cost 0.1 s here
GO = {"GOGC": "50", "GOMAXPROCS": "1"}
"""What Go is told, unless the environment says otherwise: to let its heap grow by half before it
collects, not by its whole (1.1 MiB less a session; a message costs a tenth more CPU at most), and
to run on one core at a time, however many there are: 0.45 MiB and a sixth of the idle CPU less, and
half the wakes; what a session receives and sends in a second stays the same.
GOMEMLIMIT is no help: near it, Go collects for ever (6 times the CPU)."""
_MANAGERS = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
"""Of the service manager that started us; `sdnotify` takes them out, later than this is begun."""
_CA_FILE = f"{_OWN}ENDPOINT__CA_FILE"


def execute(
    module: str, descriptor: int, output: int, environment: Mapping[str, str], *more: int
) -> subprocess.Popen[bytes]:
    """Start a module of ours with an inherited socket. Its fd 1 and 2 are `output`.

    Raises OSError if it cannot be started.
    """
    # -P: the working directory may hold a module named like one of ours. It comes in for the bot.
    numbers = (descriptor, os.getpid(), *more)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *map(str, numbers)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(descriptor, *more),
        start_new_session=True,  # Ctrl-C in the terminal is for the supervisor
    )


class BegunServer:
    """A fork server that nobody has listened to yet."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it. Raises OSError if it cannot be started."""
        self.environment = environment
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.output, writing = os.pipe()
        try:
            self.process = execute(MODULE, theirs.fileno(), writing, environment)
        except OSError:
            self.control.close()
            os.close(self.output)
            raise
        finally:
            theirs.close()
            os.close(writing)

    def close(self) -> None:
        """End it."""
        self.control.close()
        os.close(self.output)
        self.process.kill()
        self.process.wait()


_early: list[BegunServer] = []


def begin_early(environment: Mapping[str, str]) -> None:
    """Begin one for the sessions that this program will most likely have, by its environment.

    Where it cannot be started nothing happens: who needs one will be told then. Nor where we were
    started without a standard stream: what is opened now would take its number.
    """
    try:
        for standard in (0, 1, 2):
            os.fstat(standard)
    except OSError:
        return
    own = {name: value for name, value in environment.items() if name.upper().startswith(_OWN)}
    left_out = _MANAGERS | own.keys()
    given = GO | {name: value for name, value in environment.items() if name not in left_out}
    if _CA_FILE in own:
        given["SSL_CERT_FILE"] = os.path.abspath(own[_CA_FILE])  # noqa: PTH100 - pathlib costs 8 ms
    try:
        _early.append(BegunServer(given))
    except OSError:
        return


def take_early(suits: Callable[[Mapping[str, str]], bool]) -> BegunServer | None:
    """Return the one that was begun early, if its environment suits; if not it is ended."""
    if not _early:
        return None
    begun = _early.pop()
    if suits(begun.environment):
        return begun
    begun.close()
    return None
