"""What the gate before the bot has refused, as it crosses the line."""

from __future__ import annotations

from pydantic import SecretStr

from ...errors import FrameError
from ...gate import Envelope, GateReason, Identity, Lid, Other, Phone, parse
from .protocol import Refused


def refused(generation: int, reason: GateReason, envelope: Envelope) -> Refused:
    """Return the frame that says why something in this envelope was refused."""
    chat, sender = envelope.chat, envelope.sender
    chats = chat.addresses if isinstance(chat, Identity) else (chat,)
    senders = () if sender is None else sender.addresses
    return Refused(
        generation=generation,
        reason=reason.value,
        chat=tuple(SecretStr(each.reveal()) for each in chats),
        sender=tuple(SecretStr(each.reveal()) for each in senders),
        from_me=envelope.from_me,
        to_me=envelope.is_to_me,
    )


def reason_of(frame: Refused) -> GateReason:
    """Return why it was refused. Raises FrameError for a reason that nobody knows."""
    for reason in GateReason:
        if reason.value == frame.reason:
            return reason
    raise FrameError("a message was refused for a reason that nobody knows")


def envelope_of(frame: Refused) -> Envelope:
    """Return what was refused, as far as it was told."""
    chats = [parse(each.get_secret_value()) for each in frame.chat]
    first = chats[0]
    person = Identity.of(*chats) if isinstance(first, Phone | Lid) else None
    return Envelope(
        chat=(person or Other("")) if isinstance(first, Phone | Lid) else first,
        sender=Identity.of(*(parse(each.get_secret_value()) for each in frame.sender)),
        from_me=frame.from_me,
        mentions_me=frame.to_me,
    )
