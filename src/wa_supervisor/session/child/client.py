"""A neonize client whose every word becomes a fact, and whose end is always bounded."""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

from ...lifecycle import facts
from ...messages.errors import MessagesError, NotConnected
from ...messages.log import LogOptions, LogWriter
from ...messages.schema import MESSAGE_EVENT
from ...redaction import redact
from ..shared import protocol
from ..shared.neonize_texts import (
    LOGIN_STATUS_HOOK,
    Event,
    LoginStatus,
    MessageEvent,
)
from ..shared.refusal import refused
from ..shared.spec import ExitCode
from . import adapter, logs, preload, questions, requests
from .addresses import Addresses
from .bot import BotThread
from .bot_gate import BotGate
from .deliveries import Deliveries
from .dial_watch import DialWatch
from .socket_watch import SocketWatch
from .tap import Tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from ...gate import Envelope, GateReason
    from ...lifecycle.facts import ChildFact
    from .channel import Channel

log = logging.getLogger(__name__)

_STOP_AGAIN_SECONDS: Final = 0.2
_QUIET_SECONDS: Final = 0.1  # without an event before nothing more is expected
_BOT_SECONDS: Final = 1.0  # for the handlers that are at work when connect() comes back
_LAST_SECONDS: Final = 0.4  # of a stop's bound, kept for saying bye
_VERDICT_SECONDS: Final = 1.0
_LOG_SECONDS: Final = 0.2


