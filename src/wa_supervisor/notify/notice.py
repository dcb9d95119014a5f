"""What a person is sent. It holds no code, no number and no text of a message."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from pydantic import BaseModel, ConfigDict

from ..hints import Hint, phrase


class Kind(Enum):
    """Why there is a notice."""

    NEEDED = "needed"
    """Nothing gets better before somebody acts."""
    DOWN = "down"
    """No messages are heard for a while; it is being tried to mend that."""
    RECOVERED = "recovered"
    """What was notified before is over."""
    STILL = "still"
    """It goes on, a day later."""
    FLAPPING = "flapping"
    """It comes and goes; the notices of an hour in one."""
    RESTRICTED = "restricted"
    """WhatsApp refused a message to a new contact (463)."""
    PHONE_AWAY = "phone_away"
    """WhatsApp will unlink the device if the phone stays offline."""
    TEST = "test"
    """Nothing happened: somebody wants to see whether notices arrive."""


class Notice(BaseModel):
    """One notice, as it is handed to every channel."""

    model_config = ConfigDict(frozen=True)

    id: str
    """The same for the same notice, however often it is sent."""
    kind: Kind
    session: str
    at: datetime
    text: str
    """What happened and, if somebody must act, who."""
    reason: str | None = None
    """The code of why, see docs/reactions.md."""
    who: str = "nobody"
    """`operator`, `phone` or `nobody`."""
    hints: tuple[Hint, ...] = ()
    """What helps."""
    began: datetime | None = None
    page: str | None = None
    """Where to look and act; never a link with a code in it."""

    @property
    def title(self) -> str:
        """The first line."""
        return f"{self.session}: {_TITLES[self.kind]}"

    @property
    def body(self) -> str:
        """The rest, for a person."""
        lines = [self.text]
        if self.hints:
            lines.append(f"What helps: {phrase(self.hints)}.")
        if self.page:
            lines.append(self.page)
        return "\n".join(lines)


_TITLES = {
    Kind.NEEDED: "somebody must act",
    Kind.DOWN: "no messages are heard",
    Kind.RECOVERED: "connected again",
    Kind.STILL: "still not connected",
    Kind.FLAPPING: "the connection comes and goes",
    Kind.RESTRICTED: "WhatsApp restricts the account",
    Kind.PHONE_AWAY: "the phone must come online",
    Kind.TEST: "this is a test",
}


def lasting(time: timedelta) -> str:
    """Say how long something took, in the largest units that matter."""
    seconds = max(0, int(time.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            smaller = {"d": ("h", 3_600), "h": ("min", 60), "min": ("s", 1)}[unit]
            part = rest // smaller[1]
            return f"{whole} {unit} {part} {smaller[0]}" if part else f"{whole} {unit}"
    return f"{seconds} s"
