"""Who may see what: scopes, the tokens on the disk, links that work once, and cookies.

Nothing here does I/O but `Tokens.read`; time comes in as a value, in seconds on any clock.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Self

from .. import private_files
from ..errors import UnsafePermissions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LINK_LIFETIME: Final = 600.0
"""Seconds in which a link can be opened; what the phone's owner is shown ends with them, too."""

COOKIE_LIFETIME: Final = 12 * 3600.0
"""Seconds after which a browser must log in again."""

MOST_LINKS: Final = 64
"""Links that wait to be opened; of more the oldest is void."""

MOST_COOKIES: Final = 256
"""Browsers that are logged in; of more the oldest is logged out."""

_BYTES: Final = 32  # of chance in every secret
_LONGEST: Final = 256  # characters of a token file that are read


class Scope(StrEnum):
    """What may be done. A grant has some of them; none contains another."""

    VIEW = "view"
    """See how the sessions stand: no code and no address."""
    QR = "qr"
    """See the QR or pair code: whoever scans it has the account's messages here."""
    MESSAGES = "messages"
    """Read, acknowledge and send messages: for a program, which needs no page."""
    OPERATE = "operate"
    """All of that; give orders, see and change the gate."""


GRANTED: Final[Mapping[Scope, frozenset[Scope]]] = {
    Scope.VIEW: frozenset({Scope.VIEW}),
    Scope.QR: frozenset({Scope.QR}),
    Scope.MESSAGES: frozenset({Scope.MESSAGES}),
    Scope.OPERATE: frozenset(Scope),
}
"""What a token, link or cookie of each kind allows."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do, until when, and with which session (None: all)."""

    kind: Scope
    session: str | None = None
    until: float | None = None

    def allows(self, scope: Scope, session: str | None) -> bool:
        """Whether this may be done with this session (None: with all of them)."""
        return scope in GRANTED[self.kind] and self.session in {None, session}


@dataclass(frozen=True, repr=False)
class Tokens:
    """The secrets that programs use: one for each scope, in a file of its own (0600).

    Of a file of its own, because that is what Prometheus' `credentials_file` and systemd's
    LoadCredential= take.
    """

    by_scope: Mapping[Scope, str]

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read them, and make those that are missing. Raises StoreError, OSError."""
        private_files.make_directory(directory, parents=True)
        private_files.check_owners(directory)
        found = {}
        for scope in Scope:
            path = directory / f"{scope.value}.token"
            if not path.exists():
                private_files.replace(path, f"{secrets.token_urlsafe(_BYTES)}\n".encode())
            if path.stat().st_mode & 0o077:
                raise UnsafePermissions(f"others can read {path.name}, a token of the web page")
            token = private_files.read(path, _LONGEST).decode("ascii", "replace").strip()
            if len(token) < _BYTES:
                raise UnsafePermissions(
                    f"{path.name} is no token: it is too short",
                    hint=f"remove {path}: another one is made",
                )
            found[scope] = token
        return cls(found)

    def grant(self, token: str) -> Grant | None:
        """Say what a token allows; every one is compared, and in constant time."""
        kinds = [scope for scope, own in self.by_scope.items() if _same(own, token)]
        return Grant(kinds[0]) if kinds else None


@dataclass
class Access:
    """Who is let in. For one thread."""

    tokens: Tokens
    _links: dict[bytes, Grant] = field(default_factory=dict, repr=False)
    _cookies: dict[bytes, Grant] = field(default_factory=dict, repr=False)

    def make_link(self, kind: Scope, *, now: float, session: str | None = None) -> str:
        """Return the secret of a link that can be opened once, within `LINK_LIFETIME`."""
        code = secrets.token_urlsafe(_BYTES)
        _put(self._links, code, Grant(kind, session, now + LINK_LIFETIME), MOST_LINKS)
        return code

    def open_link(self, code: str, *, now: float) -> tuple[str, float] | None:
        """Use a link up; return a cookie and its seconds. None if it is used up or void.

        What was given to the phone's owner ends with the link; an operator's goes on.
        """
        grant = self._links.pop(_digest(code), None)
        if grant is None or grant.until is None or grant.until <= now:
            return None
        lasting = grant.until - now if grant.kind is Scope.QR else COOKIE_LIFETIME
        return self._log_in(Grant(grant.kind, grant.session, now + lasting)), lasting

    def log_in(self, token: str, *, now: float) -> tuple[str, float] | None:
        """Return a cookie for a token, and its seconds; None if it is none that shows a page."""
        grant = self.tokens.grant(token)
        if grant is None or grant.kind is Scope.MESSAGES:
            return None
        until = now + COOKIE_LIFETIME
        return self._log_in(Grant(grant.kind, grant.session, until)), COOKIE_LIFETIME

    def log_out(self, cookie: str) -> None:
        """Forget a cookie."""
        self._cookies.pop(_digest(cookie), None)

    def of_cookie(self, cookie: str, *, now: float) -> Grant | None:
        """Say what a cookie allows; None if it is unknown or too old."""
        grant = self._cookies.get(_digest(cookie))
        if grant is None or (grant.until is not None and grant.until <= now):
            return None
        return grant

    def _log_in(self, grant: Grant) -> str:
        cookie = secrets.token_urlsafe(_BYTES)
        _put(self._cookies, cookie, grant, MOST_COOKIES)
        return cookie


def _put(among: dict[bytes, Grant], secret: str, grant: Grant, most: int) -> None:
    while len(among) >= most:
        among.pop(next(iter(among)))
    among[_digest(secret)] = grant


def _digest(secret: str) -> bytes:
    """Hash what is looked up, so that the time it takes tells nothing of those that exist."""
    return sha256(secret.encode("utf-8", "replace")).digest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(_digest(one), _digest(other))
