"""Whether this process is a session process.

A script that starts a supervisor as soon as it is imported, and names itself as the bot's module,
would start one in each session process, too.
"""

from __future__ import annotations

from typing import Final

from ...errors import Misused

_roles: Final[set[str]] = set()


def become_session_process() -> None:
    """Take note that this process is one."""
    _roles.add("session process")


def refuse_in_session_process() -> None:
    """Refuse to supervise a session from within a session process.

    Raises Misused if this process is one.
    """
    if _roles:
        raise Misused(
            "the bot's module starts a supervisor when it is imported, and the session process "
            "imports it to find the bot",
            hint="put what starts the supervisor under `if __name__ == '__main__':`, or the bot "
            "into a module of its own",
        )
