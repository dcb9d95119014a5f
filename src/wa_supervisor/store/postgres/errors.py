"""What Postgres' errors mean for a session's keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ...errors import StoreError, Unreachable
from ...hints import Action, Hint

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg


@dataclass(frozen=True)
class _Kind:
    """What to say of one kind of error; `{why}` stands for Postgres' words."""

    error: type[StoreError]
    sentence: str
    hint: Hint
    states: tuple[str, ...] = ()
    """The beginnings of its SQLSTATEs
    (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


_LOCKED: Final = _Kind(
    Unreachable,
    "the {whose}'s tables are locked: another program writes to them",
    Hint(note="`SELECT * FROM pg_stat_activity` in that database names it"),
    ("55P03",),
)
_AWAY: Final = _Kind(  # the server is away or overloaded; it is not we who are wrong
    Unreachable,
    "the {whose}'s Postgres database does not answer: {why}",
    Hint(Action.SET, "database", first="check that its server runs", note="nothing was lost"),
    ("08", "53", "57", "58"),
)
_FULL: Final = _Kind(
    Unreachable,
    "the {whose}'s Postgres database has no connection left: {why}",
    Hint(note="raise its `max_connections`; `wa-supervisor doctor` says to what"),
    ("53300",),
)
_REFUSED: Final = _Kind(
    StoreError,
    "cannot use the {whose}'s Postgres database: {why}",
    Hint(Action.SET, "database", note="and the rights of its user; nothing was lost"),
)
_AT_THE_DOOR: Final = "FATAL:"  # the server answered and refused; psycopg has no code of that
_COMING_AND_GOING: Final = "the database system is"
_NONE_LEFT: Final = ("too many clients", "connection slots", "too many connections")


def store_error(
    error: psycopg.Error,
    redact: Callable[[str], str],
    *,
    whose: str = "session",
    setting: str = "database",
) -> StoreError:
    """Make an error of ours of psycopg's. Never chain it: its details quote numbers and keys.

    `setting` is the one that has the database's URL.
    """
    state = error.sqlstate or ""
    kind = _kind(state, str(error))
    why = error.diag.message_primary if state else first_line(error)
    said = kind.sentence.format(whose=whose, why=redact(why or type(error).__name__))
    hint = replace(kind.hint, subject=setting) if kind.hint.subject else kind.hint
    return kind.error(said, hint=hint)


def first_line(error: psycopg.Error) -> str:
    """Postgres' words without the details that follow."""
    return (str(error).strip().splitlines() or [""])[0]


def _kind(state: str, text: str) -> _Kind:
    if not state:
        if _AT_THE_DOOR in text and any(words in text for words in _NONE_LEFT):
            return _FULL
        refused = _AT_THE_DOOR in text and _COMING_AND_GOING not in text
        return _REFUSED if refused else _AWAY
    return next(
        (kind for kind in (_LOCKED, _FULL, _AWAY) if state.startswith(kind.states)), _REFUSED
    )
