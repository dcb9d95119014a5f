"""Who may speak to the program, as an operator writes it.

One list names people and groups; a switch for each kind of chat says what the list means there.
An entry carries its kind (`+49...` and `...@s.whatsapp.net`, `...@lid`, `...@g.us`), because bare
digits may be a phone number or a LID and those must never be mixed up.
"""

from __future__ import annotations

import enum
import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator

from ..errors import ConfigError
from .identity import Group, Lid, Phone, address, parse


class Wildcard(enum.Enum):
    """An entry for all of a kind. Neither matches the other's kind."""

    ANYONE = "*"
    """Every person, in direct messages and as a sender in the listed groups."""
    ANY_GROUP = "*@g.us"
    """Every group we are in, whoever put us there."""


Entry = Phone | Lid | Group | Wildcard

_WILDCARDS: Final = {each.value: each for each in Wildcard}
_DRESSING: Final = re.compile("[ \u00a0\u2000-\u200a\u202f\u3000\u2010-\u2015-]")
"""Spaces and dashes of all kinds, but not "(0)": without it, it would be another number."""
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""What address books and web pages put around a number that is copied from them."""
_FORMS: Final = (
    "+NUMBER or NUMBER@s.whatsapp.net (a phone number with its country code), NUMBER@lid, "
    "GROUP@g.us, * (anyone) or *@g.us (any group)"
)


def parse_entry(text: str) -> Entry:
    """Read one entry of the allowlist; agent and device of a JID are cut off.

    Raises ConfigError if it is none; the message never repeats it.
    """
    text = _INVISIBLE.sub("", text).strip().lower()
    if text in _WILDCARDS:
        return _WILDCARDS[text]
    number = _DRESSING.sub("", text)
    if number.isdecimal():
        raise ConfigError(
            "a bare number may be a phone number or a LID",
            hint="write +NUMBER with the country code for the phone number, or NUMBER@lid",
        )
    phone = number.startswith("+")
    entry = address(number.removeprefix("+"), Phone.server) if phone else parse(text)
    if isinstance(entry, Entry):
        return entry
    if phone:
        raise ConfigError(
            "this is no phone number of a person",
            hint="write its country code and number, 7 to 15 digits, like +4915112345678",
        )
    raise ConfigError("this names no person and no group", hint=f"write {_FORMS}")


def entry_text(entry: Entry) -> str:
    """Return an entry in the clear, as `parse_entry` reads it."""
    match entry:
        case Phone():
            return f"+{entry.user}"
        case Wildcard():
            return entry.value
        case _:
            return entry.reveal()


def _of_groups(entry: Entry) -> bool:
    return isinstance(entry, Group) or entry is Wildcard.ANY_GROUP


def _entry(value: object) -> Entry:
    if isinstance(value, Entry):
        return value
    try:
        return parse_entry(str(value))
    except ConfigError as error:
        raise ValueError(error.advice) from None


class GatePolicy(BaseModel):
    """Who is admitted. Without any setting: nobody.

    Neither its repr nor its dumps show an address; `reveal` does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    allow: frozenset[Annotated[Entry, PlainValidator(_entry), PlainSerializer(repr)]] = frozenset()
    """The allowlist of people and groups."""
    direct: Literal["allowlist", "open"] = "allowlist"
    """Direct messages: from people in `allow`, or from everyone."""
    groups: Literal["off", "allowlist", "mention"] = "off"
    """Groups in `allow`: not at all, every message, or those that mention or answer us."""
    group_senders: Literal["allowlist", "open"] = "allowlist"
    """Who may write in such a group: its members who are in `allow`, or all its members."""
    status: Literal["off", "direct"] = "off"
    """Status updates: not at all, or of everyone who may write direct messages."""
    broadcasts: Literal["off", "direct"] = "off"
    """Messages to a broadcast list we are on: as `status`."""
    newsletters: Literal["off", "open"] = "off"
    """Newsletters that the account follows."""
    own: Literal["off", "chats"] = "off"
    """What the account's owner writes on the phone: not at all, or in chats that are allowed."""

    @property
    def is_given(self) -> bool:
        """Whether any of its settings was given, be it the default's value."""
        return bool(self.model_fields_set)

    @property
    def lists_people(self) -> bool:
        """Whether the allowlist names any person."""
        return not all(map(_of_groups, self.allow))

    @property
    def lists_phones(self) -> bool:
        """Whether the allowlist names anybody by phone number."""
        return any(isinstance(each, Phone) for each in self.allow)

    @property
    def admits_nobody(self) -> bool:
        """Whether nothing that others write can pass, of which the operator should be told."""
        open_groups = self.groups != "off" and self.group_senders == "open"
        return not (
            self.lists_people
            or "open" in {self.direct, self.newsletters}
            or (open_groups and any(map(_of_groups, self.allow)))
        )

    def allowing(self, entry: Entry) -> GatePolicy:
        """Return this policy with one more entry."""
        return self.model_copy(update={"allow": self.allow | {entry}})

    def denying(self, entry: Entry) -> GatePolicy:
        """Return this policy without this entry; another one may still admit whom it named."""
        return self.model_copy(update={"allow": self.allow - {entry}})

    def reveal(self) -> dict[str, str | list[str]]:
        """Return the settings in the clear and in a fixed order; they validate to this policy."""
        return self.model_dump() | {"allow": sorted(map(entry_text, self.allow))}
