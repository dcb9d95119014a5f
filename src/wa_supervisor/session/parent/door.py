"""What stands before the bot in a session process."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...gate import Envelope, GatePolicy, GateReason


@dataclass(frozen=True, slots=True)
class BotDoor:
    """How a session process is to treat what it receives, and who hears what it refused."""

    gate: GatePolicy | None = None
    """What the bot gets must be admitted by it; without one everything is."""
    is_held: bool = False
    """Whether nothing more is to be taken from WhatsApp, as the bot is far behind."""
    refused: Callable[[GateReason, Envelope], None] = field(
        default=lambda _reason, _envelope: None, compare=False
    )
    """Hears what the gate refused, and why, on the loop."""


class Dealt(enum.Enum):
    """What became of a message that was handed to the bot's handlers."""

    DONE = "done"
    """They have returned."""
    RAISED = "raised"
    """One of them raised."""
    DIED = "died"
    """The session process died over it, unasked."""
    ENDED = "ended"
    """The session process was ended over it on purpose."""
    NOT_BEGUN = "not_begun"
    """They have not seen it."""
