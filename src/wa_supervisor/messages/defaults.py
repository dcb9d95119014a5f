"""Defaults of what is kept of messages, said once for the settings, the log and the inbox."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Durability: TypeAlias = Literal["process", "power"]
"""What a written event survives: its process's death, or from some 50 ms later a power cut too."""

BotDelivery: TypeAlias = Literal["neonize", "inbox"]
"""Whether the bot's handlers get a message as neonize hands it over, or from the inbox."""

DURABILITY: Final[Durability] = "process"
BOT_DELIVERY: Final[BotDelivery] = "neonize"
BOT_TRIES: Final = 3
"""How often a message is handed to handlers that fail on it."""
MAX_MESSAGES: Final = 100_000
"""The inbox is full when a reader has so many before it."""
MAX_MIB: Final = 256
"""The inbox is full when the log takes so much."""
