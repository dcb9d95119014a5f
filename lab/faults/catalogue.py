"""Every fault kind, by name."""

from __future__ import annotations

from .client import CLIENT
from .fault import Fault
from .host import HOST
from .liveness import LIVENESS
from .logins import LOGINS
from .network import NETWORK
from .pairing import PAIRING
from .slow import SLOW
from .stream import STREAM

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for group in (STREAM, LOGINS, NETWORK, PAIRING, LIVENESS, CLIENT, HOST, SLOW)
    for fault in group
}
