"""What `wa-supervisor gate` is told: how the gate stands, and what it does with a sender.

The same is said by a running supervisor and, of the settings alone, where none runs. Addresses are
secrets here: they are revealed to whoever asks, over the control socket, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from .errors import ConfigError
from .gate import Allow, Envelope, Group, Identity, Lid, Phone, entry_text, explain, parse_entry
from .session.shared.secret import LongSecret, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .gate import Entry, Explanation, GatePolicy, Person
    from .gate.changes import Changes


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class GateQuestion(_Record):
    """About whom `gate explain` asks."""

    sender: Secret
    """A phone number or LID, as in the allowlist."""
    group: Secret | None = None
    """The group it would be written in; None: a direct message."""
    text: LongSecret | None = None
    """What would be written; None: something that mentions us."""

    @classmethod
    def of(cls, sender: str, group: str | None, text: str | None) -> GateQuestion:
        """Check and make it. Raises ConfigError if these are no person and no group."""
        question = cls(
            sender=SecretStr(sender),
            group=None if group is None else SecretStr(group),
            text=None if text is None else SecretStr(text),
        )
        question.person()
        question.chat()
        return question

    def person(self) -> Person:
        """Return who is asked about. Raises ConfigError."""
        entry = parse_entry(self.sender.get_secret_value())
        if not isinstance(entry, Phone | Lid):
            raise ConfigError(
                "this names no person",
                hint="write +NUMBER or NUMBER@lid; its group (GROUP@g.us) goes beside it",
            )
        return entry

    def chat(self) -> Group | None:
        """Return the group. Raises ConfigError."""
        if self.group is None:
            return None
        entry = parse_entry(self.group.get_secret_value())
        if not isinstance(entry, Group):
            raise ConfigError("this names no group", hint="write NUMBER@g.us")
        return entry

    def envelope(self, sender: Identity, own: Identity | None) -> Envelope:
        """Return what is to be judged; a mention is `@` and the user of an address of ours."""
        text = None if self.text is None else self.text.get_secret_value()
        mine = own.addresses if own else ()
        mentioned = text is None or any(f"@{each.user}" in text for each in mine)
        return Envelope(chat=self.chat() or sender, sender=sender, mentions_me=mentioned)


class GateRemedy(_Record):
    """One change that would let somebody in."""

    entry: Secret | None = None
    """An entry to allow."""
    setting: str | None = None
    """Or else a setting, such as `gate.groups`, and its value."""
    value: str | None = None


class GateExplanation(_Record):
    """What the gate does with a sender, and why."""

    admitted: bool
    reason: str
    """The code, see docs/gate.md."""
    sentence: str
    matched: Secret | None
    """The entry that admits."""
    remedies: tuple[GateRemedy, ...]
    """What would admit; all of it is needed."""
    lid: Secret | None = None
    phone: Secret | None = None
    """Who is meant, as far as it is known."""

    @classmethod
    def of(cls, found: Explanation, sender: Identity | None = None) -> GateExplanation:
        """Say it of an explanation."""
        reason, matched = found.verdict.reason, found.verdict.matched
        return cls(
            admitted=reason.admits,
            reason=reason.value,
            sentence=reason.sentence,
            matched=matched and _secret(matched),
            remedies=tuple(
                GateRemedy(entry=_secret(each.entry))
                if isinstance(each, Allow)
                else GateRemedy(setting=f"gate.{each.setting}", value=each.value)
                for each in found.remedies
            ),
            lid=_secret(sender.lid) if sender and sender.lid else None,
            phone=_secret(sender.phone) if sender and sender.phone else None,
        )


class GateEntry(_Record):
    """One entry of the allowlist."""

    entry: Secret
    source: Literal["settings", "command"]
    """Whether the settings have it, or `gate allow` has added it."""
    holds: bool
    """False: `gate deny` has taken it away, though the settings have it."""


class GateStanding(_Record):
    """How the gate stands."""

    is_live: bool
    """Whether a running supervisor says so, or its settings and what was kept."""
    entries: tuple[GateEntry, ...]
    settings: dict[str, str]
    """Its other settings, such as `groups`."""
    admits_nobody: bool
    is_given: bool = True
    """False: none of its settings is given and nothing was changed, so a bot hears everybody."""
    refused: dict[str, int] = {}
    """Messages refused since the supervisor's start, by reason."""
    lately: tuple[GateExplanation, ...] = ()
    """The refusals of late, one for each sender and place, newest first."""

    @classmethod
    def of(
        cls,
        settings: GatePolicy,
        changes: Changes,
        *,
        refused: Mapping[str, int] | None = None,
        lately: Iterable[GateExplanation] = (),
    ) -> GateStanding:
        """Say it of the settings and the changes; what was refused only a supervisor knows."""
        written = sorted(settings.allow, key=entry_text)
        added = sorted(changes.allowed - settings.allow, key=entry_text)
        entries = [
            *(_entry(each, "settings", holds=each not in changes.denied) for each in written),
            *(_entry(each, "command", holds=True) for each in added),
        ]
        return cls(
            is_live=refused is not None,
            entries=tuple(entries),
            settings={name: str(value) for name, value in settings if name != "allow"},
            admits_nobody=changes.apply(settings).admits_nobody,
            is_given=changes.apply(settings).is_given,
            refused=dict(refused or {}),
            lately=tuple(lately),
        )


def explained(
    policy: GatePolicy, question: GateQuestion, sender: Identity, own: Identity | None
) -> GateExplanation:
    """Answer a question about a sender of whom this is known."""
    return GateExplanation.of(explain(policy, question.envelope(sender, own)), sender)


def _entry(entry: Entry, source: Literal["settings", "command"], *, holds: bool) -> GateEntry:
    return GateEntry(entry=_secret(entry), source=source, holds=holds)


def _secret(entry: Entry) -> SecretStr:
    return SecretStr(entry_text(entry))
