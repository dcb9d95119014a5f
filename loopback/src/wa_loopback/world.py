"""What the rooms of one server share: its switches, scripts, people and log."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING

from .answers import (
    Accept,
    LoginAnswer,
    MessageAnswer,
    Refs,
    RegistrationAnswer,
    Script,
    Success,
)
from .directory import Directory
from .media import MediaStore
from .nodes import Node
from .observations import Kind, Observation
from .trace import Tracer
from .waiting import Waiters

if TYPE_CHECKING:
    from .connection import Connection
    from .device import Device

_UNCLAIMED = 1000  # connections kept for `next_connection`; older ones are forgotten


class Step(StrEnum):
    """The steps of a client's way in, in order; the server can stall at each."""

    CONNECT = "connect"
    TLS = "tls"
    UPGRADE = "upgrade"
    HANDSHAKE = "handshake"
    PAIRING = "pairing"
    LOGIN = "login"


class Impostor(StrEnum):
    """In what a server fails to prove that it is WhatsApp's."""

    EXPIRED = "expired"
    """Its TLS certificate is out of date."""
    UNTRUSTED = "untrusted"
    """Its TLS certificate is signed by nobody the client trusts, as an inspecting proxy's is."""
    NOISE_ROOT = "noise-root"
    """Its Noise certificates begin at another root key."""


class World:
    """The state of one server; the public attributes may be set at any time."""

    def __init__(self, *, qr_refs: int, timeout: float) -> None:
        self.timeout = timeout
        """Seconds a client has for each answer the server waits for."""
        self.proxy_status: int | None = None
        """HTTP status with which CONNECT is refused; None to connect."""
        self.upgrade_status: int | None = None
        """HTTP status with which the WebSocket is refused; 3xx leads back here; None to accept."""
        self.impostor: Impostor | None = None
        """In what the server fails to prove itself to new clients; None to succeed."""
        self.latency = 0.0
        """Seconds by which each answer is late, at every step of the way in and after it."""
        self.restart_after = 0.0
        """Seconds between a pairing and its 515; zapo-js loses its keys when it comes at once."""
        self.restart_closes_after = 0.5
        """Seconds that a client has after its 515 to close by itself; some wait for the server."""
        self.tracer: Tracer | None = None
        """Writes down every node; None for nobody."""
        self.answer_iqs = True
        """Whether requests are answered after the login's success."""
        self.rate_limit_pair_codes = False
        """Whether pair codes are refused with 429 rate-overlimit."""
        self.replace_older = True
        """Whether a login ends older connections of its device, as WhatsApp does."""
        self.log: list[Observation] = []
        """Everything seen so far, in order."""
        self.stalled: Step | None = None
        self.changes = Waiters()
        self.login_script: Script[LoginAnswer] = Script(Success())
        self.registration_script: Script[RegistrationAnswer] = Script(Refs(qr_refs))
        self.message_script: Script[MessageAnswer] = Script(Accept())
        self.withheld_acks: list[tuple[Connection, Node]] | None = None
        """The acknowledgements of messages which are held back; None when none are."""
        self.directory = Directory()
        self.media = MediaStore()
        """The files that messages refer to."""
        self.devices: dict[tuple[str, int], Device] = {}
        """Every device that was ever paired here, by number and index, oldest first."""
        self.introduced: list[Connection] = []
        self.arrivals: deque[Connection] = deque(maxlen=_UNCLAIMED)
        self.refs: dict[bytes, Connection | None] = {}

    def record(self, observation: Observation) -> None:
        """Append to the log and wake those who wait."""
        self.log.append(observation)
        self.changes.wake()

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections which are open and have said what they came for, oldest first."""
        return tuple(connection for connection in self.introduced if connection.open)

    def connections_of(self, device: Device) -> tuple[Connection, ...]:
        """Return a device's open logins, oldest first."""
        logins = (each for each in self.connections if each.kind is Kind.LOGIN)
        return tuple(login for login in logins if login.device is device)

    def device(self, number: str, index: int, noise_key: bytes) -> Device | None:
        """Return the device with this address and Noise key, linked still or not."""
        device = self.devices.get((number, index))
        return device if device is not None and device.noise_key == noise_key else None