class Client:
    """One neonize client, from its making to the end of the process."""

    def __init__(self, run: protocol.Run, channel: Channel) -> None:
        from neonize.client import NewClient  # noqa: PLC0415 - never in the supervisor

        self._run = run
        self._channel = channel
        self._generation = run.generation
        self._qrs = adapter.Qrs()
        self._code_asked = False
        self._pairing = False
        self._begun = threading.Event()
        self._stopping = threading.Event()
        self._returned = threading.Event()
        self._connected = threading.Event()
        self._has_keys = run.paired
        # Whether WhatsApp has answered the last login. One is under way from the start, and while
        # whatsmeow redials.
        self._answered = threading.Event()
        if not run.paired:
            self._answered.set()
        self._logged_out = threading.Lock()
        self._bot: BotThread | None = None
        self._tap: Tap | None = None
        self._is_held = False
        self._is_ending = False
        self._deliveries: Deliveries | None = None
        # The path goes into an SQLite URI, where ? # and % have a meaning. The uuid is fresh for
        # every generation: an old client's finalizer stops whoever has its uuid.
        name = run.postgres.get_secret_value() if run.postgres else quote(run.database)
        self.neonize: Any = NewClient(name, uuid=f"{run.session}.{run.generation}")
        addresses = Addresses(
            self.neonize, lambda: self._connected.is_set() and not self._is_ending
        )
        self._gate = BotGate(
            run.gate,
            own=addresses.own,
            phone_of=addresses.phone_of,
            refused=self._report_refused,
        )
        self._socket = SocketWatch(self.neonize, self._report_lost_socket)
        self._dials = DialWatch(self._end_circling_dial)

    def connect(self) -> NoReturn:
        """Connect, and end the process when that returns."""
        logs.capture(self._channel, self._generation, self._on_log_line)
        preload.start_log_worker()
        try:
            self._subscribe(self._open_log())
        except MessagesError as error:  # what could not be kept must not be received
            self._report_log_trouble(str(error))
            self._channel.leave(self._generation, ExitCode.ENDED)
        self._begun.set()
        self._dials.begin()
        try:
            self.neonize.connect(self._proxy())
        except Exception as error:  # noqa: BLE001 - any way it ends is a fact
            self._returned.set()
            if not self._stopping.is_set():
                self._report(adapter.fact_of_error(str(error), self._generation))
        self._returned.set()
        if self._bot is not None:
            self._bot.finish(_BOT_SECONDS)
        code = ExitCode.STOPPED if self._stopping.is_set() else ExitCode.ENDED
        self._channel.leave(self._generation, code)

    def _proxy(self) -> Any:
        """Return neonize's settings: in the environment the bot's programs would find them."""
        from neonize._binder import ProxySettings  # noqa: PLC0415 - never in the supervisor

        proxy = self._run.proxy
        return None if proxy is None else ProxySettings(proxy_address=proxy.get_secret_value())

    # -- asked by the supervisor

    def on_stop(self, stop: protocol.Stop) -> None:
        """Begin to stop, on a thread of its own: every call into Go may block."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._socket.end()
            threading.Thread(target=self._stop, args=(stop,), daemon=True, name="stop").start()

    def on_call(self, call: protocol.Asked) -> None:
        """Do what is asked: a pulse at once, what asks neonize on a thread of its own."""
        if isinstance(call, protocol.Steer):
            self._steer(call)
        elif isinstance(call, protocol.Deliver):
            self._deliver(call)
        elif call.what == "pulse":
            self._reply(call)
        else:
            threading.Thread(target=self._ask, args=(call,), daemon=True, name=call.what).start()

    def _steer(self, steer: protocol.Steer) -> None:
        self._gate.replace(steer.gate)
        self._is_held = steer.hold
        if self._tap is not None and not self._stopping.is_set():
            self._tap.is_held = steer.hold

    def _deliver(self, frame: protocol.Deliver) -> None:
        if self._deliveries is None or not self._connected.is_set():
            self._reply_delivery(frame, protocol.Undelivered.NOT_BEGUN)
        else:
            self._deliveries.take(frame)

    def _reply_delivery(self, frame: protocol.Deliver, code: str) -> None:
        self._reply(frame, "the bot has not dealt with it" if code else "", code)

    def _ask(self, call: protocol.Call | protocol.Request) -> None:
        """Ask neonize, only while connected: it dies of a call where there is no client."""
        if self._stopping.is_set() or not self._connected.is_set():
            self._reply(call, "not connected", NotConnected.code)
            return
        try:
            if isinstance(call, protocol.Request):
                answers = requests.perform(self.neonize, call)
            else:
                answers = questions.ANSWERS[call.what](self.neonize, call.about)
        except Exception as error:  # noqa: BLE001 - any way it fails is the answer
            known = requests.known_error(error)
            self._reply(call, redact(str(known))[: protocol.MAX_TEXT], known.code)
        else:
            self._reply(call, answers=answers)

    def _reply(
        self,
        call: protocol.Call | protocol.Request | protocol.Deliver,
        problem: str = "",
        code: str = "",
        answers: tuple[SecretStr, ...] = (),
    ) -> None:
        self._channel.send(
            protocol.Reply(
                generation=self._generation,
                id=call.id,
                problem=problem,
                code=code,
                answers=answers,
            )
        )

    def _stop(self, stop: protocol.Stop) -> None:
        deadline = time.monotonic() + stop.within - _LAST_SECONDS
        # Before it connects and while it pairs there is nothing to save, and stop() ends nothing.
        if self._begun.is_set() and not self._pairing:
            # If WhatsApp is just rejecting the keys, the supervisor must learn it: it would have
            # them presented once more. Without this 42 of 60 such rejections were lost.
            self._answered.wait(min(_VERDICT_SECONDS, max(0.0, deadline - time.monotonic())))
            if stop.log_out:
                _within(self._log_out, deadline)
            elif self._connected.is_set():
                self._drain(min(deadline, time.monotonic() + stop.drain))
            self._is_ending = True
            # A stop() that arrives before Go has a client is lost: hence again and again.
            while not self._returned.is_set() and time.monotonic() < deadline:
                _within(self.neonize.stop, deadline)
                self._returned.wait(_STOP_AGAIN_SECONDS)
        preload.flush_log(within=_LOG_SECONDS)
        self._channel.leave(self._generation, ExitCode.STOPPED)

    def _drain(self, deadline: float) -> None:
        """Take no more from WhatsApp, and wait until what was taken is in the log and handled.

        neonize's stop() drops what its Go side has queued, up to 101 messages that WhatsApp was
        told were received; disconnect() keeps that and hands it over.
        """
        if self._deliveries is not None and self._bot is not None:
            # The handlers may still need the connection for the one message that they have.
            self._deliveries.close()
            self._bot.finish(deadline - time.monotonic())
        _within(self.neonize.disconnect, deadline)
        if self._tap is not None:
            self._tap.is_held = False
        while time.monotonic() < deadline:
            quiet = self._tap is None or self._tap.is_quiet(_QUIET_SECONDS)
            if quiet and (self._bot is None or self._bot.is_idle(_QUIET_SECONDS)):
                return
            time.sleep(_QUIET_SECONDS / 10)

    def _log_out(self) -> None:
        try:
            self.neonize.logout()
        except Exception as error:  # noqa: BLE001 - offline or unpaired: the files go anyway
            log.warning("The device could not be unlinked: %s", redact(str(error)))

    # -- reported to the supervisor

    def _report(self, fact: ChildFact | None) -> None:
        if isinstance(fact, facts.LoggedOut):
            self._answered.set()
            if not self._logged_out.acquire(blocking=False):
                return  # its line in the log came first
        if fact is not None:
            self._channel.send(protocol.fact_frame(fact))

    def _report_connected(self) -> None:
        self._connected.set()
        if self._tap is not None:
            self._tap.connected()
        self._report(facts.Connected(self._generation))

    def _report_log_trouble(self, trouble: str) -> None:
        self._report(facts.StorageUnavailable(self._generation, redact(trouble)))

    def _report_refused(self, reason: GateReason, envelope: Envelope) -> None:
        self._channel.send(refused(self._generation, reason, envelope))

    def _report_news(self) -> None:
        self._channel.send(protocol.Received(generation=self._generation))

    def _report_lost_socket(self) -> None:
        detail = "the connection closed without a word"
        self._report(facts.DialFailed(self._generation, detail))

    def _end_circling_dial(self) -> None:
        detail = "the connection is redirected in circles, by WhatsApp's host or a proxy"
        self._report(facts.DialFailed(self._generation, detail))
        self._channel.leave(self._generation, ExitCode.ENDED)

    def _on_log_line(self, message: str) -> None:
        """Report a logout that neonize may keep to itself.

        whatsmeow says this, dispatches the event and deletes the device. If the device is gone
        before goneonize has entered its event loop, that waits for one for ever (`FetchMe`): of
        40 logins refused at once, 3 were never reported.
        """
        self._socket.rouse()
        if self._has_keys:
            self._report(adapter.fact_of_log(message, self._generation))

    def _open_log(self) -> LogWriter | None:
        """Begin a segment of the inbox's log. Raises MessagesError."""
        run = self._run
        if run.inbox is None:
            return None
        return LogWriter.open(
            run.inbox.directory,
            generation=run.generation,
            after=run.inbox.after,
            options=LogOptions(durability=run.inbox.durability),
            on_trouble=lambda trouble: self._report_log_trouble(str(trouble)),
        )

    def _subscribe(self, writer: LogWriter | None) -> None:
        from neonize import events  # noqa: PLC0415 - never in the supervisor

        codes = {event.DESCRIPTOR.name: code for event, code in events.EVENT_TO_INT.items()}
        names = {codes[name]: name for name in adapter.EVENTS}
        received = {codes[name]: name for name in MessageEvent} if writer is not None else {}
        if writer is not None:
            self._tap = Tap(
                writer, received, news=self._report_news, trouble=self._report_log_trouble
            )
        inbox = self._tap
        event = self.neonize.event
        for name in self._run.leave_out:
            if event.list_func.pop(codes.get(name), None) is not None:
                log.warning(
                    "The bot gets no %s: neonize cannot hand every such event over, and the client "
                    "died of one",
                    name,
                )
        for code in (*names, *received):  # neonize keeps one handler an event: the bot's goes first
            event.list_func.setdefault(code, lambda *_: None)
        self._bot = bot = BotThread(
            event.execute,
            self._run.bot_patience,
            busy=lambda seconds: self._report(facts.BotBusy(self._generation, seconds)),
            free=lambda: self._report(facts.BotFree(self._generation)),
            admits=self._gate.admits,
        )
        kept = self._deliver_from_inbox(bot, inbox)

        def tap(uuid: int, binary: int, size: int, code: int) -> None:
            data = ctypes.string_at(binary, size)
            if inbox is not None:
                inbox.take(code, data)
            self._socket.begin()
            self._dials.end()
            if name := names.get(code):
                message = events.INT_TO_EVENT[code].FromString(data)
                self._pairing = False
                self._note_answer(name)
                if name == Event.CONNECTED:
                    self._socket.confirm(self._report_connected)
                else:
                    self._socket.note(name)
                    self._report(adapter.fact_of_event(name, message, self._generation))
            if code not in kept:
                bot.put(uuid, data, code)

        event.execute = tap
        event.qr(self._on_qr)
        setattr(self.neonize, LOGIN_STATUS_HOOK, self._on_status)

    def _deliver_from_inbox(self, bot: BotThread, tap: Tap | None) -> frozenset[int]:
        """Return the events that the bot gets from the inbox and not from neonize."""
        run = self._run
        if tap is None or run.inbox is None or run.inbox.bot_delivery != "inbox":
            return frozenset()
        tap.is_held = self._is_held
        self._deliveries = Deliveries(run.inbox.directory, bot, self._reply_delivery)
        return frozenset({MESSAGE_EVENT})

    def _note_answer(self, event: str) -> None:
        """Take note whether this event says that a login follows, or that one was answered."""
        if event in {Event.DISCONNECTED, Event.PAIR_STATUS}:
            self._answered.clear()
            self._dials.begin()
        elif event != Event.LOGGED_OUT:  # set when it was reported
            self._answered.set()

    def _on_status(self, _uuid: int, status: int) -> None:
        word = ctypes.string_at(status).decode(errors="replace")
        if word == LoginStatus.SUCCESS:
            self._pairing = False
            self._has_keys = True
        self._report(adapter.fact_of_status(word, self._generation))

    def _on_qr(self, _client: Any, payload: bytes) -> None:
        self._pairing = True
        self._dials.end()
        if self._run.phone is None:
            self._report(self._qrs.fact(payload, self._generation))
        elif not self._code_asked:
            self._code_asked = True
            # Off this thread: whatsmeow gives pairing up if its QRs are not taken in time.
            threading.Thread(target=self._pair_phone, daemon=True, name="pair-phone").start()

    def _pair_phone(self) -> None:
        assert self._run.phone is not None
        digits = "".join(filter(str.isdigit, self._run.phone.get_secret_value()))
        try:
            code = self.neonize.PairPhone(digits, show_push_notification=True)
        except Exception as error:  # noqa: BLE001 - any refusal is a fact
            log.warning("No pair code: %s", redact(str(error)))
            self._report(adapter.fact_of_pair_error(str(error), self._generation))
        else:
            self._report(adapter.pair_code_fact(code, self._generation))


def _within(call: Callable[[], object], deadline: float) -> None:
    """Make a call that may block, on another thread, and wait for it no longer than that."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
