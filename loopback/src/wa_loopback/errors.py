"""Every error of this package, as one tree.

LoopbackError
├── NotLoopback        the server was asked to listen where others could reach it
├── PairingRefused     the phone could not link this client
│   ├── UnknownRef     no client of this server ever showed this QR code
│   ├── ExpiredRef     the client which showed it is gone, or is paired already
│   ├── UnknownNumber  no waiting client asked for a pair code for this phone
│   └── WrongCode      the typed pair code is not the one which the client shows
├── LoopbackTimeout    a client did not do in time what was waited for
├── PeerGone           the client closed its connection
└── Malformed          the client's bytes are not what the protocol says
"""

from __future__ import annotations


class LoopbackError(Exception):
    """The base of all errors of this package. `hint` says what helps, if that is known."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class NotLoopback(LoopbackError):
    """Raised when the server is asked to bind an address which other machines could reach."""


class PairingRefused(LoopbackError):
    """Raised when the phone and the client could not be linked; the message says who refused."""


class UnknownRef(PairingRefused):
    """Raised when no client of this server ever showed the scanned QR code."""


class ExpiredRef(PairingRefused):
    """Raised when the client which showed the QR code is gone or is paired already."""


class UnknownNumber(PairingRefused):
    """Raised when no waiting client asked for a pair code for this phone's number."""


class WrongCode(PairingRefused):
    """Raised when the typed pair code does not open what the client sent."""


class LoopbackTimeout(LoopbackError):
    """Raised when a client did not do in time what was waited for."""


class PeerGone(LoopbackError):
    """Raised when the client closed its connection before it answered."""


class Malformed(LoopbackError):
    """Raised when the client's bytes are not what the protocol says."""
