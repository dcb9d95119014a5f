"""A scenario: an incident that happened to somebody, and what we promise in its place."""

from __future__ import annotations

from dataclasses import dataclass, field

from wa_supervisor.lifecycle import Policy

from .checks import Check, Finding, judge
from .engine import Simulation
from .format_time import HOUR
from .script import Script
from .story import Story


@dataclass(frozen=True)
class Scenario:
    """Plain data: the world's script, the promise in words, and the promise as checks."""

    name: str
    reference: str
    """Where: `owner/repository#number`, or `owner/repository file:line`."""
    happened: str
    """One sentence: what happened there."""
    promise: str
    """One line: what happens here."""
    script: Script
    checks: tuple[Check, ...]
    lasts: float = HOUR
    """Virtual seconds."""
    policy: Policy = field(default_factory=Policy)
    paired: bool = True
    """The session is linked when the supervisor starts."""

    @property
    def label(self) -> str:
        """What a list shows: `repository#number`, or the name where there is no number."""
        return self.reference.partition("/")[2] if "#" in self.reference else self.name

    def play(self, seed: int = 0) -> Story:
        """Play it through the real core. The seed draws latencies and jitter."""
        return Simulation(self.policy, seed=seed, paired=self.paired).play(self.script, self.lasts)

    def judge(self, story: Story) -> tuple[Finding, ...]:
        """Hold a story against the promise."""
        return judge(story, self.checks)
