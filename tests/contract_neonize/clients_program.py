"""A bare program with several neonize clients in one process: no supervisor takes part.

Started as `clients_program.py DATABASE NOISE_ROOT`, and as talkative as `lab/bare_client.py`.
It obeys one line a time on its standard input, each on a thread of its own, and says so when done:

    connect NAME            connect a new client of this uuid; `returned` or `raised` will follow
    call NAME METHOD        call a method of it without arguments, or read a property
    stop NAME               as `call NAME stop`, but also before there is such a client
    collect                 forget the clients whose uuids others have by now
    slow SECONDS            let every handler take so long from now on
    raise                   let every handler raise SystemExit from now on
    census                  say what is open and what runs
    leave                   return from main, as any program ends

What Go prints by itself on standard output goes to DATABASE.printed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from wa_supervisor.session.child import loopback_patch

_OUT = os.fdopen(os.dup(1), "w", buffering=1)
_EVENTS = ("Connected", "ConnectFailure", "StreamError", "StreamReplaced", "Disconnected")


def say(kind: str, **details: object) -> None:
    _OUT.write(json.dumps({"kind": kind, **details}) + "\n")


class Program:
    """Clients by name, on one database."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._module = import_module("neonize.client")
        self._events = import_module("neonize.events")
        self._clients: dict[str, Any] = {}
        self._old: list[Any] = []
        self._slow = 0.0
        self._raises = False

    def connect(self, name: str) -> None:
        self._old.append(self._clients.pop(name, None))
        client = self._clients[name] = self._module.NewClient(self._database, uuid=name)
        client.event.qr(lambda _, payload: say("qr", client=name, payload=payload.decode()))
        for event in _EVENTS:
            client.event(getattr(self._events, f"{event}Ev"))(self._handler(name, event))
        threading.Thread(target=self._run, args=(client.connect, name), daemon=True).start()

    def _run(self, connect: Callable[[], None], name: str) -> None:
        try:
            connect()
        except Exception as error:  # noqa: BLE001 - neonize's errors have no common base
            say("raised", client=name, error=str(error))
        else:
            say("returned", client=name)

    def _handler(self, name: str, event: str) -> Callable[[Any, Any], None]:
        def handle(_client: Any, _event: Any) -> None:
            say("event", client=name, name=event, thread=threading.current_thread().name, fields={})
            time.sleep(self._slow)
            if self._raises:
                raise SystemExit(1)

        return handle

    def call(self, name: str, method: str) -> object:
        value = getattr(self._clients[name], method)
        return value() if callable(value) else value

    def stop(self, name: str) -> None:
        """By the name alone, as neonize's own finalizer does."""
        import_module("neonize._binder").gocode.Stop(name.encode())

    def collect(self) -> None:
        self._old.clear()
        gc.collect()

    def slow(self, seconds: str) -> None:
        self._slow = float(seconds)

    def raise_(self) -> None:
        self._raises = True

    def census(self) -> dict[str, object]:
        opened = Counter(_target(each) for each in Path("/proc/self/fd").iterdir())
        return {
            "database": opened[os.path.realpath(self._database)],
            "kernel_threads": len(list(Path("/proc/self/task").iterdir())),
            "foreground": sorted(t.name for t in threading.enumerate() if not t.daemon),
        }

    def obey(self, line: str) -> None:
        word, *arguments = line.split()
        value = getattr(self, "raise_" if word == "raise" else word)(*arguments)
        say("done", word=word, arguments=arguments, value=value)


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)  # noqa: PTH115 - a link to what is no path, too
    except FileNotFoundError:  # the one that lists the others
        return ""


def main() -> None:
    database, root = sys.argv[1:]
    if not os.environ.get("HTTPS_PROXY", "").startswith("http://127.0.0.1:"):
        sys.exit("HTTPS_PROXY must point at a loopback server: this program never dials WhatsApp")
    printed = os.open(f"{database}.printed", os.O_CREAT | os.O_WRONLY, 0o600)
    package = Path(import_module("neonize").__file__ or "").parent
    os.dup2(printed, 1)
    loopback_patch.swap_noise_root(str(next(package.glob("neonize-linux-*.so"))), root)
    program = Program(database)
    say("ready")
    for line in sys.stdin:
        if line.strip() == "leave":
            say("leaving")
            return
        threading.Thread(target=program.obey, args=(line,), daemon=True).start()
    os._exit(0)


main()
