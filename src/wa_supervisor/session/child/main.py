"""The session process: one neonize client, from its start to its end.

It is forked by the fork server, or run as `python -m wa_supervisor.session.child.main FD PID`. It
ends when the supervisor says so, when the supervisor goes away, or when connect() comes back.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

from ...errors import NoRoom, SessionError
from ...lifecycle import facts
from ...redaction import redact
from ..shared import protocol
from ..shared.spec import ExitCode
from . import adapter, loopback_patch, preload
from .bot import BotThread
from .channel import Wire
from .missing_events import WHATSMEOW, Overhear, SocketWatch

if TYPE_CHECKING:
    from ...lifecycle.facts import ChildFact

_log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_LOGGERS: Final = ("neonize", "whatsmeow", "Whatsmeow", "wa_supervisor")
_STOP_AGAIN_SECONDS: Final = 0.2
_BOT_SECONDS: Final = 1.0  # for the handlers that are at work when connect() comes back
_MAX_DETAIL: Final = 300
_LAST_SECONDS: Final = 0.4  # of a stop's bound, kept for saying bye


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` dies; the socket's end is the other way.

    On Linux only; it is a no-op elsewhere.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(ExitCode.ORPHANED)


def main(sock: socket.socket, *lease: int) -> NoReturn:
    """Run what the first frame says. Never returns and never raises.

    `lease` is a share of the session's lock. It is ours until we die; what a bot forks off and
    leaves behind must not have it.
    """
    try:
        _keep_from_forks(list(lease))
        _run(sock)
    except BaseException:  # noqa: BLE001 - it ends here, and not with a code that a bot may use
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(ExitCode.DEFECT)


def _run(sock: socket.socket) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    wire = Wire(sock)
    run = wire.receive_run()
    try:
        preload.preload()
        if not run.allow_unknown_neonize:
            preload.require_known_release()
        neonize = preload.load_library()
        _trust(run)
    except NoRoom as error:
        print(error.advice, file=sys.stderr)
        wire.leave(run.generation, ExitCode.NO_ROOM)
    except SessionError as error:
        wire.send(protocol.fact_frame(facts.ClientUnusable(run.generation, error.advice)))
        wire.leave(run.generation, ExitCode.UNUSABLE)
    session = _Session(run, wire)
    wire.start(session.on_stop, session.on_call)
    wire.send(protocol.Hello(generation=run.generation, pid=os.getpid(), neonize=neonize))
    try:
        if run.bot is not None:
            _register_bot(run.bot, session.client)
    except BaseException as error:  # noqa: BLE001 - whatever a bot raises, SystemExit too
        traceback.print_exc()
        last = redact(traceback.format_exception_only(error)[-1].strip())
        wire.send(protocol.fact_frame(facts.BotFailed(run.generation, last[:_MAX_DETAIL])))
        wire.leave(run.generation, ExitCode.BOT_FAILED)
    session.connect()


def _keep_from_forks(lease: list[int]) -> None:
    def let_go() -> None:
        while lease:
            os.close(lease.pop())

    os.register_at_fork(after_in_child=let_go)


def _trust(run: protocol.Run) -> None:
    if run.noise_root is not None:
        loopback_patch.swap_noise_root(preload.library_path(), run.noise_root)
    if run.keepalive is not None:
        loopback_patch.scale_keepalive(preload.library_path(), run.keepalive)


def _register_bot(bot: str, client: Any) -> None:
    module, _, function = bot.partition(":")
    if not module or not function:
        raise SessionError(f"bot must be written module:function, not {bot!r}")
    sys.path.insert(0, str(Path.cwd()))
    getattr(importlib.import_module(module), function)(client)


class _Forward(logging.Handler):
    """Sends log records up, redacted."""

    def __init__(self, wire: Wire, generation: int) -> None:
        super().__init__()
        self._wire = wire
        self._generation = generation

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = redact(record.getMessage())[: protocol.MAX_MESSAGE]
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)
            return
        self._wire.log(
            protocol.Log(
                generation=self._generation,
                level=record.levelno,
                logger=record.name,
                message=message,
            )
        )


class _Session:
    """A neonize client whose every word is turned into a fact."""

    def __init__(self, run: protocol.Run, wire: Wire) -> None:
        from neonize.client import NewClient  # noqa: PLC0415 - never in the supervisor

        self._run = run
        self._wire = wire
        self._generation = run.generation
        self._qrs = adapter.Qrs()
        self._code_asked = False
        self._pairing = False
        self._stopping = threading.Event()
        self._returned = threading.Event()
        self._connected = threading.Event()
        self._keyed = run.paired
        self._logged_out = threading.Lock()
        self._bot: BotThread | None = None
        # The path goes into an SQLite URI, where ? # and % have a meaning. The uuid is fresh for
        # every generation: an old client's finalizer stops whoever has its uuid.
        name = run.postgres.get_secret_value() if run.postgres else quote(run.database)
        self.client: Any = NewClient(name, uuid=f"{run.session}.{run.generation}")
        self._socket = SocketWatch(self.client, self._tell_mute)

    def connect(self) -> NoReturn:
        """Connect, and end the process when that returns."""
        self._capture_logs()
        self._subscribe()
        try:
            self.client.connect()
        except Exception as error:  # noqa: BLE001 - any way it ends is a fact
            self._returned.set()
            if not self._stopping.is_set():
                self._tell(adapter.fact_of_error(str(error), self._generation))
        self._returned.set()
        if self._bot is not None:
            self._bot.finish(_BOT_SECONDS)
        code = ExitCode.STOPPED if self._stopping.is_set() else ExitCode.ENDED
        self._wire.leave(self._generation, code)

    def on_stop(self, stop: protocol.Stop) -> None:
        """Begin to stop, on a thread of its own: every call into Go may block."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._socket.end()
            threading.Thread(target=self._stop, args=(stop,), daemon=True, name="stop").start()

    def on_call(self, call: protocol.Call) -> None:
        """Answer a call: a pulse at once, a probe from a thread of its own."""
        if call.what == "pulse":
            self._reply(call)
        else:
            threading.Thread(target=self._probe, args=(call,), daemon=True, name="probe").start()

    def _probe(self, call: protocol.Call) -> None:
        """Make a round trip to WhatsApp: ask for the blocked contacts, which changes nothing.

        Only while connected: neonize dies of such a call where there is no client.
        """
        if self._stopping.is_set() or not self._connected.is_set():
            self._reply(call, "not connected")
            return
        try:
            self.client.get_blocklist()
        except Exception as error:  # noqa: BLE001 - any way it fails is the answer
            self._reply(call, redact(str(error))[: protocol.MAX_MESSAGE] or type(error).__name__)
        else:
            self._reply(call)

    def _reply(self, call: protocol.Call, trouble: str = "") -> None:
        self._wire.send(protocol.Reply(generation=self._generation, id=call.id, trouble=trouble))

    def _stop(self, stop: protocol.Stop) -> None:
        deadline = time.monotonic() + stop.within - _LAST_SECONDS
        if not self._pairing:  # while pairing there is nothing to save, and stop() ends nothing
            if stop.log_out:
                self._bounded(self._log_out, deadline)
            # A stop() that arrives before Go has a client is lost: hence again and again.
            while not self._returned.is_set() and time.monotonic() < deadline:
                self._bounded(self.client.stop, deadline)
                self._returned.wait(_STOP_AGAIN_SECONDS)
        self._wire.leave(self._generation, ExitCode.STOPPED)

    def _bounded(self, call: Any, deadline: float) -> None:
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))

    def _log_out(self) -> None:
        try:
            self.client.logout()
        except Exception as error:  # noqa: BLE001 - offline or unpaired: the files go anyway
            _log.warning("The device could not be unlinked: %s", redact(str(error)))

    def _tell(self, fact: ChildFact | None) -> None:
        if isinstance(fact, facts.LoggedOut) and not self._logged_out.acquire(blocking=False):
            return  # it was heard in the log
        if fact is not None:
            self._wire.send(protocol.fact_frame(fact))

    def _tell_connected(self) -> None:
        self._connected.set()
        self._tell(facts.Connected(self._generation))

    def _tell_mute(self) -> None:
        self._tell(facts.DialFailed(self._generation, "the connection closed without a word"))

    def _overhear(self, message: str) -> None:
        """Tell a logout that neonize may keep to itself.

        whatsmeow says this, dispatches the event and deletes the device. If the device is gone
        before goneonize has entered its event loop, that waits for one for ever (`FetchMe`): of
        40 logins refused at once, 3 were never told.
        """
        if self._keyed:
            self._tell(adapter.fact_of_log(message, self._generation))

    def _capture_logs(self) -> None:
        handler = _Forward(self._wire, self._generation)
        handler.setLevel(logging.WARNING)
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            logger.propagate = False
        # neonize hands this logger's level to Go. At DEBUG, QRs and whole stanzas are logged.
        logging.getLogger("neonize.utils.log").setLevel(logging.INFO)
        logging.getLogger(WHATSMEOW).setLevel(logging.INFO)
        logging.getLogger(WHATSMEOW).addHandler(Overhear(self._overhear))
        # Said at every start; media operations that miss ffmpeg say so themselves.
        logging.getLogger("neonize.utils.ffmpeg").setLevel(logging.ERROR)
        preload.start_log_worker()

    def _subscribe(self) -> None:
        from neonize import events  # noqa: PLC0415 - never in the supervisor

        codes = {event.DESCRIPTOR.name: code for event, code in events.EVENT_TO_INT.items()}
        names = {codes[name]: name for name in adapter.EVENTS}
        event = self.client.event
        for code in names:  # neonize keeps one handler an event: the bot's goes first
            event.list_func.setdefault(code, lambda *_: None)
        self._bot = bot = BotThread(
            event.execute,
            self._run.bot_patience,
            busy=lambda seconds: self._tell(facts.BotBusy(self._generation, seconds)),
            free=lambda: self._tell(facts.BotFree(self._generation)),
        )

        def tap(uuid: int, binary: int, size: int, code: int) -> None:
            data = ctypes.string_at(binary, size)
            self._socket.begin()
            if name := names.get(code):
                message = events.INT_TO_EVENT[code].FromString(data)
                self._pairing = False
                if name == "Connected":
                    self._socket.confirm(self._tell_connected)
                else:
                    self._socket.said(name)
                    self._tell(adapter.fact_of_event(name, message, self._generation))
            bot.put(uuid, data, code)

        event.execute = tap
        event.qr(self._on_qr)
        setattr(self.client, preload.LOGIN_STATUS_HOOK, self._on_status)

    def _on_status(self, _uuid: int, status: int) -> None:
        word = ctypes.string_at(status).decode(errors="replace")
        if word == "success":
            self._pairing = False
            self._keyed = True
        self._tell(adapter.fact_of_status(word, self._generation))

    def _on_qr(self, _client: Any, payload: bytes) -> None:
        self._pairing = True
        if self._run.phone is None:
            self._tell(self._qrs.fact(payload, self._generation))
        elif not self._code_asked:
            self._code_asked = True
            # Off this thread: whatsmeow gives pairing up if its QRs are not taken in time.
            threading.Thread(target=self._pair_phone, daemon=True, name="pair-phone").start()

    def _pair_phone(self) -> None:
        assert self._run.phone is not None
        digits = "".join(filter(str.isdigit, self._run.phone.get_secret_value()))
        try:
            code = self.client.PairPhone(digits, show_push_notification=True)
        except Exception as error:  # noqa: BLE001 - any refusal is a fact
            _log.warning("No pair code: %s", redact(str(error)))
            self._tell(adapter.fact_of_pair_error(str(error), self._generation))
        else:
            self._tell(adapter.pair_code_fact(code, self._generation))


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    line, *lease = int(sys.argv[1]), *map(int, sys.argv[3:])
    for descriptor in (line, *lease):  # what a bot starts must not hold them
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - a function of C
    main(socket.socket(fileno=line), *lease)
