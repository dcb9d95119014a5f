"""Small worlds for the gate's tests: some people, some places, every policy over them."""

from __future__ import annotations

from itertools import chain, combinations, product
from typing import TYPE_CHECKING, Any

from wa_supervisor.gate import (
    Broadcast,
    Chat,
    Entry,
    Envelope,
    GatePolicy,
    Group,
    Identity,
    Lid,
    Newsletter,
    Other,
    Phone,
    Status,
    Wildcard,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ANN, BOB = "4915112345678", "4930123456"
ANN_LID = "98765432109876"
GROUP = Group("120363025246125486")
ENTRIES: list[Entry] = [
    Phone(ANN),
    Lid(ANN_LID),
    Lid(ANN),  # the digits of a phone number in the other kind
    Phone(BOB),
    GROUP,
    Wildcard.ANYONE,
    Wildcard.ANY_GROUP,
]
PEOPLE = [
    Identity(Lid(ANN_LID), Phone(ANN)),
    Identity(phone=Phone(ANN)),
    Identity(lid=Lid(ANN_LID)),
    Identity(lid=Lid(ANN)),
    Identity(phone=Phone(ANN_LID)),
]
PLACES: list[Chat] = [
    GROUP,
    Group(ANN),
    Status(),
    Broadcast(ANN),
    Newsletter(ANN),
    Other(ANN, "msgr"),
]
SWITCHES = {
    "direct": ("allowlist", "open"),
    "groups": ("off", "allowlist", "mention"),
    "group_senders": ("allowlist", "open"),
    "status": ("off", "direct"),
    "broadcasts": ("off", "direct"),
    "newsletters": ("off", "open"),
    "own": ("off", "chats"),
}


def policy(**settings: Any) -> GatePolicy:
    return GatePolicy.model_validate(settings)


def all_lists() -> Iterator[tuple[Entry, ...]]:
    return chain.from_iterable(combinations(ENTRIES, n) for n in range(len(ENTRIES) + 1))


def all_policies() -> Iterator[GatePolicy]:
    """Every list; what concerns unlike kinds of chat is switched together, to be done in time."""
    names = ["direct", "groups", "group_senders", "own", "status"]
    settings = [*product(*(SWITCHES[name] for name in names))]
    for allow, values in product(all_lists(), settings):
        rest = {
            "broadcasts": values[-1],
            "newsletters": SWITCHES["newsletters"][values[-1] != "off"],
        }
        yield policy(allow=allow, **dict(zip(names, values, strict=True)), **rest)


def all_envelopes() -> Iterator[Envelope]:
    for person, from_me in product(PEOPLE, [False, True]):
        yield Envelope(chat=person, sender=person, from_me=from_me)
    for place, sender, from_me in product(PLACES, [*PEOPLE, None], [False, True]):
        yield Envelope(chat=place, sender=sender, from_me=from_me)
        if isinstance(place, Group):
            yield Envelope(chat=place, sender=sender, from_me=from_me, mentions_me=True)
    yield Envelope(chat=PEOPLE[0], sender=None)  # a bot in a person's chat
