"""A companion of a phone, and what of its phone a device is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .nodes import HIDDEN_USERS, Jid


class Owner(Protocol):
    """The phone a device belongs to, as far as the connections of its devices need it."""

    number: str
    lid: Jid

    @property
    def jid(self) -> Jid:
        """The account's address."""

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

    @property
    def jid(self) -> Jid:
        """The device's address."""
        return Jid(self.phone.number, device=self.index)

    @property
    def lid(self) -> Jid:
        """The device's address which hides the number."""
        return Jid(self.phone.lid.user, HIDDEN_USERS, self.index)
