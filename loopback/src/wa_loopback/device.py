"""A companion of a phone, and what of its phone a device is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .errors import LoopbackError
from .mailbox import Mailbox
from .nodes import HIDDEN_USERS, Jid
from .signal import PreKeyBundle, PublishedPreKeys


class Account(Protocol):
    """Somebody with an account, as far as those who write to it need it."""

    number: str
    lid: Jid

    @property
    def jid(self) -> Jid:
        """The account's address."""

    @property
    def devices(self) -> tuple[Device, ...]:
        """The clients which are linked now, oldest first."""


class Owner(Account, Protocol):
    """The phone a device belongs to, as far as the connections of its devices need it."""

    async def remove(self, device: Device) -> None:
        """Unlink a device, telling it."""

    def revoke(self, device: Device, *, by_phone: bool) -> None:
        """Forget a device without telling it."""


@dataclass(eq=False)
class Device:
    """A companion of a phone: a client which was paired once."""

    phone: Owner = field(repr=False)
    index: int
    noise_key: bytes = field(repr=False)
    revoked: bool = False
    mailbox: Mailbox = field(default_factory=Mailbox, repr=False)
    """What the server keeps for it."""
    prekeys: PublishedPreKeys | None = field(default=None, repr=False)
    """What it has uploaded so that others can write to it; None before its first login."""

    @property
    def jid(self) -> Jid:
        """The device's address."""
        return Jid(self.phone.number, device=self.index)

    @property
    def lid(self) -> Jid:
        """The device's address which hides the number."""
        return Jid(self.phone.lid.user, HIDDEN_USERS, self.index)

    def take_bundle(self) -> PreKeyBundle:
        """Return what a session with it begins with. Raises `LoopbackError` before its upload."""
        if self.prekeys is None:
            raise LoopbackError(
                "the client has not uploaded its prekeys: nobody can write to it yet",
                hint="wait until it has logged in: `await server.wait_connected(device)`",
            )
        return self.prekeys.take()
