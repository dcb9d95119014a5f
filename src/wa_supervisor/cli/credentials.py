"""`snapshots`, `restore` and `purge`: what an operator can do with a session's keys.

None of them speaks to WhatsApp. The two that change something take the session's lock, so they
refuse, and name the holder, while a supervisor runs.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from .. import private_files
from ..errors import StoreError
from ..journal.amend import amend
from ..lifecycle import Reason, Session
from ..store import SessionFiles, SessionLock, claimed, expire, open_vault, quarantined
from ..store.fleet_note import refuse_fleets
from ..store.quarantine import has_keys
from ..store.snapshots import Snapshot
from .session_options import ConfigOption, DataDirOption, SessionOption, SessionOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..settings import Settings
    from ..store import Quarantined, Restored, Vault

_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

CAN_AND_CANNOT = """\
A restored session can log in if WhatsApp still knows its keys: if they were
lost here, by a mistake, a broken disk or a false alarm. It cannot undo an
unlinking, a lock or a ban: WhatsApp will refuse the keys all the same.
Messages of the time since the copy was made may have to be sent again.
The same keys must never run in two places at once."""


class Listed(BaseModel):
    """One line of `snapshots`. It holds no secret."""

    id: str
    kind: str
    """`snapshot` or `quarantined`."""
    taken: datetime
    size: int
    """Bytes of its databases."""
    usable: bool
    """Whether `restore` finds a device's keys in it."""


def list_snapshots(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object for each.")] = False,
) -> None:
    """List the copies of a session's keys that `restore` can put back."""
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        _, files, vault = _open(options)
        found = _list(files, vault)
    if json:
        for each in found:
            print(each.model_dump_json())
        return
    if not found:
        print(f"Session {files.name!r} has no snapshot and nothing in quarantine.")
        print("A snapshot is taken when it first connects, and before every later dial.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("ID", "KIND", "AGE"):
        table.add_column(name, no_wrap=True)
    table.add_column("SIZE", justify="right", no_wrap=True)
    table.add_column("USABLE", no_wrap=True)
    now = datetime.now(UTC)
    for each in found:
        size = f"{each.size / 1024:.0f} KiB"
        usable = "yes" if each.usable else "no keys"
        table.add_row(each.id, each.kind, _age((now - each.taken).total_seconds()), size, usable)
    Console(highlight=False).print(table)
    line = options.repeat_in(f"wa-supervisor restore --session {files.name}")
    print(f"\nTo put one back:\n    {line} ID")


def restore_session(
    wanted: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="From `snapshots`; default: the newest snapshot."),
    ] = None,
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    yes: _Yes = False,
) -> None:
    """Put a copy of a session's keys back; what is there now goes into quarantine."""
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        settings, files, vault = _open(options)
        with _acting(files, vault, "restore"):
            restored = _restore(wanted, files, vault, yes=yes)
            _settle_debts(files, settings, "OperatorRestored", Reason.RESTORED)
        print(f"\n{restored.id} was put back.")
        if restored.aside:
            print(f"What was there before is in quarantine as {restored.aside}.")
        _say_next(options, files, vault, "logs in with it")


def _restore(wanted: str | None, files: SessionFiles, vault: Vault, *, yes: bool) -> Restored:
    source = vault.choose(wanted) if wanted else next(iter(vault.snapshots()), None)
    if source is None:
        raise StoreError(
            f"session {files.name!r} has no snapshot",
            hint=f"`wa-supervisor snapshots --session {files.name}` lists what there is",
        )
    print(CAN_AND_CANNOT)
    if not yes:
        typer.confirm(f"\nPut {source.id} back into session {files.name!r}?", abort=True)
    # Without an ID an older copy will do, if the newest turns out to be damaged.
    restored = vault.restore(source.id if wanted else None)
    if restored is None:
        raise StoreError(
            f"{source.id} holds no usable keys; nothing was changed",
            hint=f"`wa-supervisor snapshots --session {files.name}` lists the others",
        )
    return restored


def purge_session(
    session: SessionOption = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    yes: _Yes = False,
) -> None:
    """Set a session's keys aside, into quarantine, so that the next run pairs afresh."""
    options = SessionOptions(session, data_dir, config)
    with options.advising():
        settings, files, vault = _open(options)
        kept = settings.quarantine
        with _acting(files, vault, "purge"):
            print(f"Session {files.name!r} goes into quarantine: at most {kept.days:g} days,")
            print(
                f"and until {kept.keep} later ones are there. Then it is deleted, not overwritten."
            )
            print("The phone is not told: it still lists the device until somebody removes it")
            print("there (Settings > Linked devices), or WhatsApp does after 30 idle days.")
            if not yes:
                typer.confirm(f"\nSet session {files.name!r} aside?", abort=True)
            entry = vault.purge("operator")
            _settle_debts(files, settings, "OperatorPurged", Reason.PURGED)
            expire(files, keep=kept.keep, days=kept.days)
        if entry is None:
            print("\nThere was nothing to set aside.")
        else:
            line = options.repeat_in(f"wa-supervisor restore --session {files.name}")
            print(f"\nIt was set aside as {entry.id}. To undo that:\n    {line} {entry.id}")
        _say_next(options, files, vault, "pairs afresh")


@contextlib.contextmanager
def _acting(files: SessionFiles, vault: Vault, command: str) -> Iterator[None]:
    """Have the session for ourselves while this lasts."""
    with SessionLock(files, command=f"wa-supervisor {command}"), claimed(vault):
        yield


def _open(options: SessionOptions) -> tuple[Settings, SessionFiles, Vault]:
    """Find a session that exists; none is made, and none of another user's is touched.

    Raises ConfigError, StoreError.
    """
    settings = options.settings()
    files = SessionFiles.at(settings.session, settings.data_dir)
    files.check_owner()
    if not files.directory.is_dir():
        raise StoreError(
            f"there is no session {files.name!r}",
            hint=f"`ls {files.directory.parent}` shows those there are; choose with --session",
        )
    refuse_fleets(files)
    return settings, files, open_vault(files, settings.database)


def _list(files: SessionFiles, vault: Vault) -> list[Listed]:
    found = []
    everything: tuple[Snapshot | Quarantined, ...] = (*vault.snapshots(), *quarantined(files))
    for each in everything:
        copies = tuple(filter(private_files.is_regular, vault.copies_in(each)))
        found.append(
            Listed(
                id=each.id,
                kind="snapshot" if isinstance(each, Snapshot) else "quarantined",
                taken=each.taken if isinstance(each, Snapshot) else each.created,
                size=sum(path.stat().st_size for path in copies),
                usable=any(each.flaw_in(path) is None and _has_keys(path) for path in copies),
            )
        )
    return found


def _has_keys(path: Path) -> bool:
    try:
        return has_keys(path)
    except StoreError:
        return False


def _settle_debts(files: SessionFiles, settings: Settings, fact: str, reason: Reason) -> None:
    """Have the next run forget what it owed to the keys that were there, and say so in history.

    Else it would purge the restored session as the dead one. Why the session was given up stays:
    that is for `resume`.
    """
    amend(files, settings.journal, fact, reason=reason, change=Session.with_other_keys)


def _say_next(options: SessionOptions, files: SessionFiles, vault: Vault, what: str) -> None:
    state = "paired" if vault.is_paired() else "not paired"
    line = options.repeat_in(f"wa-supervisor run --session {files.name}")
    print(f"The session is {state}. The next run {what}:\n    {line}")
    print("If it was given up before, add --resume.")


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
