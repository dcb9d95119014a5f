"""The WhatsApp-shaped server itself: what tests, the demo and the benchmarks start."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import trustme

from . import media, media_server, transport
from .addressing import BROADCASTS, GROUPS, NEWSLETTERS
from .answers import LoginAnswer, MessageAnswer, RegistrationAnswer, Success
from .certificates import tls_context
from .channel import Channel, handshake
from .chat import BroadcastList, StatusUpdates
from .connection import Connection
from .contact import Contact
from .device import Account, Device
from .dialogue import converse
from .errors import LoopbackError, Malformed, PeerGone
from .group import Group
from .listener import Listener
from .newsletter import Newsletter
from .nodes import HIDDEN_USERS, Jid
from .noise import ServerIdentity
from .observations import Dialled, LoginAnswered, Lost, Overlap, Violation
from .phone import Phone
from .websocket import PATH
from .world import Impostor, Step, World

_WayIn: TypeAlias = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Channel | None]
]
_ARRIVAL_SECONDS = 600.0  # a client's way in, stalls included
_CLOSE_SECONDS = 1.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Endpoint:
    """What a client's process must be told, before it starts, to end up here."""

    proxy: str
    """URL for the environment variable HTTPS_PROXY."""
    ca_file: Path
    """Path for the environment variable SSL_CERT_FILE; it lives as long as the server."""
    noise_root: str
    """The root key of the Noise certificates, in hex, to be put in place of WhatsApp's."""
    ws: str | None = None
    """URL of the door without proxy and TLS, for clients whose URL can be set; None if closed."""


@dataclass(frozen=True)
class _Running:
    """What exists between start and stop."""

    endpoint: Endpoint
    tls: dict[Impostor | None, ssl.SSLContext]
    directory: tempfile.TemporaryDirectory[str]


