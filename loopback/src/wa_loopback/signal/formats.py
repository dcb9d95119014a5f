"""The bytes of encrypted messages: libsignal's protobuf messages, version 3.

Field numbers are those of libsignal's `WhisperTextProtocol.proto`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TypeVar

from .. import wire, xeddsa
from ..errors import Malformed
from ..keys import KEY_SIZE, KeyPair
from .errors import Undecryptable

KEY_TYPE = b"\x05"
"""The byte before every public key which libsignal writes: Curve25519."""

_VERSION = b"\x33"  # this version and the oldest one supported: three and three
_MAC_SIZE = 8
_BLOCK = 16

_T = TypeVar("_T")


class Kind(StrEnum):
    """The types of `<enc>`."""

    PREKEY_MESSAGE = "pkmsg"
    """A message of a session which the other side may not know yet: it carries how to begin it."""
    MESSAGE = "msg"
    """A message of a session both sides know."""
    SENDER_KEY_MESSAGE = "skmsg"
    """A message to a group."""


@dataclass(frozen=True)
class Sealed:
    """An encrypted message."""

    kind: Kind
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Parties:
    """The identity keys of who sends and who receives: the MAC covers both."""

    sender: bytes
    receiver: bytes

    def mac(self, key: bytes, body: bytes) -> bytes:
        """Return the MAC of a message's body."""
        covered = KEY_TYPE + self.sender + KEY_TYPE + self.receiver + body
        return hmac.digest(key, covered, sha256)[:_MAC_SIZE]


@dataclass(frozen=True)
class Message:
    """A `msg`: what the sender's ratchet stands at, and the ciphertext."""

    ratchet_key: bytes
    counter: int
    ciphertext: bytes = field(repr=False)
    body: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Decode. Raises `Undecryptable` if it is not a `msg` of this version."""
        body, mac = data[:-_MAC_SIZE], data[-_MAC_SIZE:]

        def read(fields: wire.Fields) -> Message:
            ratchet_key = _public_key(fields, 1)
            return cls(ratchet_key, fields.integer(2), fields.raw(4), body, mac)

        return _decode(body, read)

    def is_genuine(self, key: bytes, parties: Parties) -> bool:
        """Tell whether the MAC is right."""
        return hmac.compare_digest(self.mac, parties.mac(key, self.body))


def encode_message(
    header: tuple[bytes, int, int], ciphertext: bytes, mac_key: bytes, parties: Parties
) -> bytes:
    """Encode a `msg`; the header is ratchet key, counter and previous counter.

    The receiver writes the message anew to check the MAC, always with all four fields: a zero must
    be written.
    """
    ratchet_key, counter, previous = header
    fields: list[tuple[int, int | bytes]] = [
        (1, KEY_TYPE + ratchet_key),
        (2, counter),
        (3, previous),
        (4, ciphertext),
    ]
    body = _VERSION + wire.message(fields)
    return body + parties.mac(mac_key, body)


def broken_message() -> Sealed:
    """Return a well-formed `msg` of a session which nobody has: no device can open it."""
    parties = Parties(KeyPair().public, KeyPair().public)
    header = KeyPair().public, 0, 0
    nonsense = secrets.token_bytes(_BLOCK)
    data = encode_message(header, nonsense, secrets.token_bytes(KEY_SIZE), parties)
    return Sealed(Kind.MESSAGE, data)


@dataclass(frozen=True)
class Opening:
    """What a `pkmsg` says of how its session begins."""

    base_key: bytes
    identity: bytes
    registration: int
    signed_id: int
    one_time_id: int | None


@dataclass(frozen=True)
class PreKeyMessage:
    """A `pkmsg`: a `msg`, and how its session begins."""

    opening: Opening
    message: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Encode."""
        opening = self.opening
        one_time = [] if opening.one_time_id is None else [(1, opening.one_time_id)]
        fields: list[tuple[int, int | bytes]] = [
            *one_time,
            (2, KEY_TYPE + opening.base_key),
            (3, KEY_TYPE + opening.identity),
            (4, self.message),
            (5, opening.registration),
            (6, opening.signed_id),
        ]
        return _VERSION + wire.message(fields)

    @classmethod
    def decode(cls, data: bytes) -> PreKeyMessage:
        """Decode. Raises `Undecryptable` if it is not a `pkmsg` of this version."""

        def read(fields: wire.Fields) -> PreKeyMessage:
            opening = Opening(
                base_key=_public_key(fields, 2),
                identity=_public_key(fields, 3),
                registration=fields.integer(5),
                signed_id=fields.integer(6),
                one_time_id=fields.integer(1) if 1 in fields else None,
            )
            return cls(opening, fields.raw(4))

        return _decode(data, read)


@dataclass(frozen=True)
class SenderKeyMessage:
    """A `skmsg`."""

    key_id: int
    iteration: int
    ciphertext: bytes = field(repr=False)
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def decode(cls, data: bytes) -> SenderKeyMessage:
        """Decode. Raises `Undecryptable` if it is not a `skmsg` of this version."""
        body, signature = data[: -xeddsa.SIGNATURE_SIZE], data[-xeddsa.SIGNATURE_SIZE :]

        def read(fields: wire.Fields) -> SenderKeyMessage:
            return cls(fields.integer(1), fields.integer(2), fields.raw(3), body, signature)

        return _decode(body, read)


def encode_sender_key_message(
    key_id: int, iteration: int, ciphertext: bytes, signing: KeyPair
) -> bytes:
    """Encode and sign a `skmsg`."""
    body = _VERSION + wire.message([(1, key_id), (2, iteration), (3, ciphertext)])
    return body + signing.sign(body)


@dataclass(frozen=True)
class Distribution:
    """What a sender tells each member of a group of its key."""

    key_id: int
    iteration: int
    chain_key: bytes = field(repr=False)
    signing_key: bytes

    def encode(self) -> bytes:
        """Encode."""
        fields: list[tuple[int, int | bytes]] = [
            (1, self.key_id),
            (2, self.iteration),
            (3, self.chain_key),
            (4, KEY_TYPE + self.signing_key),
        ]
        return _VERSION + wire.message(fields)

    @classmethod
    def decode(cls, data: bytes) -> Distribution:
        """Decode. Raises `Undecryptable` if it is not a distribution of this version."""

        def read(fields: wire.Fields) -> Distribution:
            chain_key, signing_key = fields.raw(3), _public_key(fields, 4)
            return cls(fields.integer(1), fields.integer(2), chain_key, signing_key)

        return _decode(data, read)


def _decode(data: bytes, read: Callable[[wire.Fields], _T]) -> _T:
    if data[:1] != _VERSION:
        raise Undecryptable("a message is not of version 3")
    try:
        return read(wire.Fields(data[1:]))
    except Malformed as error:
        raise Undecryptable(f"a message does not decode: {error}") from None


def _public_key(fields: wire.Fields, number: int) -> bytes:
    key = fields.raw(number)
    if len(key) != 1 + KEY_SIZE or key[:1] != KEY_TYPE:
        raise Malformed(f"field {number} is not a public key")
    return key[1:]
