"""Who we are: the account's own addresses, kept so that mentions are known before a dial."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .. import private_files
from ..gate import Identity, parse

_NAME: Final = "own"
_PAIRING: Final = "paired"
_LONGEST: Final = 1024  # bytes of two addresses, and more


def read_own(directory: Path) -> Identity | None:
    """Return who we are, as it was kept; None if nobody knows yet, or not any more."""
    text = read_own_text(directory)
    return None if text is None else Identity.of(*map(parse, text.split()))


def read_own_text(directory: Path) -> str | None:
    """Return the same as it is written, to be kept elsewhere, too; None if nobody knows."""
    try:
        return private_files.read(directory / _NAME, _LONGEST).decode()
    except (OSError, UnicodeDecodeError):
        return None


def keep_own_text(directory: Path, text: str) -> None:
    """Keep what was kept elsewhere. Raises OSError."""
    private_files.replace(directory / _NAME, text.encode())


def keep_own(directory: Path, own: Identity) -> None:
    """Keep who we are, in a private file. Raises OSError."""
    keep_own_text(directory, own_text(own))


def own_text(own: Identity) -> str:
    """Write who we are as it is kept."""
    return "\n".join(each.reveal() for each in own.addresses)


def read_pairing(directory: Path) -> int | None:
    """Return the generation that was paired since who we are was kept; None if none was."""
    try:
        return int(private_files.read(directory / _PAIRING, _LONGEST))
    except (OSError, ValueError):
        return None


def keep_pairing(directory: Path, generation: int) -> None:
    """Keep that this generation was paired, so that who we are is to be asked. Raises OSError."""
    private_files.replace(directory / _PAIRING, str(generation).encode())


def forget_pairing(directory: Path) -> None:
    """Keep that who we are was asked since the last pairing. Raises OSError."""
    (directory / _PAIRING).unlink(missing_ok=True)
