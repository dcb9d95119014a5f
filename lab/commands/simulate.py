"""`uv run python -m lab simulate`: real incidents and bad weeks, played through the real core."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Annotated

import typer

from wa_supervisor.cli.exits import Exit

from ..simulation import (
    SCENARIOS,
    Finding,
    Scenario,
    Story,
    catalogue,
    find,
    heading,
    markdown,
    outcome,
    random_week,
    records,
    summary,
    timeline,
    verdict,
)


def simulate(
    scenario: Annotated[
        str | None,
        typer.Argument(metavar="[SCENARIO]", help="An incident, as --list names it."),
    ] = None,
    *,
    seed: Annotated[
        int | None,
        typer.Option(help="Alone: a random bad week. With a scenario: its latencies and jitter."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name every incident.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="With --list: the table of the documentation.")
    ] = False,
) -> None:
    """Play an incident or a random bad week in virtual time, and check the promise."""
    if list_:
        _print([markdown()] if as_markdown else catalogue(as_json=as_json))
        return
    chosen = _chosen(scenario, seed)
    story = chosen.play(seed or 0)
    findings = chosen.judge(story)
    _print(_json(chosen, story, findings) if as_json else _text(chosen, story, findings))
    if not all(found.kept for found in findings):
        raise typer.Exit(Exit.FAILED)


def _chosen(name: str | None, seed: int | None) -> Scenario:
    if name is None:
        if seed is None:
            raise typer.BadParameter("name a SCENARIO, or give --seed N or --list")
        return random_week(seed)
    found = find(name)
    if found is None:
        known = [s.name for s in SCENARIOS]
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "--list names them all"
        raise typer.BadParameter(f"no scenario is named {name!r}: {hint}", param_hint="SCENARIO")
    return found


def _text(scenario: Scenario, story: Story, findings: Iterable[Finding]) -> Iterable[str]:
    yield from heading(scenario)
    yield ""
    yield from timeline(story)
    yield ""
    yield from summary(story)
    yield ""
    yield from outcome(findings)
    yield verdict(findings)


def _json(scenario: Scenario, story: Story, findings: Iterable[Finding]) -> Iterable[str]:
    return (json.dumps(record) for record in records(scenario, story, findings))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
