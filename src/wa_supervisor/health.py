"""`wa-supervisor health` and `status --json`, without all that other commands need.

They are called for ever. A check that runs every few seconds must not cost more than the session
that it looks after. So this module imports nothing of the package and nothing slow of Python, and
what is not said plainly on the command line or in the environment (a settings file, `~` or `$NAME`
in a path, a wrong option) is left to `cli.health` and `cli.status`, which ask the same question the
long way.
"""

from __future__ import annotations

import _socket  # what `socket` is made of; with what that adds, an answer takes half as long again
import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

WITHIN: Final = 1.0
"""Seconds that a supervisor has for its answer."""

LIVE, READY = "live", "ready"

_ASK: Final = b'{"order":"health"}\n'
_ASK_JSON: Final = b'{"order":"json"}\n'
_JSON: Final = b'{"ts":'
"""How a status begins; an older supervisor says that it knows no such order."""
_LONGEST: Final = 1 << 18
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_OPTIONS: Final = ("--session", "--data-dir")
_QUESTIONS: Final = {"--live": LIVE, "--ready": READY}


def quick_answer(arguments: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """Answer `health` with these arguments, and return its exit code.

    Returns None where the long way is needed, and nothing was printed.
    """
    asked = _read(arguments, environment)
    if asked is None:
        return None
    what, session, root = asked
    code, line = answer(what, session, f"{root}/sessions/{session}")
    sys.stdout.write(f"{line}\n")
    return code


def quick_status(arguments: Sequence[str], environment: Mapping[str, str]) -> bytes | None:
    """Return what `status` with these arguments prints, if it is `--json` and a supervisor answers.

    Returns None where the long way is needed.
    """
    if "--json" not in arguments:
        return None
    asked = _read([word for word in arguments if word != "--json"], environment)
    if asked is None or _QUESTIONS.keys() & {*arguments}:
        return None
    _, session, root = asked
    try:
        reply = _ask(f"{root}/sessions/{session}", _ASK_JSON)
    except OSError:
        return None
    return reply if reply.startswith(_JSON) else None


def answer(what: str, session: str, directory: str) -> tuple[int, str]:
    """Ask a session's supervisor; the exit code and the line that say how it is.

    `live` is 0 if a supervisor answers at all, `ready` if it is connected and answered, too.
    """
    try:
        reply = _ask(directory, _ASK).decode(errors="replace").rstrip("\n")
    except (FileNotFoundError, ConnectionRefusedError):
        return 1, f"{session}: no supervisor runs"
    except TimeoutError:
        return 1, f"{session}: the supervisor did not answer within {WITHIN:g} s"
    except OSError as error:
        return 1, f"{session}: the supervisor cannot be asked: {error.strerror}"
    word, _, said = reply.partition(" ")
    if word not in {LIVE, READY}:
        return 1, f"{session}: the supervisor did not say how it is"
    return (0 if what in {LIVE, word} else 1), f"{session}: {said}"


def _read(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Find out what is asked of which session where; None if that takes more than a look."""
    what, given = READY, {}
    words = iter(arguments)
    for word in words:
        name, is_joined, value = word.partition("=")
        if word in _QUESTIONS:
            what = _QUESTIONS[word]
        elif name in _OPTIONS:
            given[name] = value if is_joined else next(words, "")
        else:
            return None
    place = plain_place(given.get("--session"), given.get("--data-dir"), environment)
    return None if place is None else (what, *place)


def plain_place(
    session: str | None, root: str | None, environment: Mapping[str, str]
) -> tuple[str, str] | None:
    """Say which session is meant, and below which directory it is, if options and variables tell.

    Returns None where a settings file may have a say, or a path is to be expanded.
    """
    variables = {name.upper(): value for name, value in environment.items()}
    session = session or variables.get("WA_SUPERVISOR_SESSION")
    root = root or variables.get("WA_SUPERVISOR_DATA_DIR")
    if (session is None or root is None) and _may_have_settings(environment):
        return None
    session = session or "default"
    root = root or _state_directory(environment)
    if sys.platform != "linux" or not _LETTERS.issuperset(session) or session[0] in ".-":
        return None
    if root is None or "$" in root or root.startswith("~"):
        return None
    return session, root


def _may_have_settings(environment: Mapping[str, str]) -> bool:
    home = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME')}/.config"
    return os.path.lexists(f"{home}/wa-supervisor/config.toml")


def _state_directory(environment: Mapping[str, str]) -> str | None:
    """Where sessions are if nobody says it: as platformdirs has it on Linux."""
    home = environment.get("HOME")
    state = environment.get("XDG_STATE_HOME", "").strip() or (home and f"{home}/.local/state")
    return f"{state}/wa-supervisor" if state else None


def _ask(directory: str, question: bytes) -> bytes:
    """Ask the supervisor for one line. Raises OSError."""
    if sys.platform != "linux":
        return _exchange(f"{directory}/control.sock", question)
    # By a descriptor: an address has 107 bytes at most (unix(7)).
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return _exchange(f"/proc/self/fd/{opened}/control.sock", question)
    finally:
        os.close(opened)


def _exchange(address: str, question: bytes) -> bytes:
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        line.settimeout(WITHIN)
        line.connect(address)
        line.sendall(question)
        reply = b""
        while not reply.endswith(b"\n") and len(reply) < _LONGEST:
            more = line.recv(4096)
            if not more:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            reply += more
        return reply
    finally:
        line.close()
