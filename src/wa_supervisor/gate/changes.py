"""What an operator changed of the allowlist while it was in use, beside what the settings say.

The settings file is the operator's and is never written by us. So a change is kept as a difference
from it: entries that were added, and entries of the settings that were taken away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .policy import Entry, GatePolicy, entry_text, parse_entry


@dataclass(frozen=True)
class Changes:
    """The difference between the settings' allowlist and the one that holds."""

    allowed: frozenset[Entry] = frozenset()
    """Entries beside those of the settings."""
    denied: frozenset[Entry] = frozenset()
    """Entries that do not hold though the settings have them."""
    were_made: bool = False
    """Whether anything ever was changed, be it back: then there is a gate, whatever it lets in."""

    @classmethod
    def parse(cls, allowed: Iterable[str], denied: Iterable[str]) -> Changes:
        """Read entries in the clear. Raises ConfigError if one is none."""
        return cls(
            frozenset(map(parse_entry, allowed)),
            frozenset(map(parse_entry, denied)),
            were_made=True,
        )

    def apply(self, settings: GatePolicy) -> GatePolicy:
        """Return the policy that holds, of the one in the settings."""
        if not self.were_made:
            return settings
        return settings.model_copy(update={"allow": (settings.allow | self.allowed) - self.denied})

    def allowing(self, entry: Entry, settings: GatePolicy) -> Changes:
        """Return the changes with which this entry holds.

        One of the settings is not added: whoever takes it out of there takes it away.
        """
        allowed = self.allowed | ({entry} - settings.allow)
        return Changes(allowed, self.denied - {entry}, were_made=True)

    def denying(self, entry: Entry, settings: GatePolicy) -> Changes:
        """Return the changes with which this entry does not hold."""
        denied = self.denied | ({entry} & settings.allow)
        return Changes(self.allowed - {entry}, denied, were_made=True)

    def reveal(self) -> dict[str, list[str]]:
        """Return the entries in the clear and in a fixed order; `parse` reads them."""
        return {
            "allowed": sorted(map(entry_text, self.allowed)),
            "denied": sorted(map(entry_text, self.denied)),
        }
