"""Prekeys: what a device publishes so that others can begin a session while it is away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .. import xeddsa
from ..keys import KeyPair
from .errors import Undecryptable
from .formats import KEY_TYPE, Opening

_SIGNED_ID = 1


@dataclass(frozen=True)
class PreKeyBundle:
    """What one sender is given to begin a session with a device; the keys are 32 bytes each."""

    registration: int
    identity: bytes
    signed_id: int
    signed: bytes
    signature: bytes = field(repr=False)
    one_time: tuple[int, bytes] | None = None
    """Id and key of a prekey which nobody else is given; None when the device has none left."""

    @property
    def authentic(self) -> bool:
        """Whether the owner of the identity signed the signed prekey."""
        return xeddsa.verify(self.identity, KEY_TYPE + self.signed, self.signature)


@dataclass(frozen=True)
class OpeningKeys:
    """The private halves of the prekeys which an opening names."""

    signed: KeyPair
    one_time: KeyPair | None


class PreKeys:
    """A device's own prekeys, made as they are asked for."""

    def __init__(self, identity: KeyPair, registration: int) -> None:
        self._signed = KeyPair()
        signature = identity.sign(KEY_TYPE + self._signed.public)
        self._bundle = PreKeyBundle(
            registration, identity.public, _SIGNED_ID, self._signed.public, signature
        )
        self._one_time: dict[int, KeyPair] = {}
        self._given = 0

    def bundle(self) -> PreKeyBundle:
        """Return a bundle with a one-time prekey which no other bundle has."""
        self._given += 1
        one_time = self._one_time[self._given] = KeyPair()
        return replace(self._bundle, one_time=(self._given, one_time.public))

    def find(self, opening: Opening) -> OpeningKeys:
        """Return the prekeys which an opening names.

        Raises `Undecryptable` if one of them is not there, or was used up before.
        """
        if opening.signed_id != _SIGNED_ID:
            raise Undecryptable("the signed prekey of a message is not known")
        if opening.one_time_id is None:
            return OpeningKeys(self._signed, None)
        one_time = self._one_time.get(opening.one_time_id)
        if one_time is None:
            raise Undecryptable("the one-time prekey of a message was used up before")
        return OpeningKeys(self._signed, one_time)

    def use_up(self, opening: Opening) -> None:
        """Forget the one-time prekey of an opening, once its session has begun."""
        if opening.one_time_id is not None:
            self._one_time.pop(opening.one_time_id, None)


class PublishedPreKeys:
    """The public halves of another device's prekeys, as its server keeps them."""

    def __init__(self, bundle: PreKeyBundle) -> None:
        self._bundle = replace(bundle, one_time=None)
        self._one_time: dict[int, bytes] = {}

    def __len__(self) -> int:
        """How many one-time prekeys are left."""
        return len(self._one_time)

    @property
    def bundle(self) -> PreKeyBundle:
        """What is published beside the one-time prekeys."""
        return self._bundle

    @property
    def one_time(self) -> Mapping[int, bytes]:
        """The one-time prekeys which are left, by their ids, oldest first."""
        return self._one_time

    def rotate(self, key_id: int, signed: bytes, signature: bytes) -> None:
        """Publish another signed prekey of the same identity."""
        self._bundle = replace(self._bundle, signed_id=key_id, signed=signed, signature=signature)

    def replace(self, bundle: PreKeyBundle) -> None:
        """Publish another signed prekey; the one-time prekeys stay."""
        self._bundle = replace(bundle, one_time=None)

    def add(self, one_time: dict[int, bytes], *, first: bool = False) -> None:
        """Publish more one-time prekeys, to be taken after those that are left, or before them."""
        more = {**one_time, **self._one_time} if first else {**self._one_time, **one_time}
        self._one_time = more

    def take(self) -> PreKeyBundle:
        """Return a bundle, with a one-time prekey if one is left: nobody else is given it."""
        if not self._one_time:
            return self._bundle
        oldest = next(iter(self._one_time))
        return replace(self._bundle, one_time=(oldest, self._one_time.pop(oldest)))
