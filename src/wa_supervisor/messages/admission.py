"""The gate at work: who a message is from is found out, judged, and counted where it is refused.

It is decided when a message is handed out, each time, by the policy of that moment; so a sender who
was allowed meanwhile is heard, and one who was removed is not, without a reconnect.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ..gate import (
    Envelope,
    Explanation,
    GatePolicy,
    GateReason,
    Group,
    Identity,
    Lid,
    Phone,
    Rejections,
    Verdict,
    decide,
    explain,
)
from .message import Message

log = logging.getLogger("wa_supervisor")

_KNOWN: Final = 10_000
"""LIDs whose numbers are kept; the client has them all, in its database."""
_ASK_AGAIN: Final = 300.0
"""Seconds until the number of a LID is asked for again that nobody knew."""
_RECENT: Final = 20
_ADMITTED: Final = 10_000
"""Messages of groups that are known to have been let through, so that what edits them is too."""


class Admission:
    """Judges messages by `policy`, which may be replaced at any time.

    `phone_of` is asked for the number of a LID; it returns None if nobody knows, and never
    raises. Once it is warned that nobody may write, if `warns`.
    """

    def __init__(
        self,
        policy: GatePolicy,
        phone_of: Callable[[Lid], Awaitable[Phone | None]],
        *,
        clock: Callable[[], float] = time.monotonic,
        warns: bool = True,
    ) -> None:
        self.policy = policy
        self.rejections = Rejections()
        """How many messages were refused, by reason. It names nobody."""
        self.admitted = 0
        """How many were admitted. A message is judged once for each reader."""
        self._phone_of = phone_of
        self._clock = clock
        self._phones: OrderedDict[Lid, Phone] = OrderedDict()
        self._unknown: OrderedDict[Lid, float] = OrderedDict()
        self._recent: OrderedDict[Envelope, None] = OrderedDict()
        self._admitted: OrderedDict[tuple[Group, str], None] = OrderedDict()
        self._warned = not warns

    async def judge(self, message: Message) -> Verdict:
        """Decide on one message, and count it if it is refused."""
        envelope = await self.envelope(message)
        verdict = decide(self.policy, envelope)
        if not verdict.admitted:
            self._refuse(verdict, envelope)
            return verdict
        self.admitted += 1
        if isinstance(message.chat, Group):
            self._admitted[message.chat, message.id] = None
            if len(self._admitted) > _ADMITTED:
                self._admitted.popitem(last=False)
        return verdict

    def count(self, reason: GateReason, envelope: Envelope) -> None:
        """Count a message that was refused in the session process, before the bot."""
        self._refuse(Verdict(reason), envelope)

    async def resolve(self, person: Identity) -> Identity:
        """Return a person with the phone number, if there is a LID and the client knows it."""
        if person.phone is not None or person.lid is None:
            return person
        return Identity(person.lid, await self._phone(person.lid))

    def refused(self) -> list[Explanation]:
        """Explain the refusals of late, newest first, one for each kind of sender and place.

        For the operator who asks: `Explanation.reveal` names people.
        """
        return [explain(self.policy, envelope) for envelope in reversed(self._recent)]

    def _refuse(self, verdict: Verdict, envelope: Envelope) -> None:
        self.rejections.add(verdict)
        self._recent[envelope] = None
        self._recent.move_to_end(envelope)
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        if verdict.reason is GateReason.NOBODY_LISTED and not self._warned:
            self._warned = True
            log.warning("messages are refused: nobody is allowed to write (gate.allow is empty)")

    async def envelope(self, message: Message) -> Envelope:
        """Return what is judged of a message, with the phone numbers that the client knows."""
        phones: dict[Lid, Phone] = {}
        for identity in (message.sender, message.chat):
            if not isinstance(identity, Identity) or identity.lid is None:
                continue
            if identity.phone is not None:
                self._learn(identity.lid, identity.phone)
            elif self.policy.lists_phones:
                phone = await self._phone(identity.lid)
                if phone is not None:
                    phones[identity.lid] = phone
        return message.envelope(phones, about_admitted=self._is_about_admitted(message))

    def _is_about_admitted(self, message: Message) -> bool:
        """Whether it edits or revokes what was let through; nothing before a restart is known."""
        about = message.edit_of or message.revoke_of
        chat = message.chat
        return about is not None and isinstance(chat, Group) and (chat, about) in self._admitted

    def _learn(self, lid: Lid, phone: Phone) -> None:
        """Know a number that WhatsApp has told with a message: nobody has to be asked for it."""
        self._unknown.pop(lid, None)
        self._phones[lid] = phone
        self._forget(self._phones)

    @staticmethod
    def _forget(known: OrderedDict[Lid, Any]) -> None:
        while len(known) > _KNOWN:
            known.popitem(last=False)

    async def _phone(self, lid: Lid) -> Phone | None:
        if lid in self._phones:
            return self._phones[lid]
        if self._unknown.get(lid, self._clock()) > self._clock():
            return None
        phone = await self._phone_of(lid)
        if phone is not None:
            self._learn(lid, phone)
        else:
            self._unknown[lid] = self._clock() + _ASK_AGAIN
            self._forget(self._unknown)
        return phone
