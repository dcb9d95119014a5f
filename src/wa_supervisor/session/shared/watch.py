"""How closely a session process is watched: no decision of the lifecycle, only its senses."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ...lifecycle.policy import Seconds


class Watch(BaseModel):
    """How closely a session process is watched, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pulse: Seconds = 30.0
    """Between two questions to the session process whether it lives."""
    pulse_timeout: Seconds = 20.0
    """How long its answer may take; two in a row without one mean that it hangs."""
    probe_timeout: Seconds = 20.0
    """How long WhatsApp may take for an answer when keepalives fail."""
    bot_patience: Seconds = 30.0
    """How long one handler of the bot may work before its session is called deaf."""
