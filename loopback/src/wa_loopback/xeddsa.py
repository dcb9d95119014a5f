"""XEdDSA: Ed25519 signatures which an X25519 public key verifies, in libsignal's variant.

Signal's specification (https://signal.org/docs/specifications/xeddsa/) fixes the sign of the
Edwards public key to zero by negating the private scalar. libsignal, and with it WhatsApp, keeps
the scalar and stores the sign in the top bit of the last signature byte instead.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_SIZE = 64

_P = 2**255 - 19
_SIGN_BIT = 0x80


def sign(key: Ed25519PrivateKey, message: bytes) -> bytes:
    """Sign a message; the X25519 key with the same scalar verifies it."""
    signature = bytearray(key.sign(message))
    signature[63] |= key.public_key().public_bytes_raw()[31] & _SIGN_BIT
    return bytes(signature)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature was made with the private key of this X25519 public key."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    edwards = bytearray(_to_edwards(public))
    edwards[31] |= signature[63] & _SIGN_BIT
    plain = bytearray(signature)
    plain[63] &= ~_SIGN_BIT
    try:
        Ed25519PublicKey.from_public_bytes(bytes(edwards)).verify(bytes(plain), message)
    except (InvalidSignature, ValueError):  # ValueError: not a point of the curve
        return False
    return True


def _to_edwards(public: bytes) -> bytes:
    """Map the Montgomery u of RFC 7748 to the Edwards y, (u - 1) / (u + 1), with sign bit zero."""
    u = int.from_bytes(public, "little") % 2**255
    return ((u - 1) * pow(u + 1, -1, _P) % _P if (u + 1) % _P else 0).to_bytes(32, "little")
