"""XEdDSA: Ed25519 signatures made with X25519 keys, in the variant which libsignal uses.

Signal's specification (https://signal.org/docs/specifications/xeddsa/) fixes the sign of the
Edwards public key to zero by negating the private scalar. libsignal, and with it WhatsApp, keeps
the scalar and stores the sign in the top bit of the last signature byte instead.

Signing needs an Ed25519 key given as a scalar, which `cryptography` does not offer, so the group
arithmetic is here (RFC 8032, section 5.1.4). It is not constant-time: the keys of this server
protect nothing. Verifying is left to `cryptography`.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE_SIZE = 64

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_2D = 2 * -121665 * pow(121666, -1, _P) % _P
_SIGN_BIT = 0x80
_HASH_PREFIX = b"\xfe" + b"\xff" * 31  # hash_1 of the specification: 2^256 - 2, little-endian

_Point: TypeAlias = tuple[int, int, int, int]  # X, Y, Z, T of RFC 8032
_NEUTRAL: _Point = (0, 1, 1, 0)


def sign(private: bytes, message: bytes, *, entropy: bytes | None = None) -> bytes:
    """Sign a message with an X25519 private key.

    `entropy` is the 64 random bytes of the specification; give it only to repeat a signature.
    """
    scalar = _clamped(private)
    public = _encoded(_times_base(scalar))
    noise = secrets.token_bytes(64) if entropy is None else entropy
    nonce = _hash_mod_l(_HASH_PREFIX, scalar.to_bytes(32, "little"), message, noise)
    commitment = _encoded(_times_base(nonce))
    challenge = _hash_mod_l(commitment, public, message)
    response = (nonce + challenge * scalar) % _L
    signature = bytearray(commitment + response.to_bytes(32, "little"))
    signature[63] |= public[31] & _SIGN_BIT
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


def _clamped(private: bytes) -> int:
    """RFC 7748, section 5: the scalar which X25519 makes of 32 bytes."""
    return int.from_bytes(private, "little") & ~7 & (2**255 - 1) | 2**254


def _hash_mod_l(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _L


def _to_edwards(public: bytes) -> bytes:
    """Map the Montgomery u of RFC 7748 to the Edwards y, (u - 1) / (u + 1), with sign bit zero."""
    u = int.from_bytes(public, "little") % 2**255
    return ((u - 1) * pow(u + 1, -1, _P) % _P if (u + 1) % _P else 0).to_bytes(32, "little")


def _add(p: _Point, q: _Point) -> _Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = p[3] * _2D * q[3] % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


@cache
def _doublings() -> tuple[_Point, ...]:
    """Return B, 2B, 4B, ... up to 2^255 B, so that a multiplication is only additions."""
    y = 4 * pow(5, -1, _P) % _P
    x = 15112221349535400772501151409588531511454012693041857206046113283949847762202
    points = [(x, y, 1, x * y % _P)]
    for _ in range(255):
        points.append(_add(points[-1], points[-1]))
    return tuple(points)


def _times_base(scalar: int) -> _Point:
    total = _NEUTRAL
    for bit, point in enumerate(_doublings()):
        if scalar >> bit & 1:
            total = _add(total, point)
    return total


def _encoded(point: _Point) -> bytes:
    """RFC 8032, section 5.1.2: y in 255 bits and the parity of x in the last one."""
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")
