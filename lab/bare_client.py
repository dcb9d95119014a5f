"""A bare neonize program: no supervisor, only what an ordinary bot has.

Started as `python -m lab.bare_client DATABASE NOISE_ROOT [options]` with HTTPS_PROXY and
SSL_CERT_FILE pointing at a loopback server: Go reads both as they were at exec.
Prints one JSON object a line on the file descriptor which was its standard output:

    {"kind": "qr", "payload": ...}           {"kind": "login-status", "status": ...}
    {"kind": "pair-code", "code": ...}       {"kind": "pair-code-refused", "error": ...}
    {"kind": "event", "name": "LoggedOut", "fields": {...}}
    {"kind": "returned"}                     {"kind": "raised", "error": ...}
    {"kind": "done", "word": "logout"}
    {"kind": "tally", "handled": [[id, when by time.monotonic], ...]}
    {"kind": "called", "value": ...}         {"kind": "call-failed", "error": ...}

and obeys a line at a time of its standard input: stop, logout, disconnect, or a call (see
`bare_calls`). End of input, or the end of connect(), ends the process at once.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from .bare_calls import Calls

WHATSAPP_NOISE_ROOT = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"  # handshake.go
)
KEEPALIVE_SECONDS = (10, 20, 30, 180)  # deadline, interval from and to, give up; keepalive.go
EVENTS = (
    "QR",
    "PairStatus",
    "Connected",
    "KeepAliveTimeout",
    "KeepAliveRestored",
    "LoggedOut",
    "StreamReplaced",
    "TemporaryBan",
    "ConnectFailure",
    "ClientOutdated",
    "StreamError",
    "Disconnected",
)
MESSAGE_EVENTS = (
    "Message",
    "UndecryptableMessage",
    "OfflineSyncPreview",
    "OfflineSyncCompleted",
)
RECEIPT_EVENTS = ("Receipt", "ChatPresence")
_OUT = os.fdopen(os.dup(1), "w", buffering=1)


def say(kind: str, **details: object) -> None:
    _OUT.write(json.dumps({"kind": kind, **details}) + "\n")


def patch_once(old: bytes, new: bytes) -> None:
    """Replace a constant of the loaded Go library, in this process's memory only."""
    assert len(old) == len(new)
    hits: list[int] = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split()
        if fields[1].startswith("rw") and fields[-1].endswith("neonize-linux-amd64.so"):
            start, end = (int(edge, 16) for edge in fields[0].split("-"))
            memory = ctypes.string_at(start, end - start)
            at = memory.find(old)
            while at >= 0:
                hits.append(start + at)
                at = memory.find(old, at + 1)
    if len(hits) != 1:
        sys.exit(f"expected the constant once in neonize's library, found it {len(hits)} times")
    ctypes.memmove(hits[0], new, len(new))


def scale_keepalive(scale: float) -> None:
    def pack(seconds: tuple[float, ...]) -> bytes:
        return struct.pack("<4q", *(int(each * 1_000_000_000) for each in seconds))

    patch_once(pack(KEEPALIVE_SECONDS), pack(tuple(each * scale for each in KEEPALIVE_SECONDS)))


