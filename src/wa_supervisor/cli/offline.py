"""Orders that are left for the next supervisor, where none runs: `resume` and `relink`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..control import Order
from ..journal.amend import amend
from ..store import SessionLock
from ..store.fleet_note import refuse_fleets

if TYPE_CHECKING:
    from ..settings import Settings
    from ..store import SessionFiles

_FACTS = {Order.RESUME: "OperatorResumed", Order.RELINK: "OperatorRelinked"}
_ORDERS: dict[Order, Literal["resume", "relink"]] = {
    Order.RESUME: "resume",
    Order.RELINK: "relink",
}


def leave(order: Order, files: SessionFiles, settings: Settings) -> bool:
    """Have the next run obey the order before all else; False if there never was one before.

    Raises LockHeld if a supervisor has been started meanwhile, UnsafePermissions if the session is
    another user's, StoreError, also if it is a fleet's: its memory is not here.
    """
    files.check_owner()
    refuse_fleets(files)
    if not files.journal.exists():
        return False
    with SessionLock(files, command=f"wa-supervisor {order}"):
        return amend(files, settings.journal, _FACTS[order], order=_ORDERS[order])
