"""neonize as its README uses it: one client, its handlers, and connect()."""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from wa_supervisor.session.child import loopback_patch

OPTIONS: dict[str, Any] = json.loads(sys.argv[1])
_OUT = os.fdopen(os.dup(1), "w", buffering=1)
_USUAL_KEEPALIVE = 25.0  # seconds, the middle of whatsmeow's 20 to 30
_ENDINGS = ("LoggedOut", "StreamReplaced", "TemporaryBan", "ClientOutdated", "ConnectFailure")


def say(kind: str, **fields: object) -> None:
    _OUT.write(json.dumps({"kind": kind, **fields}) + "\n")


def main() -> None:
    """Be a bot until connect() comes back."""
    package = Path(import_module("neonize").__file__ or "").parent
    library = next(map(str, package.glob("neonize-linux-*.so")))
    loopback_patch.swap_noise_root(library, OPTIONS["noise_root"])
    loopback_patch.scale_keepalive(library, min(1.0, OPTIONS["keepalive"] / _USUAL_KEEPALIVE))
    events = import_module("neonize.events")
    client: Any = import_module("neonize.client").NewClient(f"{OPTIONS['directory']}/session.db")
    asked = False

    def on_qr(_client: Any, payload: bytes) -> None:
        nonlocal asked
        if not OPTIONS["pair_code"]:
            say("qr", payload=payload.decode())
        elif not asked:
            asked = True
            say("code", code=client.PairPhone(OPTIONS["pair_code"], show_push_notification=False))

    def on_message(_client: Any, event: Any) -> None:
        text = event.Message.conversation or event.Message.extendedTextMessage.text
        if text:
            source = event.Info.MessageSource.Chat
            say("message", text=text, chat=f"{source.User}@{source.Server}")

    client.event.qr(on_qr)
    client.event(events.MessageEv)(on_message)
    client.event(events.PairStatusEv)(lambda *_: say("paired"))
    client.event(events.ConnectedEv)(lambda *_: say("open"))
    client.event(events.DisconnectedEv)(lambda *_: say("closed", reason="Disconnected"))
    for name in _ENDINGS:
        client.event(getattr(events, f"{name}Ev"))(lambda *_, it=name: say("ended", reason=it))
    threading.Thread(target=obey, args=(client,), daemon=True).start()
    client.connect()


def obey(client: Any) -> None:
    """Do what standard input says; its end ends the process."""
    build = import_module("neonize.utils").build_jid
    for line in sys.stdin:
        asked = json.loads(line)
        user, _, server = asked["to"].partition("@")
        try:
            client.send_message(build(user, server), asked["text"])
        except Exception as error:
            say("failed", action="send", error=repr(error))
        else:
            say("done", action="send")
    os._exit(0)


if __name__ == "__main__":
    main()
