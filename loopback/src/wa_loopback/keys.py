"""X25519 key pairs which also sign, as Signal's and WhatsApp's do, and HKDF."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import xeddsa

KEY_SIZE = 32


def _random_seed() -> bytes:
    return secrets.token_bytes(KEY_SIZE)


@dataclass(frozen=True)
class KeyPair:
    """An X25519 key pair whose scalar is that of an Ed25519 key.

    Both kinds of key are a clamped scalar (RFC 7748, section 5; RFC 8032, section 5.1.5). Taking
    Ed25519's lets `cryptography` make the signatures: XEdDSA in Python is a hundred times slower.
    """

    seed: bytes = field(default_factory=_random_seed, repr=False)
    """The 32 bytes of the Ed25519 private key; the same seed gives the same pair."""

    @cached_property
    def public(self) -> bytes:
        """The 32 bytes of the X25519 public key."""
        return self._private.public_key().public_bytes_raw()

    def agree(self, peer: bytes) -> bytes:
        """Return the secret shared with the owner of a public key (RFC 7748, section 6.1).

        Raises `ValueError` if the public key is one of those which make every secret zero.
        """
        return self._private.exchange(X25519PublicKey.from_public_bytes(peer))

    def sign(self, message: bytes) -> bytes:
        """Sign a message so that `xeddsa.verify` with the public key accepts it."""
        return xeddsa.sign(self._signer, message)

    @cached_property
    def _private(self) -> X25519PrivateKey:
        scalar = hashlib.sha512(self.seed).digest()[:KEY_SIZE]
        return X25519PrivateKey.from_private_bytes(scalar)

    @cached_property
    def _signer(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def hkdf(secret: bytes, *, size: int, salt: bytes | None = None, info: bytes = b"") -> bytes:
    """Derive `size` bytes from a secret (RFC 5869 with SHA-256)."""
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=info).derive(secret)
