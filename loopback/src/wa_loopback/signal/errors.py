"""What a receiver of encrypted messages may meet."""

from __future__ import annotations

from ..errors import LoopbackError


class Undecryptable(LoopbackError):
    """Raised when a message cannot be opened: no session fits, its key is used up, it is broken."""
