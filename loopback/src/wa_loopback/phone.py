"""A WhatsApp account's phone: it scans, types codes and unlinks its companions."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from . import proto, xeddsa
from .answers import DEVICE_REMOVED
from .device import Device
from .errors import ExpiredRef, Malformed, PairingRefused, UnknownNumber, UnknownRef
from .keys import KEY_SIZE, KeyPair
from .nodes import HIDDEN_USERS, SERVER, Jid, Node
from .observations import Paired, PairingFailed, Unlinked
from .paircode import CodePairing, normalised
from .writer import Writer

if TYPE_CHECKING:
    from .connection import Connection
    from .world import World

_ACCOUNT_PREFIX, _DEVICE_PREFIX = b"\x06\x00", b"\x06\x01"  # whatsmeow, `pair.go`
_QR_PARTS = 4  # ref, noise key, identity key, secret; the client's type may follow


class Secret(Protocol):
    """A text which does not print, such as pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """Return the text."""


class PairFault(StrEnum):
    """What can go wrong when a phone links a client."""

    BAD_HMAC = "bad-hmac"
    """The identity's HMAC is wrong: the client refuses."""
    BAD_SIGNATURE = "bad-signature"
    """The account's signature is wrong: the client refuses."""
    NO_RESTART = "no-restart"
    """The server never sends the 515 which makes the client log in."""
    CLOSE_INSTEAD = "close-instead"
    """The server closes in place of the 515."""


@dataclass(frozen=True)
class _Offer:
    """What a client showed of itself, by QR code or by pair code."""

    identity: bytes
    adv_secret: bytes = field(repr=False)


