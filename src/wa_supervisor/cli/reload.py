"""SIGHUP: read the settings again, and apply those that can change under a living session.

These are the numbers of `profile`, `policy` and `watch`: the core reads them afresh at each
decision. A clock that runs keeps the time it was set to. Anything else is told and left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ..errors import ConfigError
from ..settings import LIVE

if TYPE_CHECKING:
    from ..settings import Loaded
    from ..supervisor import Supervisor

log = logging.getLogger("wa_supervisor")


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
    changed = tuple(_changed(supervisor.settings, loaded.settings))
    left = tuple(NeedsRestart(key) for key in changed if key.split(".")[0] not in LIVE)
    for warned in left:
        log.warning("%s", warned)
    applied = [key for key in changed if key.split(".")[0] in LIVE]
    if applied:
        supervisor.update_policy(loaded.settings)
    log.info("the settings were read again; changed: %s", ", ".join(applied) or "nothing")
    return left


def _changed(old: BaseModel, new: BaseModel, above: str = "") -> Iterator[str]:
    """Name what differs, never its value: it may be a secret."""
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _changed(before, after, f"{above}{name}.")
        elif before != after:
            yield f"{above}{name}"
