"""What flows through a session: messages that came, and messages that are sent.

The session process appends every event to a log (`log`), the supervisor reads it (`inbox`) and
keeps what was sent (`outbox`). Names are imported from the modules: the session process needs the
log alone, and what it does not need must not cost it memory.
"""

from __future__ import annotations
