"""The incident library as a list, as JSON and as the table of the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from .checks import Finding
from .format_time import clock
from .incidents import SCENARIOS
from .scenario import Scenario
from .story import Entry, Story, busiest


def find(name: str) -> Scenario | None:
    """The scenario of this name or reference, in any spelling; None if there is none."""
    wanted = _plain(name)
    return next(
        (s for s in SCENARIOS if wanted in {_plain(n) for n in (s.name, s.label, s.reference)}),
        None,
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def catalogue(*, as_json: bool = False) -> Iterator[str]:
    """One line for each scenario: its reference and what we promise."""
    if as_json:
        yield from (json.dumps(_about(s)) for s in SCENARIOS)
        return
    width = max(len(s.label) for s in SCENARIOS)
    yield from (f"{s.label:{width}}  {s.promise}" for s in SCENARIOS)


def markdown() -> str:
    """The documentation's page, without a final newline."""
    rows = [
        f"| {_link(s)} | {s.happened} | {s.promise} | {'; '.join(_checked(s))} |" for s in SCENARIOS
    ]
    return "\n".join([HEAD, *rows])


HEAD = """\
# Incidents

What happened to other WhatsApp bots, and what is promised here in its place. Each row is a
scenario that plays through the real core on a virtual clock, in milliseconds, and is also a test:

    uv run python -m lab simulate openclaw-62258
    uv run python -m lab simulate --list
    uv run python -m lab simulate --seed 7        # a random bad week

The world around the core (WhatsApp, the network, whatsmeow's own timing, the disk, the phone) is a
model. What the real client does with the same faults is shown by the end-to-end tests.

This page is generated: `uv run python -m lab simulate --list --markdown > docs/incidents.md`.

| where | what happened there | what happens here | checked |
|---|---|---|---|"""


def _link(scenario: Scenario) -> str:
    repository, mark, number = scenario.reference.partition("#")
    if not mark:
        return f"{scenario.name} ({scenario.reference.partition('/')[2]})"
    return f"[{scenario.label}](https://github.com/{repository}/issues/{number})"


def _checked(scenario: Scenario) -> Iterator[str]:
    return (check.sentence for check in scenario.checks)


def _about(scenario: Scenario) -> dict[str, object]:
    return {
        "name": scenario.name,
        "reference": scenario.reference,
        "happened": scenario.happened,
        "promise": scenario.promise,
    }


def records(
    scenario: Scenario, story: Story, findings: Iterable[Finding]
) -> Iterator[dict[str, object]]:
    """A story as plain records: each entry, then the outcome. No record holds a code."""
    yield from (_entry(entry) for entry in story.entries)
    found = [{"check": f.sentence, "kept": f.kept, "found": f.figure} for f in findings]
    yield {
        **_about(scenario),
        "kept": all(f["kept"] for f in found),
        "checks": found,
        "seconds": {state: round(spent, 3) for state, spent in story.time_in().items()},
        "dials": len(story.dials),
        "dials_in_an_hour": busiest(story.dials),
        "redials": story.redials,
        "windows": len(story.windows),
        "pairings": len(story.pairings),
        "purges": len(story.purges),
    }


def _entry(entry: Entry) -> dict[str, object]:
    about: dict[str, object] = {
        "at": round(entry.at, 3),
        "clock": clock(entry.at),
        "state": entry.phase.state.value if entry.phase else None,
        "substate": entry.phase.substate if entry.phase else None,
    }
    step = entry.step
    if step is None:
        return {**about, "world": entry.sentence}
    return {
        **about,
        "fact": step.fact.name,
        "taken": step.taken,
        "reason": step.reason.value if step.reason else None,
        "effects": [effect.name for effect in step.effects],
        "retries": step.session.retries,
        "not_before": None
        if step.session.not_before is None
        else round(step.session.not_before, 3),
    }
