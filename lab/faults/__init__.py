"""Every way in which a session is known to break, played on the real client against loopback.

A fault says what happens and what we promise; `play` plays it once, against wa-supervisor or
against a bare neonize script under a restart loop, and judges by what the server saw.
"""

from __future__ import annotations

from .catalogue import FAULTS
from .fault import Fault
from .play import Verdict, play
from .rig import Against

__all__ = ["FAULTS", "Against", "Fault", "Verdict", "play"]
