"""The conversations that a running supervisor can have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..control import Talk
from ..messages.handed_out import HandedOut
from .gate import gate
from .listen import Source, listen
from .send import send

if TYPE_CHECKING:
    from ..control import Talks
    from ..incoming import Incoming
    from ..sending import Sending


def talks(session: Sending, incoming: Incoming | None) -> Talks:
    """Return what other programs may do through this session; without an inbox they may send."""
    handed_out = HandedOut() if incoming is None else incoming.handed_out
    found = {Talk.SEND: partial(send, session, handed_out)}
    if incoming is not None:
        found[Talk.LISTEN] = partial(listen, Source(incoming, session.download))
        found[Talk.GATE] = partial(gate, incoming)
    return found
