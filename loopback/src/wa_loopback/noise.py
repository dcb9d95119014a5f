"""Noise XX, IK and XXfallback with 25519, AESGCM and SHA256: the server's side of them.

The Noise specification, revision 34 (https://noiseprotocol.org/noise.html), as whatsmeow speaks it
in `socket/noisehandshake.go`: the prologue is the client's frame header, the messages are
protobufs, and the server's payload is a chain of two certificates which begins at a root key the
client was built with. A client which has logged in before may begin with IK: it encrypts its
static key and its payload to the server's key of that time, and is through after one exchange.
When that key is another one now, the server goes on with XXfallback, which is XX by another name.
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

XX = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
IK = b"Noise_IK_25519_AESGCM_SHA256\0\0\0\0"
XX_FALLBACK = b"Noise_XXfallback_25519_AESGCM_SHA256"
_HASH_SIZE = 32  # a longer protocol name is hashed (section 5.2)
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

    def __init__(self, prologue: bytes, protocol: bytes = XX) -> None:
        if len(protocol) != _HASH_SIZE:
            protocol = hashlib.sha256(protocol).digest()
        self._hash = self._chain = protocol
        self._cipher = Cipher(protocol)
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
    def generate(cls, seed: int | None = None) -> ServerIdentity:
        """Make a root, an intermediate and a leaf certificate which are valid now.

        The same seed gives the same keys, for clients that are built with a root key; None, others
        each time. A seed is no secret: neither are the keys.
        """
        root, intermediate, static = (_key_pair(seed, name) for name in ("root", "middle", "leaf"))
        chain = proto.signed(
            _certificate(_LEAF_SERIAL, _INTERMEDIATE_SERIAL, static.public, intermediate),
            _certificate(_INTERMEDIATE_SERIAL, _ROOT_SERIAL, intermediate.public, root),
        )
        return cls(root=root.public, static=static, chain=chain)


def _key_pair(seed: int | None, name: str) -> KeyPair:
    if seed is None:
        return KeyPair()
    return KeyPair(hashlib.sha256(f"wa-loopback {name} {seed}".encode()).digest())


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
    resumed: bool = False
    """Whether the client knew the server's key from before (IK)."""


class Responder:
    """One handshake: `hello` answers the client's first message, `finish` takes its second.

    After an IK handshake there is no second one: `resumed` is there after `hello`.
    """

    def __init__(self, identity: ServerIdentity, prologue: bytes) -> None:
        self._identity = identity
        self._prologue = prologue
        self._ephemeral = KeyPair()
        self._state = SymmetricState(prologue)
        self.resumed: Handshaken | None = None
        """Who the client is and the ciphers, when it resumed with IK."""

    def hello(self, message: bytes) -> bytes:
        """Return the ServerHello; raises `Malformed`."""
        hello = proto.client_hello(message)
        client_ephemeral = _key(hello.ephemeral)
        if hello.static is None:
            return self._offer(client_ephemeral)
        try:
            return self._resume(client_ephemeral, hello.static, hello.payload)
        except Malformed:  # it was encrypted to another key than ours
            self._state = SymmetricState(self._prologue, XX_FALLBACK)
            return self._offer(client_ephemeral)

    def _offer(self, client_ephemeral: bytes) -> bytes:
        """Show the server's key and its certificates."""
        state, static = self._state, self._identity.static
        state.mix_hash(client_ephemeral)
        state.mix_hash(self._ephemeral.public)
        state.mix_key(self._ephemeral.agree(client_ephemeral))
        sealed_static = state.encrypt(static.public)
        state.mix_key(static.agree(client_ephemeral))
        return proto.server_hello(
            self._ephemeral.public, sealed_static, state.encrypt(self._identity.chain)
        )

    def _resume(self, client_ephemeral: bytes, sealed_static: bytes, sealed: bytes) -> bytes:
        """Take a client which knows the server's key; raises `Malformed` when it is not ours."""
        static, state = self._identity.static, SymmetricState(self._prologue, IK)
        state.mix_hash(static.public)
        state.mix_hash(client_ephemeral)
        state.mix_key(static.agree(client_ephemeral))
        client_static = _key(state.decrypt(sealed_static))
        state.mix_key(static.agree(client_static))
        payload = state.decrypt(sealed)
        state.mix_hash(self._ephemeral.public)
        state.mix_key(self._ephemeral.agree(client_ephemeral))
        state.mix_key(self._ephemeral.agree(client_static))
        answer = proto.server_hello(
            self._ephemeral.public, None, state.encrypt(self._identity.chain)
        )
        client = proto.ClientPayload.decode(payload)
        self.resumed = Handshaken(client_static, client, *state.split(), resumed=True)
        return answer

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
