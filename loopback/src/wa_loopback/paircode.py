"""The phone's side of linking with a pair code, after whatsmeow's `pair-code.go`.

The eight characters protect the exchange of two ephemeral keys; from these, the two identity keys
and the client's random bytes follows the secret which a QR code carries in the open.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from .errors import Malformed, WrongCode
from .keys import KEY_SIZE, KeyPair, hkdf
from .nodes import SERVER, Node

REGISTRATION = "link_code_companion_reg"
_REF = "link_code_pairing_ref"
_ITERATIONS = 2 << 16
_SALT_SIZE, _IV_SIZE, _NONCE_SIZE = 32, 16, 12
_BUNDLE_INFO = b"link_code_pairing_key_bundle_encryption_key"
_ADV_INFO = b"adv_secret"


@dataclass(eq=False)
class CodePairing:
    """A client's request for a pair code, waiting for the phone."""

    number: str = field(repr=False)
    wrapped_ephemeral: bytes = field(repr=False)
    ref: bytes = field(repr=False, default_factory=lambda: secrets.token_urlsafe(24).encode())
    finish: asyncio.Future[Node] | None = field(repr=False, default=None)
    """The client's `companion_finish`, while a phone waits for it."""

    @classmethod
    def from_hello(cls, registration: Node) -> CodePairing:
        """Read a `companion_hello`; raises `Malformed`."""
        jid = registration.address("jid")
        wrapped = registration.child("link_code_pairing_wrapped_companion_ephemeral_pub")
        if jid is None or wrapped is None:
            raise Malformed("a companion hello has no phone or no key")
        return cls(jid.user, wrapped.data)

    def reference(self) -> Node:
        """Return the answer to the hello."""
        return Node(REGISTRATION, {}, (Node(_REF, {}, self.ref),))

    def primary_hello(self, code: str, ephemeral: KeyPair, account: KeyPair) -> Node:
        """Return the notification which the client gets when the phone knows the code."""
        wrapped = _wrap(code, ephemeral.public)
        registration = Node(
            REGISTRATION,
            {"stage": "primary_hello"},
            (
                Node(_REF, {}, self.ref),
                Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrapped),
                Node("primary_identity_pub", {}, account.public),
            ),
        )
        return Node(
            "notification",
            {"from": SERVER, "type": REGISTRATION, "id": secrets.token_hex(8)},
            (registration,),
        )

    def secret(
        self, code: str, ephemeral: KeyPair, account: KeyPair, registration: Node
    ) -> tuple[bytes, bytes]:
        """Return the client's identity key and the shared secret from its `companion_finish`.

        Raises `WrongCode` when the two sides did not use the same code, and `Malformed`.
        """
        bundle = registration.child("link_code_pairing_wrapped_key_bundle")
        if bundle is None:
            raise Malformed("a companion finish has no key bundle")
        shared = ephemeral.agree(_unwrap(code, self.wrapped_ephemeral))
        salt, rest = bundle.data[:_SALT_SIZE], bundle.data[_SALT_SIZE:]
        key = hkdf(shared, salt=salt, info=_BUNDLE_INFO, size=KEY_SIZE)
        try:
            plain = AESGCM(key).decrypt(rest[:_NONCE_SIZE], rest[_NONCE_SIZE:], None)
        except InvalidTag:
            raise WrongCode("the pair code is not the one which the client shows") from None
        identity, rest = plain[:KEY_SIZE], plain[2 * KEY_SIZE :]
        seed = shared + account.agree(identity) + rest
        return identity, hkdf(seed, info=_ADV_INFO, size=KEY_SIZE)


def normalised(code: str) -> str:
    """Return a code as the client hashes it: eight capitals without the dash people read."""
    return code.replace("-", "").strip().upper()


def _cipher(code: str, salt: bytes, iv: bytes) -> Cipher[CTR]:
    key = hashlib.pbkdf2_hmac("sha256", code.encode(), salt, _ITERATIONS, KEY_SIZE)
    return Cipher(AES(key), CTR(iv))


def _wrap(code: str, key: bytes) -> bytes:
    salt, iv = secrets.token_bytes(_SALT_SIZE), secrets.token_bytes(_IV_SIZE)
    return salt + iv + _cipher(code, salt, iv).encryptor().update(key)


def _unwrap(code: str, wrapped: bytes) -> bytes:
    salt, rest = wrapped[:_SALT_SIZE], wrapped[_SALT_SIZE:]
    return _cipher(code, salt, rest[:_IV_SIZE]).decryptor().update(rest[_IV_SIZE:])
