"""A device's own keys, and its sessions with other devices."""

from __future__ import annotations

import secrets
from collections.abc import Hashable

from ..keys import KeyPair
from .errors import Undecryptable
from .formats import Kind, PreKeyMessage, Sealed
from .padding import pad, unpad
from .prekeys import PreKeyBundle, PreKeys
from .session import Session

_MOST_SESSIONS = 40  # with one device; libsignal, `state/record/SessionRecord.go`
_MOST_REGISTRATION = 16380


class Keyring:
    """Encrypts to and decrypts from other devices, each named by anything hashable.

    There may be several sessions with one device, as both sides may begin at once: the one which
    opened a message last is used to answer.
    """

    def __init__(self, identity: KeyPair | None = None) -> None:
        self._identity = identity or KeyPair()
        self._registration = secrets.randbelow(_MOST_REGISTRATION) + 1
        self._sessions: dict[Hashable, list[Session]] = {}
        self.prekeys = PreKeys(self._identity, self._registration)
        """What others may begin a session with."""

    @property
    def identity(self) -> bytes:
        """The public identity key."""
        return self._identity.public

    def knows(self, peer: Hashable) -> bool:
        """Whether there is a session with a device."""
        return bool(self._sessions.get(peer))

    def begin(self, peer: Hashable, bundle: PreKeyBundle) -> None:
        """Begin a session with a device; what is encrypted to it from now on is in this one."""
        self._keep(peer, Session.begin(self._identity, self._registration, bundle))

    def forget(self, peer: Hashable) -> None:
        """Lose the sessions with a device, as a restored or reinstalled app does."""
        self._sessions.pop(peer, None)

    def encrypt(self, peer: Hashable, plaintext: bytes) -> Sealed:
        """Pad and encrypt. Raises `KeyError` if no session was begun."""
        return self._sessions[peer][0].encrypt(pad(plaintext))

    def decrypt(self, peer: Hashable, sealed: Sealed) -> bytes:
        """Open and unpad what a device encrypted to us. Raises `Undecryptable`."""
        if sealed.kind is Kind.PREKEY_MESSAGE:
            return unpad(self._open(peer, PreKeyMessage.decode(sealed.data)))
        if sealed.kind is not Kind.MESSAGE:
            raise Undecryptable(f"a {sealed.kind} is not of a session")
        reason = "there is no session"
        for session in self._sessions.get(peer, ()):
            try:
                plaintext = session.decrypt(sealed.data)
            except Undecryptable as error:
                reason = str(error)
                continue
            self._keep(peer, session)
            return unpad(plaintext)
        raise Undecryptable(f"no session opens a message; {reason}")

    def _open(self, peer: Hashable, carried: PreKeyMessage) -> bytes:
        """Open a `pkmsg`, in its own session: a known one, or one which begins now."""
        opening = carried.opening
        for session in self._sessions.get(peer, ()):
            if session.base_key == opening.base_key:
                plaintext = session.decrypt(carried.message)
                self._keep(peer, session)
                return plaintext
        session = Session.accept(self._identity, self.prekeys.find(opening), opening)
        plaintext = session.decrypt(carried.message)
        self.prekeys.use_up(opening)
        self._keep(peer, session)
        return plaintext

    def _keep(self, peer: Hashable, session: Session) -> None:
        """Put a session in front of the others of its device."""
        others = [each for each in self._sessions.get(peer, ()) if each is not session]
        self._sessions[peer] = [session, *others][:_MOST_SESSIONS]
