"""How any session stands, whether its supervisor runs, hangs or is gone: asked of it, or read.

What is read is what the supervisor has left in the session's directory: its journal, the lock's
record and the note of its exit. Nothing is opened to be written, and no answer is waited for
longer than `ANSWER_WITHIN`, nor a disk longer than `READ_WITHIN`.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from .control import Order, ask
from .errors import ControlError, NotRunning, StoreError, SupervisorError
from .exit_record import read_exit
from .hints import Action, Hint
from .lifecycle import Phase, Session
from .messages.errors import InboxError
from .messages.own import read_own
from .private_files import list_names
from .standing import describe, look_at
from .status import Status, people_first
from .status_parts import LastRun, Received, Running
from .store.fleet_note import hint_for, read_note, says_where
from .store.layout import SessionFiles
from .store.lock import Holder, look_at_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .journal.memory import Memory
    from .lifecycle import Policy
    from .messages.kept import Kept
    from .status import Beside

    AnyPolicy: TypeAlias = Policy | Callable[[], Policy] | None

ANSWER_WITHIN: Final = 1.0
"""Seconds that a supervisor has for its answer."""

READ_WITHIN: Final = 0.9
"""Seconds that the disk has for what a supervisor left there."""

_T = TypeVar("_T")


def look(files: SessionFiles, policy: AnyPolicy = None) -> Status:
    """Say how a session stands. Never raises for what is wrong there: `trouble` says it then.

    `policy` has the limits of the budgets where no supervisor says them; what returns one is called
    only then.
    """
    try:
        return ask(files, Order.STATUS, within=ANSWER_WITHIN)
    except NotRunning:
        return read_stopped(files, policy() if callable(policy) else policy)
    except ControlError as error:
        known = policy() if callable(policy) else policy
        return read_stopped(files, known, silent=str(error))


def look_at_all(sessions: Iterable[SessionFiles], policy: AnyPolicy = None) -> tuple[Status, ...]:
    """Say how each of these sessions stands, those that need a person first."""
    looking = [_on_a_thread(partial(look, each, policy)) for each in sessions]
    return people_first(each.result() for each in looking)


def sessions_beside(files: SessionFiles) -> tuple[SessionFiles, ...]:
    """List the sessions of the same data directory by name. Raises StoreError."""
    root = files.directory.parent
    try:
        names = _within(READ_WITHIN, lambda: list_names(root))
    except OSError as error:
        raise StoreError(
            f"cannot list the sessions in {root}: {error.strerror or 'the disk does not answer'}",
            hint=Hint(Action.SET, "data_dir", note="where sessions are kept"),
        ) from error
    return tuple(
        SessionFiles(name, root / name)
        for name in sorted(names)
        if not name.startswith((".", "-")) and (root / name).is_dir()
    )


def read_stopped(
    files: SessionFiles, policy: Policy | None = None, *, silent: str | None = None
) -> Status:
    """Say what is known of a session whose supervisor does not answer, or does not run.

    `silent` says why one that is there gave no answer.
    """
    try:
        return _within(READ_WITHIN, lambda: _read(files, policy, silent))
    except SupervisorError as error:
        return _unknown(files, silent, error)
    except OSError as error:
        why = f"{files.directory} cannot be read: {error.strerror or 'the disk does not answer'}"
        return _unknown(files, silent, StoreError(why, hint=Hint(Action.CHECK_DISK, "it")))


def _read(files: SessionFiles, policy: Policy | None, silent: str | None) -> Status:
    # Whoever is answered needs no SQLite.
    from .journal.reader import read  # noqa: PLC0415
    from .messages.kept import read_kept  # noqa: PLC0415

    holder, held = look_at_lock(files)
    running: Running = "silent" if silent else "starting" if held else "stopped"
    note = read_note(files)
    memory = None
    if note is None and files.journal.exists():
        memory = read(files.journal, limit=1).memory
    if memory is None:
        running = running if held else "never" if note is None else "elsewhere"
    wall = datetime.now(UTC)
    if memory is None:
        session, now = Session(), 0.0
    else:
        session, now = _as_left(memory), (wall - memory.written_at).total_seconds()
    inbox = files.directory / "inbox"
    trouble, kept = None, None
    try:
        kept = read_kept(inbox)
    except InboxError as error:
        trouble = str(error)
    beside: Beside = {
        "supervisor": running,
        "since": memory.since if memory else None,
        "process": look_at(holder.pid, holder.since) if held and holder else None,
        "device": describe(
            memory,
            read_own(inbox),
            is_up=running == "silent" and session.phase.state.value == "Connected",
            phone_at=kept.phone_seen_at if kept else None,
        ),
        "received": _received(kept, trouble),
        "order": memory.order if memory else None,
        # A worker notes the ends of its sessions in the fleet's database.
        "last_run": None if held or note is not None else _last_run(files, holder, memory),
        "trouble": silent,
    }
    if note is not None:
        elsewhere = says_where(files, note)
        beside["trouble"] = f"{silent}; {elsewhere}" if silent else elsewhere
    status = Status.of(session, files.name, now=now, wall=wall, policy=policy, **beside)
    if note is not None and running != "silent":
        # Nobody need act for what is not known here; another worker may run it.
        return status.model_copy(update={"who": "nobody", "hints": (hint_for(files),)})
    return _with_hints(status, session, holder if held else None)


def _received(kept: Kept | None, trouble: str | None) -> Received | None:
    """Say what waits for whom; of the gate only a supervisor that runs knows."""
    if kept is None and trouble is None:
        return None
    return Received(
        total=kept.received if kept else 0,
        waiting=max(kept.depths.values(), default=0) if kept else 0,
        readers=kept.depths if kept else {},
        oldest=kept.oldest if kept else None,
        is_full=False,
        trouble=trouble,
        refused={},
        set_aside=kept.set_aside if kept else 0,
    )


def _as_left(memory: Memory) -> Session:
    """Return the session as the last supervisor left it; what was given up stays so."""
    session = memory.session.copy()
    if session.given_up:
        session.phase, session.reason = Phase.GAVE_UP, session.given_up
    return session


def _with_hints(status: Status, session: Session, holder: Holder | None) -> Status:
    """Say who must act, where it is not the session's own reason that decides."""
    if status.supervisor == "starting":
        return status.model_copy(update={"who": "nobody", "hints": ()})
    if status.supervisor == "silent":
        hint = Hint(first="look at its log (the process may be stopped, or hang)")
        if holder is not None:
            hint = Hint(Action.END_PROCESS, str(holder.pid), first=hint.first)
    elif session.given_up and status.order is None:
        return status
    else:
        notes = {None: "", "resume": "it resumes then", "relink": "it pairs afresh then"}
        hint = Hint(Action.RUN, note=notes[status.order])
    return status.model_copy(update={"who": "operator", "hints": (hint,)})


