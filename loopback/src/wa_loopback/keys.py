"""X25519 key pairs which also sign, as Signal's and WhatsApp's do, and HKDF."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import xeddsa

KEY_SIZE = 32


@dataclass(frozen=True)
class KeyPair:
    """An X25519 key pair."""

    private: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    def agree(self, peer: bytes) -> bytes:
        """Return the secret shared with the owner of a public key (RFC 7748, section 6.1)."""
        return self.private.exchange(X25519PublicKey.from_public_bytes(peer))

    def sign(self, message: bytes) -> bytes:
        """Sign a message with XEdDSA."""
        return xeddsa.sign(self.private.private_bytes_raw(), message)


def hkdf(secret: bytes, *, size: int, salt: bytes | None = None, info: bytes = b"") -> bytes:
    """Derive `size` bytes from a secret (RFC 5869 with SHA-256)."""
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=info).derive(secret)
