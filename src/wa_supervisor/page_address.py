"""Where the page is served, under which names it may be asked for, and its links."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from .errors import ConfigError

PORT: Final = 8765
HERE: Final = f"127.0.0.1:{PORT}"
"""Where it is served unless something else is said."""

_HOST: Final = re.compile(r"[A-Za-z0-9.-]+|[0-9a-fA-F:.]+")
_MOST: Final = 65535
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port to listen on, and the origin that a browser sees."""

    host: str
    port: int
    origin: str | None = None
    """The public `https://name` of a reverse proxy before it; None: there is none."""

    @classmethod
    def parse(cls, text: str, origin: str | None = None) -> Self:
        """Read `HOST:PORT`, `HOST`, `:PORT` or `PORT`. Raises ConfigError."""
        host, colon, port = text.rpartition(":")
        if text.endswith("]") or (not colon and not text.isdecimal()):
            host, port = text, str(PORT)
        host = host.strip("[]") or "127.0.0.1"
        port = port or str(PORT)
        if not port.isdecimal() or int(port) > _MOST or _HOST.fullmatch(host) is None:
            raise ConfigError(f"{text!r} is no HOST:PORT: write it as {HERE}")
        return cls(host, int(port), None if origin is None else _origin(origin))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def origins(self) -> frozenset[str]:
        """What a browser may call us: its `Origin`. Nothing else is answered (DNS rebinding)."""
        if self.origin is not None:
            return frozenset({self.origin, *self._own})
        return self._own

    @property
    def hosts(self) -> frozenset[str]:
        """The same as it stands in `Host`."""
        return frozenset(urlsplit(each).netloc for each in self.origins)

    @property
    def is_secure(self) -> bool:
        """Whether browsers speak to us through TLS."""
        return self.origin is not None and self.origin.startswith("https:")

    @property
    def public_url(self) -> str | None:
        """What may be told to somebody at another machine; None if there is no such address."""
        here_alone = self.is_loopback or self.host in _WILDCARDS
        return None if self.origin is None and here_alone else self.url

    @property
    def url(self) -> str:
        """What is typed into a browser."""
        return self.origin or f"http://{self._netloc(self.host)}"

    @property
    def _own(self) -> frozenset[str]:
        names = {self.host} | ({"localhost", "127.0.0.1", "::1"} if self.is_loopback else set())
        return frozenset(f"http://{self._netloc(name)}" for name in names)

    def _netloc(self, host: str) -> str:
        name = f"[{host}]" if ":" in host else host
        return name if self.port == 80 else f"{name}:{self.port}"  # noqa: PLR2004 - that of http


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise ConfigError(f"{text!r} is no origin: write it as https://bot.example.org")
    return f"{parts.scheme}://{parts.netloc.lower()}"