class Bot:
    """The client and its handlers."""

    def __init__(
        self,
        database: str,
        pair_code: str | None,
        events: Sequence[str],
        *,
        kill_on: str | None,
        tally: int | None,
    ) -> None:
        self._events = import_module("neonize.events")
        self._to_dict = import_module("google.protobuf.json_format").MessageToDict
        self._pair_code = pair_code
        self._kill_on = kill_on
        self._tally = tally
        self.work = 0.0
        self.note: Callable[[str], None] | None = None
        self._handled: list[tuple[str, float]] = []
        self.client = import_module("neonize.client").NewClient(
            database, uuid=f"bare.{os.getpid()}"
        )
        assert hasattr(self.client, "_NewClient__onLoginStatus")
        self.client._NewClient__onLoginStatus = self._on_login_status
        self.client.event.qr(self._on_qr)
        self._calls = Calls(self.client)
        for name in events:
            self.client.event(getattr(self._events, f"{name}Ev"))(self._handler(name))

    def _on_qr(self, _client: Any, payload: bytes) -> None:
        say("qr", payload=payload.decode())
        number, self._pair_code = self._pair_code, None
        if number is None:
            return
        try:
            say("pair-code", code=self.client.PairPhone(number, show_push_notification=False))
        except Exception as error:  # noqa: BLE001 - neonize's errors have no common base
            say("pair-code-refused", error=str(error))

    def _on_login_status(self, _uuid: int, status: int) -> None:
        say("login-status", status=ctypes.string_at(status).decode())

    def _handler(self, name: str) -> Callable[[Any, Any], None]:
        def handle(_client: Any, event: Any) -> None:
            if name == "Message":
                if self._kill_on is not None and event.Message.conversation == self._kill_on:
                    os.kill(os.getpid(), signal.SIGKILL)
                if self.note is not None:
                    self.note(event.Info.ID)
                    return
                if self._tally is not None:
                    self._count(event.Info.ID, self._tally)
                    return
                self._calls.keep(event)
                time.sleep(self.work)
            say("event", name=name, fields={} if name == "QR" else self._to_dict(event))

        return handle

    def _count(self, ident: str, tally: int) -> None:
        self._handled.append((ident, time.monotonic()))
        if len(self._handled) == tally:
            say("tally", handled=self._handled)
            self._handled = []

    def obey(self) -> None:
        for line in sys.stdin:
            if line.startswith("{"):
                self._call(json.loads(line))
                continue
            getattr(self.client, line.strip())()
            say("done", word=line.strip())
        os._exit(0)

    def _call(self, call: dict[str, Any]) -> None:
        try:
            say("called", value=self._calls.do(**call))
        except Exception as error:  # noqa: BLE001 - neonize's errors have no common base
            say("call-failed", error=str(error))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("noise_root", type=bytes.fromhex)
    parser.add_argument("--pair-code", metavar="NUMBER")
    parser.add_argument("--keepalive-scale", type=float)
    parser.add_argument("--messages", action="store_true", help="handle messages, too")
    parser.add_argument("--tally", type=int, metavar="N", help="only count messages, and say N")
    parser.add_argument("--note", action="store_true", help="only note messages, as `tally_bot`")
    parser.add_argument("--work", type=float, default=0, help="seconds that a message takes")
    parser.add_argument("--receipts", action="store_true", help="handle receipts, too")
    parser.add_argument("--kill-on", metavar="TEXT", help="die of SIGKILL when a message says this")
    options = parser.parse_args()
    if not os.environ.get("HTTPS_PROXY", "").startswith("http://127.0.0.1:"):
        sys.exit("HTTPS_PROXY must point at a loopback server: this program never dials WhatsApp")
    import_module("neonize")
    os.dup2(2, 1)  # Go prints on standard output
    patch_once(WHATSAPP_NOISE_ROOT, options.noise_root)
    if options.keepalive_scale:
        scale_keepalive(options.keepalive_scale)
    messages = MESSAGE_EVENTS if options.messages else ()
    receipts = RECEIPT_EVENTS if options.receipts else ()
    events = (*EVENTS, *messages, *receipts)
    bot = Bot(
        options.database,
        options.pair_code,
        events,
        kill_on=options.kill_on,
        tally=options.tally,
    )
    bot.work = options.work
    if options.note:
        bot.note = import_module("lab.bench.tally_bot").note
    threading.Thread(target=bot.obey, daemon=True).start()
    try:
        bot.client.connect()
    except Exception as error:  # noqa: BLE001 - neonize's errors have no common base
        say("raised", error=str(error))
    else:
        say("returned")
    os._exit(0)


main()