class LoopbackServer(World):
    """A server which the unmodified neonize pairs with, logs in to and is logged out by.

    `ca_file` is where it writes its authority's certificate, else to a directory of its own. Go
    looks there when it first needs it, so servers that follow one another may share the path, and
    processes started for one serve the next.

    `ws_port` opens a second door, a WebSocket without proxy and TLS; 0 lets the system choose its
    port. With a `seed` the Noise keys are the same each time. `reachable` lets other machines in,
    for a container whose network is private.
    Raises `NotLoopback` when the host is not an IP address of this machine alone, else.
    """

    def __init__(  # noqa: PLR0913 - each by its name alone
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        qr_refs: int = 6,
        timeout: float = 10.0,
        ca_file: Path | None = None,
        ws_port: int | None = None,
        seed: int | None = None,
        reachable: bool = False,
    ) -> None:
        super().__init__(qr_refs=qr_refs, timeout=timeout)
        self._phones: dict[str, Phone] = {}
        self._ordinals = itertools.count(1)
        self._listener = Listener(host, port, self._accepted, reachable=reachable)
        self._plain: Listener | None = None
        if ws_port is not None:
            self._plain = Listener(host, ws_port, self._accepted_plain, reachable=reachable)
        self._identity = ServerIdentity.generate(seed)
        self._false_identity = ServerIdentity.generate()
        self._ca_file = ca_file
        self._running: _Running | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._bugs: list[Exception] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        if self._running is not None:
            raise LoopbackError("the loopback server is running already")
        directory = tempfile.TemporaryDirectory(prefix="wa-loopback-")
        where = Path(directory.name)
        authority = trustme.CA()
        ca_file = self._ca_file or where / "ca.pem"
        authority.cert_pem.write_to_path(ca_file)
        honest = tls_context(authority, transport.HOST, media.HOST)
        contexts: dict[Impostor | None, ssl.SSLContext] = {
            None: honest,
            Impostor.NOISE_ROOT: honest,
            Impostor.EXPIRED: tls_context(authority, transport.HOST, expired=True),
            Impostor.UNTRUSTED: tls_context(trustme.CA(), transport.HOST),
        }
        self._open()
        proxy = f"http://{self._listener.address}"
        ws = None if self._plain is None else f"ws://{self._plain.address}{PATH}"
        endpoint = Endpoint(proxy, ca_file, self._identity.root.hex(), ws)
        self._running = _Running(endpoint, contexts, directory)

    async def stop(self) -> None:
        """Cut every connection and give the port back.

        Raises an `ExceptionGroup` when a connection ended in a bug of this server.
        """
        for listener in self._listeners():
            listener.release()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        if self._running is not None:
            self._running.directory.cleanup()
            self._running = None
        bugs, self._bugs = self._bugs, []
        if bugs:
            raise ExceptionGroup("connections of the loopback server failed", bugs)

    @property
    def endpoint(self) -> Endpoint:
        """Where clients must be sent."""
        return self._started().endpoint

    @property
    def phones(self) -> Mapping[str, Phone]:
        """The phones by their accounts' numbers."""
        return self._phones

    @property
    def dials(self) -> int:
        """How often a client asked the proxy for a target, WhatsApp's or another."""
        return sum(isinstance(seen, Dialled) for seen in self.log)

    @property
    def logins(self) -> int:
        """How many logins succeeded."""
        answers = (seen.answer for seen in self.log if isinstance(seen, LoginAnswered))
        return sum(isinstance(answer, Success) for answer in answers)

    @property
    def overlaps(self) -> tuple[Overlap, ...]:
        """The logins of a device which had an older login still open."""
        return tuple(seen for seen in self.log if isinstance(seen, Overlap))

    def phone(self, number: str | None = None, *, multidevice: bool = True) -> Phone:
        """Return the phone with this number, or a new one; without a number, always a new one."""
        ordinal = len(self._phones) + 1
        number = number or f"1555{ordinal:07d}"
        if number not in self._phones:
            phone = Phone(self, number, ordinal=ordinal, multidevice=multidevice)
            self._phones[number] = phone
            self.directory.add_person(phone)
        return self._phones[number]

    def contact(self, name: str = "Ann", *, number: str | None = None) -> Contact:
        """Return a new contact, with a number and a hidden address of its own.

        Raises `LoopbackError` if somebody has the number.
        """
        ordinal = next(self._ordinals)
        number = number or f"1444{ordinal:07d}"
        if self.directory.person(Jid(number)) is not None:
            raise LoopbackError("somebody has this number already")
        lid = Jid(f"2{ordinal:014d}", HIDDEN_USERS)
        contact = Contact(number, lid, name, self.changes)
        self.directory.add_person(contact)
        return contact

    def group(self, *members: Account, name: str = "Group") -> Group:
        """Return a new group of contacts and phones; a phone brings its devices with it."""
        group = Group(Jid(f"120363{next(self._ordinals):012d}", GROUPS), name, members)
        self.directory.add_chat(group)
        return group

    def broadcast_list(self, *members: Account) -> BroadcastList:
        """Return a new broadcast list, to which one contact writes."""
        chat = BroadcastList(Jid(f"1700{next(self._ordinals):06d}", BROADCASTS), members)
        self.directory.add_chat(chat)
        return chat

    def status_updates(self, *members: Account) -> StatusUpdates:
        """Return the chat of status updates, shown to these; contacts write to it."""
        return StatusUpdates(members)

    def newsletter(self, *followers: Account, name: str = "Newsletter") -> Newsletter:
        """Return a new newsletter, read by the devices of its followers."""
        jid = Jid(f"120363{next(self._ordinals):012d}", NEWSLETTERS)
        newsletter = Newsletter(jid, name, followers, self.changes)
        self.directory.add_newsletter(newsletter)
        return newsletter

    async def next_connection(self, *, timeout: float = 5.0) -> Connection:
        """Return the oldest connection not yet returned, once its client said what it wants.

        Raises `LoopbackTimeout`.
        """
        return await self.changes.until(
            lambda: self.arrivals.popleft() if self.arrivals else None,
            within=timeout,
            what="the next connection",
        )

    async def wait_connected(self, who: Device | Phone, *, timeout: float = 10.0) -> Connection:
        """Return an open connection of a device, or of any of a phone, which finished its login.

        Raises `LoopbackTimeout`.
        """

        def ready() -> Connection | None:
            devices = who.devices if isinstance(who, Phone) else (who,)
            logins = (each for device in devices for each in self.connections_of(device))
            return next((each for each in logins if each.ready and not each.frozen), None)

        return await self.changes.until(ready, within=timeout, what=f"a finished login of {who}")

    async def wait_acknowledged(self, who: Device | Phone, *, timeout: float = 10.0) -> None:
        """Wait until a device, or each of a phone, has acknowledged all that was for it.

        A client calls its handlers before it acknowledges, or after. Raises `LoopbackTimeout`.
        """

        def done() -> bool | None:
            devices = who.devices if isinstance(who, Phone) else (who,)
            return None if any(len(device.mailbox) for device in devices) else True

        await self.changes.until(done, within=timeout, what=f"an empty mailbox of {who}")

    def refuse(self) -> None:
        """Stop listening: new connections are refused, open ones live on."""
        for listener in self._listeners():
            listener.close()

    @property
    def listening(self) -> bool:
        """Whether new connections are accepted."""
        return self._listener.listening

    def accept(self) -> None:
        """Undo `refuse` and `stall`. A client which is stalled already stays so."""
        self._started()
        self.stalled = None
        self._open()

    def stall(self, step: Step | str) -> None:
        """Accept clients, but never answer them from this step on."""
        self.stalled = Step(step)

    def on_login(self, answer: LoginAnswer | None, *, times: int | None = 1) -> None:
        """Write what the next logins are answered; None as `times` is for ever.

        Answers queue up; None as the answer clears them.
        """
        if answer is None:
            self.login_script.clear()
        else:
            self.login_script.write(answer, times)

    def on_registration(self, answer: RegistrationAnswer | None, *, times: int | None = 1) -> None:
        """Write what the next registrations are answered, as `on_login` does."""
        if answer is None:
            self.registration_script.clear()
        else:
            self.registration_script.write(answer, times)

    def on_message(self, answer: MessageAnswer | None, *, times: int | None = 1) -> None:
        """Write what the next messages of clients are answered, as `on_login` does."""
        if answer is None:
            self.message_script.clear()
        else:
            self.message_script.write(answer, times)

    def withhold_acks(self) -> None:
        """Take clients' messages from now on, but do not acknowledge them."""
        if self.withheld_acks is None:
            self.withheld_acks = []

    def send_acks(self) -> None:
        """Undo `withhold_acks`: acknowledge what was withheld, on connections still open."""
        withheld, self.withheld_acks = self.withheld_acks or [], None
        for connection, ack in withheld:
            connection.send(ack)

    def _started(self) -> _Running:
        if self._running is None:
            raise LoopbackError(
                "the loopback server is not running", hint="use `async with LoopbackServer()`"
            )
        return self._running

    def _listeners(self) -> tuple[Listener, ...]:
        return (self._listener,) if self._plain is None else (self._listener, self._plain)

    def _open(self) -> None:
        for listener in self._listeners():
            listener.open()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._begin(reader, writer, self._through_proxy)

    def _accepted_plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._begin(reader, writer, self._to_websocket)

    def _begin(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way_in: _WayIn
    ) -> None:
        if self._running is None:  # stopped while the socket was on its way
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, way_in))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _through_proxy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Channel | None:
        tls = self._started().tls[self.impostor]
        host = await transport.accept(self, tls, reader, writer)
        if host != media.HOST:
            return await self._to_websocket(reader, writer)
        await media_server.serve(self, reader, writer)
        return None

    async def _to_websocket(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Channel:
        websocket = await transport.upgrade(self, reader, writer)
        honest = self.impostor is not Impostor.NOISE_ROOT
        identity = self._identity if honest else self._false_identity
        stalled = self.stalled is Step.HANDSHAKE
        return await handshake(websocket, identity, stalled=stalled, tracer=self.tracer)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way_in: _WayIn
    ) -> None:
        """Talk to one client, whatever becomes of it."""
        try:
            async with asyncio.timeout(_ARRIVAL_SECONDS):
                channel = await way_in(reader, writer)
            if channel is not None:
                await converse(self, Connection(channel))
        except Malformed as error:
            self.record(Violation(str(error)))
        except (PeerGone, OSError) as error:  # TLS errors and time-outs are OSErrors, too
            self.record(Lost(str(error)))
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        except Exception as error:  # noqa: BLE001 - one client must not end the others; see stop
            self._bugs.append(error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(writer.wait_closed(), _CLOSE_SECONDS)
            writer.transport.abort()
