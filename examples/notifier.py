"""Sends one message and exits: for cron, a backup script, a Celery task. No asyncio.

python notifier.py +4915112345678 "The backup is done." backup-2026-11-24

With the same key again nothing is sent: whoever is not sure may simply run it once more.
"""

from __future__ import annotations

import sys

from wa_supervisor import (
    Hopeless,
    MessagesError,
    State,
    SyncSupervisor,
    WaitTimeout,
    load_settings,
)

EX_UNAVAILABLE, EX_TEMPFAIL = 69, 75  # sysexits.h: 75 says "try again later"


def notify(to: str, text: str, key: str) -> int:
    """Send a text and return the exit code."""
    with SyncSupervisor(load_settings().settings) as session:  # leaving it ends every process
        try:
            session.wait_for(State.CONNECTED, timeout=60)
            session.send_text(to, text, key=key)
        except Hopeless as error:  # unpaired, banned, outdated: only a person can help
            print(error.advice, file=sys.stderr)
            return EX_UNAVAILABLE
        except WaitTimeout as error:
            print(error, file=sys.stderr)
            return EX_TEMPFAIL
        except MessagesError as error:
            print(error, file=sys.stderr)
            return EX_TEMPFAIL if error.retriable else EX_UNAVAILABLE
    return 0


if __name__ == "__main__":
    if len(sys.argv) != len(("program", "to", "text", "key")):
        sys.exit(__doc__)
    sys.exit(notify(*sys.argv[1:]))
