"""Putting a good copy of a session back.

It revives a session whose keys were lost here: deleted by a false 401, by a broken disk, by a
mistake. It cannot revive what WhatsApp has revoked: the server forgot those keys.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigError, Damaged
from .disk import copy_private, discard, telling
from .intent import Deed, Intent, begin, incoming, perform, recover
from .quarantine import Quarantined, parts_of, quarantined, stage
from .snapshot import Snapshot, snapshots
from .sqlite.database import inspect, settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .layout import SessionFiles

log = logging.getLogger("wa_supervisor")

REASON = "restored"
"""Why a session was set aside that made room for a restored one."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back."""

    id: str
    """The snapshot or quarantined session that it came from; that stays where it is."""
    aside: str | None
    """The quarantined session that made room; None if there was none."""


def restore(
    files: SessionFiles, wanted: str | None = None, *, generation: int = 0
) -> Restored | None:
    """Put the newest good snapshot back, or what `wanted` names; None if there is no good one.

    `wanted` is the ID, or the unambiguous beginning of the ID, of a snapshot or of a quarantined
    session. What is there now is set aside first. It is crash-atomic, see `intent`. To be called
    under the session's lock while no session process lives. Raises ConfigError if `wanted` names
    nothing, StoreError if a file is locked or cannot be moved; nothing is lost then.
    """
    recover(files)
    source = choose(files, wanted, snapshots(files)) if wanted is not None else None
    with telling("restore the session", files.directory):
        settle(files.database)
        for candidate, path in _candidates(files, source):
            discard(files.staging)
            begin(files)
            if _fetch(files, candidate, path):
                parts = parts_of(files, with_snapshots=isinstance(candidate, Quarantined))
                entry = stage(files, REASON, generation, parts) if parts else None
                deed = Intent(deed=Deed.RESTORE, entry=entry, parts=parts, incoming=True)
                perform(files, deed)
                return Restored(candidate.id, entry)
        discard(files.staging)
    return None


def choose(files: SessionFiles, wanted: str, known: tuple[Snapshot, ...]) -> Snapshot | Quarantined:
    """Find what an operator's ID means, among the snapshots known and the quarantine.

    Raises ConfigError.
    """
    everything: tuple[Snapshot | Quarantined, ...] = (*known, *quarantined(files))
    found = [each for each in everything if each.id.startswith(wanted)]
    exact = [each for each in found if each.id == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    raise ConfigError(
        f"{wanted!r} is the beginning of {len(found)} IDs"
        if found
        else f"session {files.name!r} has no snapshot or quarantined session {wanted!r}",
        hint=f"`wa-supervisor snapshots --session {files.name}` lists them",
    )


def _candidates(
    files: SessionFiles, source: Snapshot | Quarantined | None
) -> Iterator[tuple[Snapshot | Quarantined, Path]]:
    match source:
        case None:
            yield from ((snapshot, snapshot.path) for snapshot in snapshots(files))
        case Snapshot():
            yield source, source.path
        case Quarantined():
            yield from ((source, path) for path in source.databases)


def _fetch(files: SessionFiles, candidate: Snapshot | Quarantined, path: Path) -> bool:
    """Copy a candidate into the staging directory; whether it is whole and has keys."""
    copy = incoming(files)
    try:
        copy_private(path, copy)
        sound = not isinstance(candidate, Quarantined) or candidate.vouches_for(path)
        if sound:
            return inspect(copy)
        problem = f"{path.name} is not what its manifest says"
    except FileNotFoundError:
        return False
    except Damaged as error:
        problem = str(error)
    log.warning("session %s: %s is passed over: %s", files.name, candidate.id, problem)
    return False
