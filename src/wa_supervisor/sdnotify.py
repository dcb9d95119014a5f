"""systemd's notification protocol: datagrams of `NAME=value` lines, see sd_notify(3).

Nothing here is done unless a service manager asked for it by NOTIFY_SOCKET.
"""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

log = logging.getLogger("wa_supervisor")


@dataclass(frozen=True, slots=True)
class Notifier:
    """A way to the service manager.

    `address` is a path or, after an `@`, a name in the abstract namespace of unix(7). `watchdog`
    is how often, in seconds, the manager wants a sign of life; None: never.
    """

    address: str
    watchdog: float | None = None

    def __post_init__(self) -> None:
        if not self.address.startswith(("/", "@")) or len(self.address) == 1:
            raise ConfigError(
                "NOTIFY_SOCKET is neither an absolute path nor an abstract name (@...)",
                hint="unset it unless a service manager has set it",
            )

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> Self | None:
        """Read and remove the variables, so that no child takes them for its own.

        None without NOTIFY_SOCKET. Raises ConfigError for what cannot be meant.
        """
        address, usec, pid = (
            environ.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        )
        if not address:
            return None
        if not usec or (pid and pid != str(os.getpid())):  # as sd_watchdog_enabled(3)
            return cls(address)
        if not usec.isascii() or not usec.isdigit() or int(usec) == 0:
            raise ConfigError(
                "WATCHDOG_USEC is not a number of microseconds",
                hint="unset it unless a service manager has set it",
            )
        return cls(address, watchdog=int(usec) / 1e6)

    def send(self, **variables: str) -> None:
        """Send variables in one datagram, without ever waiting.

        That nobody takes it is logged and does not raise: the session matters more.
        """
        lines = (f"{name}={' '.join(value.split())}" for name, value in variables.items())
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)  # noqa: FBT003 - its only parameter
            try:
                out.sendto("\n".join(lines).encode(), address)
            except OSError as error:
                names = ", ".join(variables)
                log.warning("the service manager could not be told %s: %s", names, error.strerror)
