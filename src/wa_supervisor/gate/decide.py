"""The gate itself: a policy and the facts about a message in, a verdict out.

The order is the same for every message: own messages, then what kind of chat it is, then which
group, then who wrote it, then whether it is meant for us. The first refusal is the verdict.

It is decided at delivery, each time: a message that waited is judged by the policy of now.
"""

from __future__ import annotations

from dataclasses import dataclass

from .envelope import Chat, Envelope
from .identity import Broadcast, Group, Identity, Newsletter, Status
from .policy import Entry, GatePolicy, Wildcard
from .reasons import GateReason


@dataclass(frozen=True)
class Verdict:
    """What the gate decided of one message."""

    reason: GateReason
    matched: Entry | None = None
    """The entry of the allowlist that admitted the sender or the group, if one did."""

    @property
    def admitted(self) -> bool:
        """Whether the program gets the message."""
        return self.reason.admits


def decide(policy: GatePolicy, envelope: Envelope) -> Verdict:
    """Judge one message. Total and pure: equal arguments have equal verdicts."""
    chat, sender = envelope.chat, envelope.sender
    if envelope.from_me:
        return _own(policy, chat)
    if isinstance(chat, Newsletter):
        opened = policy.newsletters == "open"
        return Verdict(GateReason.NEWSLETTER if opened else GateReason.NEWSLETTERS_OFF)
    if sender is None:
        return Verdict(GateReason.NOT_A_PERSON)
    match chat:
        case Group():
            verdict = _in_group(policy, chat, sender, to_me=envelope.is_to_me)
        case Status() if policy.status == "off":
            verdict = Verdict(GateReason.STATUS_OFF)
        case Broadcast() if policy.broadcasts == "off":
            verdict = Verdict(GateReason.BROADCASTS_OFF)
        case Identity() | Status() | Broadcast():
            verdict = _direct(policy, sender)
        case _:
            verdict = Verdict(GateReason.NOT_A_PERSON)
    return verdict


def _own(policy: GatePolicy, chat: Chat) -> Verdict:
    """Judge what the owner wrote by where it was written, as the owner is on no list."""
    match chat:
        case Identity():
            theirs = _direct(policy, chat)
        case Group():
            theirs = _group(policy, chat)
        case _:
            theirs = Verdict(GateReason.OWN_MESSAGE)
    if policy.own == "chats" and theirs.admitted:
        return Verdict(GateReason.OWN_CHAT, theirs.matched)
    return Verdict(GateReason.OWN_MESSAGE)


def _direct(policy: GatePolicy, person: Identity) -> Verdict:
    return Verdict(GateReason.OPEN) if policy.direct == "open" else _listed(policy, person)


def _in_group(policy: GatePolicy, group: Group, sender: Identity, *, to_me: bool) -> Verdict:
    """Judge group, sender and purpose, each on its own: being in a group allows nothing else."""
    verdict = _group(policy, group)
    if verdict.admitted and policy.group_senders == "allowlist":
        verdict = _listed(policy, sender)
    if not verdict.admitted or policy.groups == "allowlist":
        return verdict
    return (
        Verdict(GateReason.MENTIONED, verdict.matched)
        if to_me
        else Verdict(GateReason.NOT_MENTIONED)
    )


def _group(policy: GatePolicy, group: Group) -> Verdict:
    if policy.groups == "off":
        return Verdict(GateReason.GROUPS_OFF)
    entry = _first(policy, group, Wildcard.ANY_GROUP)
    return Verdict(GateReason.LISTED if entry else GateReason.GROUP_NOT_LISTED, entry)


def _listed(policy: GatePolicy, person: Identity) -> Verdict:
    """Look for the person under each of the addresses they are known by, and no other."""
    entry = _first(policy, *person.addresses, Wildcard.ANYONE)
    if entry is not None:
        return Verdict(GateReason.LISTED, entry)
    if not policy.lists_people:
        return Verdict(GateReason.NOBODY_LISTED)
    unresolved = person.phone is None and policy.lists_phones
    return Verdict(GateReason.UNRESOLVED_LID if unresolved else GateReason.NOT_LISTED)


def _first(policy: GatePolicy, *candidates: Entry) -> Entry | None:
    return next((each for each in candidates if each in policy.allow), None)
