"""Noise_XX_25519_AESGCM_SHA256, the server's side of it.

The Noise specification, revision 34 (https://noiseprotocol.org/noise.html), as whatsmeow speaks it
in `socket/noisehandshake.go`: the prologue is the client's frame header, the messages are
protobufs, and the server's payload is a chain of two certificates which begins at a root key the
client was built with.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import proto
from .errors import Malformed
from .keys import KEY_SIZE, KeyPair, hkdf

_PROTOCOL = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"  # 32 bytes, so it is not hashed
_CERTIFICATE_LIFE = 24 * 3600  # seconds, to both sides of now
_ROOT_SERIAL, _INTERMEDIATE_SERIAL, _LEAF_SERIAL = 0, 1, 2  # whatsmeow expects 0 for the root


class Cipher:
    """AES-256-GCM with the message counter as the nonce."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._counter = 0

    def encrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Seal the next message."""
        return self._aead.encrypt(self._next_nonce(), data, associated)

    def decrypt(self, data: bytes, associated: bytes = b"") -> bytes:
        """Open the next message; raises `Malformed` when it is not the peer's."""
        try:
            return self._aead.decrypt(self._next_nonce(), data, associated)
        except InvalidTag:
            raise Malformed("a message does not decrypt") from None

    def _next_nonce(self) -> bytes:
        nonce = self._counter.to_bytes(12, "big")
        self._counter += 1
        return nonce


class SymmetricState:
    """The running hash and key of a handshake; the same on both sides."""

    def __init__(self, prologue: bytes) -> None:
        self._hash = self._chain = _PROTOCOL
        self._cipher = Cipher(_PROTOCOL)
        self.mix_hash(prologue)

    def mix_hash(self, data: bytes) -> None:
        """Bind something both sides have seen."""
        self._hash = hashlib.sha256(self._hash + data).digest()

    def mix_key(self, shared: bytes) -> None:
        """Bind a shared secret and start a new key."""
        derived = hkdf(shared, salt=self._chain, size=2 * KEY_SIZE)
        self._chain, key = derived[:KEY_SIZE], derived[KEY_SIZE:]
        self._cipher = Cipher(key)

    def encrypt(self, data: bytes) -> bytes:
        """Seal and bind."""
        sealed = self._cipher.encrypt(data, self._hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt(self, sealed: bytes) -> bytes:
        """Open and bind; raises `Malformed`."""
        data = self._cipher.decrypt(sealed, self._hash)
        self.mix_hash(sealed)
        return data

    def split(self) -> tuple[Cipher, Cipher]:
        """Return the ciphers of the transport: client to server, server to client."""
        derived = hkdf(b"", salt=self._chain, size=2 * KEY_SIZE)
        return Cipher(derived[:KEY_SIZE]), Cipher(derived[KEY_SIZE:])


@dataclass(frozen=True)
class ServerIdentity:
    """The server's Noise key and the certificates which lead from the root key to it."""

    root: bytes
    static: KeyPair
    chain: bytes

    @classmethod
    def generate(cls) -> ServerIdentity:
        """Make a root, an intermediate and a leaf certificate which are valid now."""
        root, intermediate, static = KeyPair(), KeyPair(), KeyPair()
        chain = proto.signed(
            _certificate(_LEAF_SERIAL, _INTERMEDIATE_SERIAL, static.public, intermediate),
            _certificate(_INTERMEDIATE_SERIAL, _ROOT_SERIAL, intermediate.public, root),
        )
        return cls(root=root.public, static=static, chain=chain)


def _certificate(serial: int, issuer_serial: int, key: bytes, issuer: KeyPair) -> bytes:
    now = int(time.time())
    details = proto.certificate_details(
        serial, issuer_serial, key, now - _CERTIFICATE_LIFE, now + _CERTIFICATE_LIFE
    )
    return proto.signed(details, issuer.sign(details))


@dataclass(frozen=True)
class Handshaken:
    """What a finished handshake leaves behind."""

    client_static: bytes
    payload: proto.ClientPayload
    receiving: Cipher
    sending: Cipher


class Responder:
    """One handshake: `hello` answers the client's first message, `finish` takes its second."""

    def __init__(self, identity: ServerIdentity, prologue: bytes) -> None:
        self._identity = identity
        self._ephemeral = KeyPair()
        self._state = SymmetricState(prologue)

    def hello(self, message: bytes) -> bytes:
        """Return the ServerHello; raises `Malformed`."""
        client_ephemeral = _key(proto.client_hello(message))
        state, static = self._state, self._identity.static
        state.mix_hash(client_ephemeral)
        state.mix_hash(self._ephemeral.public)
        state.mix_key(self._ephemeral.agree(client_ephemeral))
        sealed_static = state.encrypt(static.public)
        state.mix_key(static.agree(client_ephemeral))
        return proto.server_hello(
            self._ephemeral.public, sealed_static, state.encrypt(self._identity.chain)
        )

    def finish(self, message: bytes) -> Handshaken:
        """Return who the client is and the ciphers; raises `Malformed`."""
        sealed_static, sealed_payload = proto.client_finish(message)
        client_static = _key(self._state.decrypt(sealed_static))
        self._state.mix_key(self._ephemeral.agree(client_static))
        payload = proto.ClientPayload.decode(self._state.decrypt(sealed_payload))
        receiving, sending = self._state.split()
        return Handshaken(client_static, payload, receiving, sending)


def _key(data: bytes) -> bytes:
    if len(data) != KEY_SIZE:
        raise Malformed(f"a key has {KEY_SIZE} bytes, not {len(data)}")
    return data
