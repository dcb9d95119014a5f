"""Why a message was admitted or refused: one code each, and a sentence for the operator.

Rule of this file: a reason exists here once. The verdict names it, counters show its code, `gate
explain` its sentence, and the table of docs/gate.md is checked against it.
"""

from __future__ import annotations

import enum
from typing import Final, Self


class GateReason(enum.Enum):
    """Why the gate decided as it did. The value is the public code."""

    sentence: str
    """What it means to the operator; it names nobody."""

    def __new__(cls, code: str, sentence: str) -> Self:
        """Make a member whose value is its code alone."""
        member = object.__new__(cls)
        member._value_ = code
        member.sentence = sentence
        return member

    # Admitted
    LISTED = "listed", "The allowlist names the sender, or the group if all members may write."
    OPEN = "open", "Direct messages are open to everyone."
    MENTIONED = "mentioned", "Group and sender are allowed; the message mentions or answers us."
    NEWSLETTER = "newsletter", "Newsletters are on."
    OWN_CHAT = "own_chat", "The account's owner wrote it on the phone, in a chat that is allowed."
    # Refused for what it is
    OWN_MESSAGE = (
        "own_message",
        "The account's owner wrote it on the phone, and own messages or that chat are off.",
    )
    NOT_A_PERSON = (
        "not_a_person",
        "It is from a bot, from WhatsApp itself or of an unknown kind; nothing admits these.",
    )
    GROUPS_OFF = "groups_off", "Groups are off."
    STATUS_OFF = "status_off", "Status updates are off."
    BROADCASTS_OFF = "broadcasts_off", "Broadcast lists are off."
    NEWSLETTERS_OFF = "newsletters_off", "Newsletters are off."
    # Refused for where it was written, for who wrote it, or because it is not meant for us
    GROUP_NOT_LISTED = "group_not_listed", "The allowlist does not name the group."
    NOBODY_LISTED = "nobody_listed", "The allowlist names no person, so nobody may write."
    NOT_LISTED = "not_listed", "The allowlist does not name the sender."
    UNRESOLVED_LID = (
        "unresolved_lid",
        "Only the sender's LID is known, so it cannot be compared with the numbers you allow.",
    )
    NOT_MENTIONED = (
        "not_mentioned",
        "Group and sender are allowed, but the message neither mentions nor answers us.",
    )

    @property
    def admits(self) -> bool:
        """Whether this reason lets a message in."""
        return self in _ADMITTING


_ADMITTING: Final = {
    GateReason.LISTED,
    GateReason.OPEN,
    GateReason.MENTIONED,
    GateReason.NEWSLETTER,
    GateReason.OWN_CHAT,
}
