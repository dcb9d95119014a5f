"""The other program: a bare neonize script, as bots are written without a supervisor.

Run as `python -m lab.faults.bare_bot DATABASE NOISE_ROOT KEEPALIVE PAYLOAD [BOT]` with
HTTPS_PROXY pointing at a loopback server; refused otherwise. It shows its QR by writing it to the
file PAYLOAD. It is never imported by the supervisor.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from wa_supervisor.session.child import loopback_patch


def main() -> None:
    """Be a bot until connect() comes back."""
    database, root, keepalive, payload, *bot = sys.argv[1:]
    if not os.environ.get("HTTPS_PROXY", "").startswith("http://127.0.0.1:"):
        sys.exit("HTTPS_PROXY must point at a loopback server: this program never dials WhatsApp")
    package = Path(import_module("neonize").__file__ or "").parent
    library = next(map(str, package.glob("neonize-linux-*.so")))
    loopback_patch.swap_noise_root(library, root)
    loopback_patch.scale_keepalive(library, float(keepalive))
    client: Any = import_module("neonize.client").NewClient(database)

    def show(_client: Any, code: bytes) -> None:
        draft = Path(f"{payload}.draft")
        draft.write_bytes(code)
        draft.rename(payload)

    client.event.qr(show)
    for name in bot:
        getattr(import_module("lab.faults.bots"), name)(client)
    client.connect()


if __name__ == "__main__":
    main()
