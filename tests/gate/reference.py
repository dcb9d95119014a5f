"""The rules of the gate a second time, from docs/gate.md and the issue, on plain text.

Shares nothing with the package but its public names: addresses are the texts an operator writes,
and a verdict is what is left of the table of refusals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wa_supervisor.gate import (
    Broadcast,
    Envelope,
    GatePolicy,
    Group,
    Identity,
    Newsletter,
    Other,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def verdict(policy: GatePolicy, envelope: Envelope) -> str:
    """The code of the reason that `decide` must give."""
    allow = set(policy.reveal()["allow"])
    refusals = (
        _own(policy, allow, envelope) if envelope.from_me else _theirs(policy, allow, envelope)
    )
    return next(refusals, None) or _welcome(policy, envelope)


def _theirs(policy: GatePolicy, allow: set[str], envelope: Envelope) -> Iterator[str]:
    kind = type(envelope.chat)
    if kind is Newsletter and policy.newsletters != "open":
        yield "newsletters_off"
    if kind is Newsletter:
        return
    if kind is Other or envelope.sender is None:
        yield "not_a_person"
        return
    for other, switch, code in (
        (Group, policy.groups, "groups_off"),
        (Status, policy.status, "status_off"),
        (Broadcast, policy.broadcasts, "broadcasts_off"),
    ):
        if kind is other and switch == "off":
            yield code
    if kind is Group:
        yield from _group(allow, envelope)
    by_list = policy.group_senders if kind is Group else policy.direct
    if by_list == "allowlist":
        yield from _person(allow, envelope.sender)
    to_me = envelope.mentions_me or envelope.replies_to_me or envelope.about_admitted
    if kind is Group and policy.groups == "mention" and not to_me:
        yield "not_mentioned"


def _own(policy: GatePolicy, allow: set[str], envelope: Envelope) -> Iterator[str]:
    refusals: list[str] = []
    if isinstance(envelope.chat, Group):
        refusals += ["groups_off"] * (policy.groups == "off") + list(_group(allow, envelope))
    elif isinstance(envelope.chat, Identity):
        if policy.direct == "allowlist":
            refusals += _person(allow, envelope.chat)
    else:
        refusals.append("no chat of people")
    if policy.own == "off" or refusals:
        yield "own_message"


def _group(allow: set[str], envelope: Envelope) -> Iterator[str]:
    assert isinstance(envelope.chat, Group)
    if not {f"{envelope.chat.user}@g.us", "*@g.us"} & allow:
        yield "group_not_listed"


def _person(allow: set[str], person: Identity) -> Iterator[str]:
    people = {entry for entry in allow if not entry.endswith("@g.us")}
    names = {"*"}
    if person.phone is not None:
        names.add("+" + person.phone.user)
    if person.lid is not None:
        names.add(person.lid.user + "@lid")
    if names & people:
        return
    if not people:
        yield "nobody_listed"
    elif person.phone is None and any(entry[0] == "+" for entry in people):
        yield "unresolved_lid"
    else:
        yield "not_listed"


def _welcome(policy: GatePolicy, envelope: Envelope) -> str:
    if envelope.from_me:
        return "own_chat"
    if isinstance(envelope.chat, Newsletter):
        return "newsletter"
    if isinstance(envelope.chat, Group):
        return "mentioned" if policy.groups == "mention" else "listed"
    return "open" if policy.direct == "open" else "listed"
