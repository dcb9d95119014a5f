"""Sender keys: each member of a group encrypts once for all of them, and signs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from .. import xeddsa
from ..keys import KEY_SIZE, KeyPair, hkdf
from .chain import MOST_SKIPPED, decrypt, encrypt, next_of, seed_of
from .errors import Undecryptable
from .formats import (
    Distribution,
    Kind,
    Sealed,
    SenderKeyMessage,
    encode_sender_key_message,
)
from .padding import pad, unpad

_MOST_KEYS = 5  # of one sender; libsignal, `groups/state/record/SenderKeyRecord.go`
_IV_SIZE = 16
_MOST_ID = 2**31


def _cipher_of(seed: bytes) -> tuple[bytes, bytes]:
    """Return the AES key and the IV of one message."""
    keys = hkdf(seed, size=_IV_SIZE + KEY_SIZE, info=b"WhisperGroup")
    return keys[_IV_SIZE:], keys[:_IV_SIZE]


class SenderKey:
    """The key with which one sender encrypts to one group."""

    def __init__(self) -> None:
        self._id = secrets.randbelow(_MOST_ID)
        self._chain_key = secrets.token_bytes(KEY_SIZE)
        self._iteration = 0
        self._signing = KeyPair()

    def distribution(self) -> bytes:
        """Return what a member must be told, over a session of its own, to read from now on."""
        told = Distribution(self._id, self._iteration, self._chain_key, self._signing.public)
        return told.encode()

    def encrypt(self, plaintext: bytes) -> Sealed:
        """Pad, encrypt and sign, and step the chain."""
        key, iv = _cipher_of(seed_of(self._chain_key))
        ciphertext = encrypt(key, iv, pad(plaintext))
        data = encode_sender_key_message(self._id, self._iteration, ciphertext, self._signing)
        self._chain_key = next_of(self._chain_key)
        self._iteration += 1
        return Sealed(Kind.SENDER_KEY_MESSAGE, data)


@dataclass
class _Received:
    """What a member knows of one sender's key."""

    signing_key: bytes
    chain_key: bytes = field(repr=False)
    iteration: int
    skipped: dict[int, bytes] = field(default_factory=dict, repr=False)

    def seed(self, iteration: int) -> bytes:
        """Return the secret of a message and use it up. Raises `Undecryptable`."""
        if iteration < self.iteration:
            if iteration not in self.skipped:
                raise Undecryptable(f"message {iteration} of its sender key was decrypted before")
            return self.skipped.pop(iteration)
        if iteration - self.iteration > MOST_SKIPPED:
            raise Undecryptable(f"message {iteration} of its sender key is too far ahead")
        while self.iteration < iteration:
            missing = self.iteration
            self.skipped[missing] = self._step()
        while len(self.skipped) > MOST_SKIPPED:
            del self.skipped[min(self.skipped)]
        return self._step()

    def _step(self) -> bytes:
        seed = seed_of(self.chain_key)
        self.chain_key = next_of(self.chain_key)
        self.iteration += 1
        return seed


class ReceivedSenderKeys:
    """What a member of a group was told of one sender's keys."""

    def __init__(self) -> None:
        self._keys: dict[int, _Received] = {}

    def learn(self, distribution: bytes) -> None:
        """Take a distribution; one of a key which is known already changes nothing.

        whatsmeow sends its distribution with every message. Raises `Undecryptable` if it is none.
        """
        told = Distribution.decode(distribution)
        known = self._keys.get(told.key_id)
        if known is not None and known.signing_key == told.signing_key:
            return
        self._keys[told.key_id] = _Received(told.signing_key, told.chain_key, told.iteration)
        while len(self._keys) > _MOST_KEYS:
            del self._keys[next(iter(self._keys))]

    def decrypt(self, sealed: Sealed) -> bytes:
        """Check, open and unpad a message. Raises `Undecryptable`."""
        message = SenderKeyMessage.decode(sealed.data)
        key = self._keys.get(message.key_id)
        if key is None:
            raise Undecryptable("the sender key of a group message is not known")
        if not xeddsa.verify(key.signing_key, message.body, message.signature):
            raise Undecryptable("the signature of a group message is wrong")
        return unpad(decrypt(*_cipher_of(key.seed(message.iteration)), message.ciphertext))
