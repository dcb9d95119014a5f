"""The client's side of the Noise handshake, for tests which need no neonize."""

from __future__ import annotations

from wa_loopback import wire, xeddsa
from wa_loopback.keys import KeyPair
from wa_loopback.noise import Cipher, SymmetricState

HEADER = b"WA\x06\x03"


class Initiator:
    """Checks the server's certificates against a root key, as whatsmeow does."""

    def __init__(self, root: bytes, payload: bytes) -> None:
        self.static = KeyPair()
        self._root = root
        self._payload = payload
        self._ephemeral = KeyPair()
        self._state = SymmetricState(HEADER)

    def hello(self) -> bytes:
        self._state.mix_hash(self._ephemeral.public)
        return wire.message([(2, wire.message([(1, self._ephemeral.public)]))])

    def finish(self, server_hello: bytes) -> bytes:
        hello = wire.Fields(server_hello).sub(3)
        ephemeral, state = hello.raw(1), self._state
        state.mix_hash(ephemeral)
        state.mix_key(self._ephemeral.agree(ephemeral))
        static = state.decrypt(hello.raw(2))
        state.mix_key(self._ephemeral.agree(static))
        self._check(state.decrypt(hello.raw(3)), static)
        sealed = state.encrypt(self.static.public)
        state.mix_key(self.static.agree(ephemeral))
        finish = wire.message([(1, sealed), (2, state.encrypt(self._payload))])
        return wire.message([(4, finish)])

    def ciphers(self) -> tuple[Cipher, Cipher]:
        """To the server, from the server."""
        return self._state.split()

    def _check(self, chain: bytes, static: bytes) -> None:
        leaf, intermediate = wire.Fields(chain).sub(1), wire.Fields(chain).sub(2)
        issuer = wire.Fields(intermediate.raw(1))
        assert issuer.integer(2) == 0
        assert xeddsa.verify(self._root, intermediate.raw(1), intermediate.raw(2))
        assert xeddsa.verify(issuer.raw(3), leaf.raw(1), leaf.raw(2))
        details = wire.Fields(leaf.raw(1))
        assert details.integer(2) == issuer.integer(1)
        assert details.raw(3) == static


def registration(identity: bytes) -> bytes:
    """A client payload which asks to be registered."""
    return wire.message([(19, wire.message([(3, identity)]))])


def login(number: str, device: int) -> bytes:
    """A client payload which logs a device in."""
    return wire.message([(1, int(number)), (18, device)])
