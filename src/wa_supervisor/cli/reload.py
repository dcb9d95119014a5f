"""SIGHUP: read the settings again, and apply those that can change under a living session.

These are the numbers of `profile`, `policy` and `watch`, which the core reads afresh at each
decision, and `gate`, which judges from the next message on. A clock that runs keeps the time it was
set to. Anything else is told and left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from ..errors import ConfigError
from ..settings import LIVE

if TYPE_CHECKING:
    from ..settings import Loaded
    from ..supervisor import Supervisor

log = logging.getLogger("wa_supervisor")

_APPLIED: Final = LIVE | {"gate"}


@dataclass(frozen=True, slots=True)
class NeedsRestart:
    """A setting that was changed but is not applied before the next start."""

    key: str

    def __str__(self) -> str:
        return f"{self.key} was changed: that takes a restart"


def reload(supervisor: Supervisor, read: Callable[[], Loaded]) -> tuple[NeedsRestart, ...]:
    """Read the settings with `read`, apply what can be, and return and log what cannot.

    If they are wrong the old ones stay, and the log says what is wrong.
    """
    try:
        loaded = read()
    except ConfigError as error:
        log.error("the settings are wrong, the old ones stay: %s", error)  # noqa: TRY400
        return ()
    for warning in loaded.warnings:
        log.warning("%s", warning)
    old, new = supervisor.settings, loaded.settings
    changed = [*_changed(old, new)]
    # Given with its defaults the gate stands before a bot, not given it does not.
    if old.gate.is_given is not new.gate.is_given and "gate" not in map(_group, changed):
        changed.append("gate")
    left = tuple(NeedsRestart(key) for key in changed if _group(key) not in _APPLIED)
    for warned in left:
        log.warning("%s", warned)
    applied = [key for key in changed if _group(key) in _APPLIED]
    groups = set(map(_group, applied))
    if groups & LIVE:
        supervisor.update_policy(new)
    if "gate" in groups:
        supervisor.update_gate(new.gate)
    log.info("the settings were read again; changed: %s", ", ".join(applied) or "nothing")
    return left


def _group(key: str) -> str:
    return key.partition(".")[0]


def _changed(old: BaseModel, new: BaseModel, above: str = "") -> Iterator[str]:
    """Name what differs, never its value: it may be a secret."""
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _changed(before, after, f"{above}{name}.")
        elif before != after:
            yield f"{above}{name}"