class Phone(Writer):
    """The phone of one account. Its clients get a copy of what it writes, and it of what they."""

    def __init__(self, world: World, number: str, *, ordinal: int, multidevice: bool) -> None:
        account, lid = KeyPair(), Jid(f"1{ordinal:014d}", HIDDEN_USERS)
        super().__init__(number, lid, f"Phone {ordinal}", world.changes, identity=account)
        self._world = world
        self._account = account
        self._ever_linked: list[Device] = []
        self.ordinal = ordinal
        """Which of the server's phones this is, from 1: a name without a number in it."""
        self.multidevice = multidevice
        """Whether the phone can link more than a web page; if not, a scan downgrades."""

    def __repr__(self) -> str:
        return f"<Phone {self.ordinal}, {len(self.devices)} linked>"

    @property
    def ever_linked(self) -> tuple[Device, ...]:
        """The devices linked now and in the past, oldest first."""
        return tuple(self._ever_linked)

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices linked now, oldest first."""
        return tuple(device for device in self._ever_linked if not device.revoked)

    async def scan(self, qr: str | Secret, *, fault: PairFault | None = None) -> Device:
        """Scan the QR code which a client shows and link the client.

        Returns when the client has signed its identity. Raises a `PairingRefused`, `PeerGone`
        or `LoopbackTimeout`.
        """
        ref, noise_key, offer = _read_qr(qr)
        if ref not in self._world.refs:
            raise UnknownRef("no client of this server showed this QR code")
        connection = self._world.refs[ref]
        if connection is None or not connection.open or connection.device is not None:
            raise ExpiredRef("the client which showed this QR code is gone or paired already")
        if (noise_key, offer.identity) != connection.keys:
            raise UnknownRef("the keys in this QR code are not those of the client which showed it")
        if not self.multidevice:
            connection.send(Node("ib", {"from": SERVER}, (Node("downgrade_webclient"),)))
            raise PairingRefused("this phone has no multi-device support: the client was told so")
        return await self._link(connection, offer, fault)

    async def enter_code(self, code: str | Secret, *, fault: PairFault | None = None) -> Device:
        """Type the pair code which a client asked for with this phone's number.

        Returns and raises as `scan` does. A wrong code also spoils the QR codes which the client
        shows: whatsmeow replaces its secret before it can know (`pair-code.go`).
        """
        typed = normalised(code if isinstance(code, str) else code.get_secret_value())
        connection, pairing = self._waiting_for_code()
        ephemeral = KeyPair()
        pairing.finish = asyncio.get_running_loop().create_future()
        connection.send(pairing.primary_hello(typed, ephemeral, self._account))
        finish = await connection.outlive(
            pairing.finish, within=self._world.timeout, what="the companion's finish"
        )
        identity, secret = pairing.secret(typed, ephemeral, self._account, finish)
        return await self._link(connection, _Offer(identity, secret), fault)

    def is_waited_for(self) -> bool:
        """Whether a client which is there has asked for a pair code for this phone's number."""
        try:
            self._waiting_for_code()
        except UnknownNumber:
            return False
        return True

    async def remove(self, device: Device) -> None:
        """Unlink a device: it is told and cut off, and a later login of it fails with 401."""
        self.revoke(device, by_phone=True)
        for connection in self._world.connections_of(device):
            await connection.finish_with(DEVICE_REMOVED)

    def revoke(self, device: Device, *, by_phone: bool) -> None:
        """Forget a device without telling it."""
        device.revoked = True
        self._world.record(Unlinked(device, by_phone))

    def _waiting_for_code(self) -> tuple[Connection, CodePairing]:
        for connection in reversed(self._world.connections):
            pairing = connection.code_pairing
            if pairing and pairing.number == self.number and connection.device is None:
                return connection, pairing
        raise UnknownNumber("no waiting client asked for a pair code for this phone's number")

    async def _link(self, connection: Connection, offer: _Offer, fault: PairFault | None) -> Device:
        device = Device(self, len(self._ever_linked) + 1, connection.client.client_static)
        details = proto.device_identity(self.ordinal, int(time.time()), device.index)
        answer = await connection.ask(
            self._pair_success(device, details, offer, fault), within=self._world.timeout
        )
        self._verify(answer, details, offer)
        self._ever_linked.append(device)
        self._world.devices[self.number, device.index] = device
        connection.device = device
        self._world.record(Paired(device))
        if fault is PairFault.CLOSE_INSTEAD:
            await connection.close()
        elif fault is not PairFault.NO_RESTART:
            connection.restart(
                after=self._world.restart_after, closes_after=self._world.restart_closes_after
            )
        return device

    def _pair_success(
        self, device: Device, details: bytes, offer: _Offer, fault: PairFault | None
    ) -> Node:
        signature = self._account.sign(_ACCOUNT_PREFIX + details + offer.identity)
        if fault is PairFault.BAD_SIGNATURE:
            signature = self._account.sign(details)
        identity = proto.signed_device_identity(details, self._account.public, signature)
        secret = bytes(KEY_SIZE) if fault is PairFault.BAD_HMAC else offer.adv_secret
        seal = hmac.digest(secret, identity, hashlib.sha256)
        children = (
            Node("device-identity", {}, proto.signed(identity, seal)),
            Node("biz", {"name": "Loopback"}),
            Node("device", {"jid": device.jid, "lid": device.lid}),
            Node("platform", {"name": "android"}),
        )
        return Node(
            "iq",
            {"from": SERVER, "type": "set", "t": str(int(time.time()))},
            (Node("pair-success", {}, children),),
        )

    def _verify(self, answer: Node, details: bytes, offer: _Offer) -> None:
        """Check the client's signature over its identity; raises `PairingRefused`."""
        error = answer.child("error")
        if error is not None:
            failed = PairingFailed(error.text("code"), error.text("text"))
            self._world.record(failed)
            raise PairingRefused(f"the client refused: {failed.code} {failed.text}")
        sign = answer.child("pair-device-sign")
        identity = sign.child("device-identity") if sign else None
        if identity is None:
            raise Malformed("the client's answer to pair success has no identity")
        message = _DEVICE_PREFIX + details + offer.identity + self._account.public
        if not xeddsa.verify(offer.identity, message, proto.device_signature(identity.data)):
            raise PairingRefused("the client's signature over its identity is wrong")


def _read_qr(qr: str | Secret) -> tuple[bytes, bytes, _Offer]:
    """Split a QR code's text: a link whose fragment is the parts, separated by commas."""
    text = qr if isinstance(qr, str) else qr.get_secret_value()
    parts = text.rpartition("#")[2].split(",")
    if len(parts) < _QR_PARTS:
        raise UnknownRef("this is not the text of a WhatsApp QR code")
    try:
        noise_key, identity, secret = (
            base64.b64decode(part, validate=True) for part in parts[1:_QR_PARTS]
        )
    except binascii.Error:
        raise UnknownRef("this is not the text of a WhatsApp QR code") from None
    return parts[0].encode(), noise_key, _Offer(identity, secret)
