"""WhatsApp's own padding, inside the encryption: n bytes of the value n hide the length."""

from __future__ import annotations

import secrets

from .errors import Undecryptable

_MOST = 15  # whatsmeow, `message.go`: padMessage; it accepts up to 255


def pad(plaintext: bytes) -> bytes:
    """Append between 1 and 15 bytes, each of which says how many they are."""
    size = secrets.randbelow(_MOST) + 1
    return plaintext + bytes([size]) * size


def unpad(padded: bytes) -> bytes:
    """Undo `pad`. Raises `Undecryptable` if the end is no such padding."""
    size = padded[-1] if padded else 0
    if not size or not padded.endswith(bytes([size]) * size):
        raise Undecryptable("a plaintext is padded wrongly")
    return padded[:-size]
