"""Words for the operator: what the gate would do, and exactly what would change it.

A remedy is data, so that a command line can make a command of it and a page a button. Nothing here
is for logs: what `reveal` returns names people. `Rejections` is: it only counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from .decide import Verdict, decide
from .envelope import Envelope
from .identity import Group, Identity
from .policy import Entry, GatePolicy, entry_text
from .reasons import GateReason


@dataclass(frozen=True)
class Allow:
    """A remedy: one more entry in the allowlist."""

    entry: Entry

    def apply(self, policy: GatePolicy) -> GatePolicy:
        """Return the policy with the entry."""
        return policy.allowing(self.entry)

    def reveal(self) -> str:
        """Return what to write, with the address in the clear."""
        return f'add "{entry_text(self.entry)}" to gate.allow'


@dataclass(frozen=True)
class Switch:
    """A remedy: another value of a setting."""

    setting: str
    value: str

    def apply(self, policy: GatePolicy) -> GatePolicy:
        """Return the policy with the setting."""
        return policy.model_copy(update={self.setting: self.value})

    def reveal(self) -> str:
        """Return what to write, a line of the settings."""
        return f'set gate.{self.setting} = "{self.value}"'


Remedy = Allow | Switch


@dataclass(frozen=True)
class Explanation:
    """A verdict, and what would admit the message if it was refused."""

    verdict: Verdict
    remedies: tuple[Remedy, ...] = ()
    """What to do, all of it; empty if it is admitted or if no setting would admit it."""

    def reveal(self) -> str:
        """Return it as lines for the operator, with addresses in the clear."""
        reason, matched = self.verdict.reason, self.verdict.matched
        head = f"{'admitted' if reason.admits else 'refused'}: {reason.sentence}"
        if matched is not None:
            head += f" The entry is {entry_text(matched)}."
        lines = [f"  {remedy.reveal()}" for remedy in self.remedies]
        return "\n".join([head, "This would admit it:", *lines] if lines else [head])


def explain(policy: GatePolicy, envelope: Envelope) -> Explanation:
    """Say what the gate does with a message, and which changes together would admit it.

    To ask about a sender, hand in an envelope with `mentions_me`, or groups that ask for a mention
    will refuse it.
    """
    verdict = then = decide(policy, envelope)
    remedies: list[Remedy] = []
    while (remedy := _remedy(then.reason, envelope)) is not None:
        changed = remedy.apply(policy)
        if changed == policy:
            break
        remedies.append(remedy)
        policy, then = changed, decide(changed, envelope)
    return Explanation(verdict, tuple(remedies) if then.admitted else ())


_SWITCHES: Final = {
    GateReason.OWN_MESSAGE: Switch("own", "chats"),
    GateReason.STATUS_OFF: Switch("status", "direct"),
    GateReason.BROADCASTS_OFF: Switch("broadcasts", "direct"),
    GateReason.NEWSLETTERS_OFF: Switch("newsletters", "open"),
    GateReason.NOT_MENTIONED: Switch("groups", "allowlist"),
}


def _remedy(reason: GateReason, envelope: Envelope) -> Remedy | None:
    """Return the smallest change against this refusal; the next one may still refuse."""
    match reason, envelope.chat, envelope.sender:
        case GateReason.GROUPS_OFF, _, _:
            return Switch("groups", "mention" if envelope.is_to_me else "allowlist")
        case GateReason.GROUP_NOT_LISTED, Group() as group, _:
            return Allow(group)
        case (
            GateReason.NOBODY_LISTED | GateReason.NOT_LISTED | GateReason.UNRESOLVED_LID,
            _,
            Identity() as person,
        ):
            return Allow(person.addresses[0])
        case _:
            return _SWITCHES.get(reason)


class Rejections:
    """How many messages were refused, by reason. Keeps nothing of who wrote them."""

    def __init__(self) -> None:
        self._counts: Counter[GateReason] = Counter()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.by_reason()})"

    def add(self, verdict: Verdict) -> None:
        """Count a verdict, if it is a refusal."""
        if not verdict.admitted:
            self._counts[verdict.reason] += 1

    def by_reason(self) -> dict[str, int]:
        """Return the count of each reason that occurred, in the order of the table of reasons."""
        return {each.value: self._counts[each] for each in GateReason if self._counts[each]}
