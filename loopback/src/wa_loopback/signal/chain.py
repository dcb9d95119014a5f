"""The symmetric ratchet of the Double Ratchet: one key for each message, each used once."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from ..keys import KEY_SIZE, hkdf
from .errors import Undecryptable

MOST_SKIPPED = 2000
"""How many messages may be missing before one; libsignal, `state/record/ChainKey.go`."""

_SEED, _NEXT = b"\x01", b"\x02"
_IV_SIZE = 16
_BLOCK_BITS = 128


def seed_of(chain_key: bytes) -> bytes:
    """Return the secret from which the keys of a chain's present message are derived."""
    return hmac.digest(chain_key, _SEED, sha256)


def next_of(chain_key: bytes) -> bytes:
    """Return the key of a chain one message further on."""
    return hmac.digest(chain_key, _NEXT, sha256)


@dataclass(frozen=True)
class MessageKeys:
    """The keys of one message."""

    cipher: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    iv: bytes = field(repr=False)

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt; the MAC is made by the format around it."""
        return encrypt(self.cipher, self.iv, plaintext)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Undo `encrypt`. Raises `Undecryptable` if the padding is wrong."""
        return decrypt(self.cipher, self.iv, ciphertext)


@dataclass(frozen=True)
class Chain:
    """A chain, and where in it the next message is."""

    key: bytes = field(repr=False)
    index: int = 0

    def step(self) -> tuple[MessageKeys, Chain]:
        """Return the keys of the next message, and the chain behind it."""
        size = 2 * KEY_SIZE + _IV_SIZE
        keys = hkdf(seed_of(self.key), size=size, info=b"WhisperMessageKeys")
        cipher, mac, iv = keys[:KEY_SIZE], keys[KEY_SIZE : 2 * KEY_SIZE], keys[2 * KEY_SIZE :]
        return MessageKeys(cipher, mac, iv), Chain(next_of(self.key), self.index + 1)


@dataclass(frozen=True)
class ReceivingChain:
    """A chain of the other side, and the keys of messages which did not come in their order."""

    chain: Chain
    skipped: Mapping[int, MessageKeys] = field(default_factory=dict)

    def use(self, counter: int) -> tuple[MessageKeys, ReceivingChain]:
        """Return the keys of a message, and the chain once they are used up.

        The caller keeps the second only if the message is genuine. Raises `Undecryptable` if the
        message's keys were used up before, or lie too far ahead.
        """
        if counter < self.chain.index:
            if counter not in self.skipped:
                raise Undecryptable(f"message {counter} of its chain was decrypted before")
            rest = {index: keys for index, keys in self.skipped.items() if index != counter}
            return self.skipped[counter], replace(self, skipped=rest)
        if counter - self.chain.index > MOST_SKIPPED:
            raise Undecryptable(f"message {counter} of its chain is too far ahead")
        chain, skipped = self.chain, dict(self.skipped)
        while chain.index < counter:
            index = chain.index
            skipped[index], chain = chain.step()
        keys, chain = chain.step()
        while len(skipped) > MOST_SKIPPED:
            del skipped[min(skipped)]
        return keys, ReceivingChain(chain, skipped)


def encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-CBC with the padding of PKCS #7."""
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Undo `encrypt`. Raises `Undecryptable` if the padding is wrong."""
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    try:
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise Undecryptable("a ciphertext is padded wrongly") from None
