"""One session: X3DH to begin it, and the Double Ratchet of one side."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import Malformed
from ..keys import KEY_SIZE, KeyPair, hkdf
from .chain import Chain, ReceivingChain
from .errors import Undecryptable
from .formats import (
    Kind,
    Message,
    Opening,
    Parties,
    PreKeyMessage,
    Sealed,
    encode_message,
)
from .prekeys import OpeningKeys, PreKeyBundle

_MOST_RECEIVING = 5  # chains of the other side which are kept; libsignal, `SessionState.go`
_PREFIX = b"\xff" * KEY_SIZE  # X3DH, section 3.3: tells Curve25519 from other curves


@dataclass(frozen=True)
class _Ratchet:
    """Our half of the Diffie-Hellman ratchet: the root key, our key, and what we encrypt with."""

    root: bytes = field(repr=False)
    ours: KeyPair
    sending: Chain
    previous: int = 0
    """How many messages the sending chain before this one carried, less one; nobody reads it."""

    def receiving(self, theirs: bytes) -> tuple[bytes, Chain]:
        """Return the root key and the receiving chain which a new key of theirs leads to."""
        return _derive(self.root, self.ours, theirs)

    def turned(self, root: bytes, theirs: bytes) -> _Ratchet:
        """Return the ratchet once it has answered a new key of theirs with one of ours."""
        ours = KeyPair()
        next_root, sending = _derive(root, ours, theirs)
        return _Ratchet(next_root, ours, sending, max(self.sending.index - 1, 0))


def _derive(root: bytes, ours: KeyPair, theirs: bytes) -> tuple[bytes, Chain]:
    keys = hkdf(_agree(ours, theirs), size=2 * KEY_SIZE, salt=root, info=b"WhisperRatchet")
    return keys[:KEY_SIZE], Chain(keys[KEY_SIZE:])


def _agree(ours: KeyPair, theirs: bytes) -> bytes:
    try:
        return ours.agree(theirs)
    except ValueError:
        raise Undecryptable("a public key of a message is not one to agree with") from None


def _x3dh(*agreed: bytes) -> tuple[bytes, Chain]:
    keys = hkdf(_PREFIX + b"".join(agreed), size=2 * KEY_SIZE, info=b"WhisperText")
    return keys[:KEY_SIZE], Chain(keys[KEY_SIZE:])


class Session:
    """A conversation with one device. Made by `begin` or `accept`."""

    def __init__(
        self, parties: Parties, ratchet: _Ratchet, base_key: bytes, opening: Opening | None
    ) -> None:
        self._parties = parties  # as we send; they are swapped when we receive
        self._ratchet = ratchet
        self._opening = opening
        self._receiving: dict[bytes, ReceivingChain] = {}
        self.base_key = base_key
        """The public key which whoever began the session made for it: it names the session."""

    @classmethod
    def begin(cls, identity: KeyPair, registration: int, bundle: PreKeyBundle) -> Session:
        """Begin a session with a device's bundle; every message is a `pkmsg` until it answers.

        Raises `Malformed` if the device's identity did not sign the bundle.
        """
        if not bundle.authentic:
            raise Malformed("a signed prekey is not signed by its device's identity")
        base = KeyPair()
        one_time_id, one_time = bundle.one_time or (None, None)
        agreed = [
            identity.agree(bundle.signed),
            base.agree(bundle.identity),
            base.agree(bundle.signed),
            *([] if one_time is None else [base.agree(one_time)]),
        ]
        root, first = _x3dh(*agreed)
        ours = KeyPair()
        root, sending = _derive(root, ours, bundle.signed)
        opening = Opening(base.public, identity.public, registration, bundle.signed_id, one_time_id)
        parties = Parties(identity.public, bundle.identity)
        session = cls(parties, _Ratchet(root, ours, sending), base.public, opening)
        session._receiving[bundle.signed] = ReceivingChain(first)
        return session

    @classmethod
    def accept(cls, identity: KeyPair, keys: OpeningKeys, opening: Opening) -> Session:
        """Take part in a session which a device began with our bundle."""
        one_time = [] if keys.one_time is None else [_agree(keys.one_time, opening.base_key)]
        root, sending = _x3dh(
            _agree(keys.signed, opening.identity),
            _agree(identity, opening.base_key),
            _agree(keys.signed, opening.base_key),
            *one_time,
        )
        parties = Parties(identity.public, opening.identity)
        return cls(parties, _Ratchet(root, keys.signed, sending), opening.base_key, None)

    def encrypt(self, plaintext: bytes) -> Sealed:
        """Encrypt, and step the sending chain."""
        ratchet = self._ratchet
        keys, sending = ratchet.sending.step()
        header = ratchet.ours.public, ratchet.sending.index, ratchet.previous
        message = encode_message(header, keys.encrypt(plaintext), keys.mac, self._parties)
        self._ratchet = _Ratchet(ratchet.root, ratchet.ours, sending, ratchet.previous)
        if self._opening is None:
            return Sealed(Kind.MESSAGE, message)
        return Sealed(Kind.PREKEY_MESSAGE, PreKeyMessage(self._opening, message).encode())

    def decrypt(self, data: bytes) -> bytes:
        """Open a `msg`, or the one inside a `pkmsg`.

        Raises `Undecryptable`, and then the session is as it was before.
        """
        message = Message.decode(data)
        theirs, ratchet = message.ratchet_key, self._ratchet
        receiving = self._receiving.get(theirs)
        if receiving is None:
            root, chain = ratchet.receiving(theirs)
            keys, used = ReceivingChain(chain).use(message.counter)
        else:
            keys, used = receiving.use(message.counter)
        if not message.is_genuine(keys.mac, Parties(self._parties.receiver, self._parties.sender)):
            raise Undecryptable("the MAC of a message is wrong")
        plaintext = keys.decrypt(message.ciphertext)
        if receiving is None:
            self._ratchet = ratchet.turned(root, theirs)
        self._receiving[theirs] = used
        while len(self._receiving) > _MOST_RECEIVING:
            del self._receiving[next(iter(self._receiving))]
        self._opening = None
        return plaintext
