"""What flows through a session: messages that came, and messages that are sent.

The session process appends every event to a log (`log`), the supervisor reads it (`inbox`). The
names are loaded on first use: the session process needs the log alone.
"""

from __future__ import annotations
