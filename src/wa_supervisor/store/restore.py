"""Putting a good copy of a session back: what is common to all databases.

It revives a session whose keys were lost here: deleted by a false 401, by a broken disk, by a
mistake. It cannot revive what WhatsApp has revoked: the server forgot those keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..hints import Action, Hint
from .quarantine import Quarantined, quarantined

if TYPE_CHECKING:
    from .layout import SessionFiles
    from .snapshots import Snapshot

REASON = "restored"
"""Why a session was set aside that made room for a restored one."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back."""

    id: str
    """The snapshot or quarantined session that it came from; that stays where it is."""
    aside: str | None
    """The quarantined session that made room; None if there was none."""


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
        hint=Hint(Action.SNAPSHOTS),
    )
