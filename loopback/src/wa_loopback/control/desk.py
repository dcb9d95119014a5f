"""What the control API works on: the server, and who is meant by a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ..connection import Connection
from ..contact import Contact
from ..device import Device
from ..nodes import Jid
from ..phone import Phone
from ..server import LoopbackServer
from .http import Refused

_SECONDS = 10.0


class Desk:
    """A server, and the address of its control API."""

    def __init__(self, server: LoopbackServer, address: str) -> None:
        self.server = server
        self.address = address

    def phone(self, given: dict[str, Any]) -> Phone:
        """Return the phone that a request names. Raises `Refused`."""
        found = self.server.phones.get(given["number"])
        if found is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no phone has this number", "POST /phones, or scan")
        return found

    def who(self, given: dict[str, Any]) -> Device | Phone:
        """Return the device that a request names, or the phone if it names none."""
        phone, index = self.phone(given), given.get("device")
        if index is None:
            return phone
        for device in phone.ever_linked:
            if device.index == index:
                return device
        raise Refused(HTTPStatus.NOT_FOUND, "the phone has no such device", "see GET /state")

    def lines(self, given: dict[str, Any]) -> list[Connection]:
        """Return the open logins of a device, or of a phone's devices, oldest first."""
        who = self.who(given)
        devices = who.ever_linked if isinstance(who, Phone) else (who,)
        return [each for device in devices for each in self.server.connections_of(device)]

    def line(self, given: dict[str, Any]) -> Connection:
        """Return the newest of them. Raises `Refused`."""
        lines = self.lines(given)
        if not lines:
            raise Refused(HTTPStatus.CONFLICT, "it has no open login", "POST /wait/connected first")
        return lines[-1]

    def contact(self, given: dict[str, Any]) -> Contact:
        """Return the contact that a request names. Raises `Refused`."""
        found = self.server.directory.person(Jid(given["contact"]))
        if not isinstance(found, Contact):
            raise Refused(HTTPStatus.NOT_FOUND, "no contact has this number", "POST /contacts")
        return found

    @staticmethod
    def seconds(given: dict[str, Any]) -> float:
        """Return how long a request wants to wait."""
        return float(given.get("timeout", _SECONDS))