def _last_run(files: SessionFiles, holder: Holder | None, memory: Memory | None) -> LastRun | None:
    if holder is None:
        return None
    noted = read_exit(files.directory)
    ended, code = None, None
    if noted is not None and noted.pid == holder.pid and noted.at >= holder.since:
        ended, code = noted.at, noted.code
    elif memory is not None and memory.session.phase is Phase.STOPPED:
        ended = memory.written_at  # of a program that embeds us: it ends as it likes
    return LastRun(
        pid=holder.pid,
        host=holder.host,
        started_at=holder.since,
        ended_at=ended,
        exit_code=code,
    )


def _unknown(files: SessionFiles, silent: str | None, error: SupervisorError) -> Status:
    """Say that nothing could be read."""
    status = Status.of(
        Session(),
        files.name,
        now=0.0,
        wall=datetime.now(UTC),
        supervisor="silent" if silent else "stopped",
        trouble=f"{silent}; {error}" if silent else str(error),
    )
    hints = (error.hint,) if error.hint else ()
    return status.model_copy(update={"who": "operator", "hints": hints})


def _within(seconds: float, work: Callable[[], _T]) -> _T:
    """Work on a thread, but wait for it only so long. Raises TimeoutError, which is an OSError."""
    return _on_a_thread(work).result(seconds)


def _on_a_thread(work: Callable[[], _T]) -> Future[_T]:
    """Begin to work. Nothing waits at the exit for a thread that a dead disk holds."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits shall have it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
