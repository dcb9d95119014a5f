"""A supervisor without the measure that an incident calls for breaks that incident's promise."""

from __future__ import annotations

import dataclasses

import pytest

from lab.simulation import Scenario, find
from lab.simulation.format_time import DAY, HOUR
from wa_supervisor.lifecycle import Backoff, Conflict, Limit, Phase, Policy, Session

EAGER = Policy(backoff=Backoff(base=1.0, cap=60.0), dials=Limit(count=100_000, window=HOUR))
MANY = Limit(count=1000, window=HOUR)
BUDGET = "dials in an hour"

NAIVE: list[tuple[str, Policy, float, str]] = [
    ("zeroclaw-Z2", Policy(backoff=Backoff(stable_after=0)), 5 * HOUR, "gives up"),
    ("waha-2198", EAGER, 3 * HOUR, BUDGET),
    ("zeroclaw-5542", EAGER.model_copy(update={"crashes": MANY}), 3 * HOUR, BUDGET),
    ("nemoclaw-361", EAGER, 3 * HOUR, BUDGET),
    ("openclaw-25591", Policy(conflicts=MANY), 2 * HOUR, "at most 3 dials"),
    ("wacli-266", Policy(conflict=Conflict.TAKEOVER, conflicts=MANY), 2 * HOUR, "at most 3 dials"),
    ("whatsapp-mcp-27", Policy(conflict=Conflict.YIELD), DAY, "Connected.online"),
    ("baileys-1850", Policy(bans=MANY), 7 * DAY, "gives up"),
    ("baileys-2249", Policy(flaps=Limit(count=100_000, window=HOUR)), 5.2 * HOUR, "flapping"),
    ("openclaw-75915", Policy(keepalive_timeout=DAY), 2 * HOUR, "Connected.online"),
    ("openwa-1548", Policy(reconnect_timeout=DAY), 4 * HOUR, "Backoff"),
    ("hermes-agent-27h", Policy(start_timeout=2 * DAY), 30 * HOUR, "Connected.online"),
    ("openclaw-4686", Policy(link_timeout=DAY), HOUR, "Connected.online"),
    ("hermes-agent-80089", Policy(windows=Limit(count=25, window=DAY)), DAY, "pairing windows"),
    ("baileys-api-69", Policy(backoff=Backoff(max_retries=100)), 3 * DAY, "never LoggedOut"),
    ("baileys-152", Policy(reconnect_timeout=5.0), 2 * HOUR, "1 dial"),
]
"""An incident, a policy without the measure against it, how long to look, and what then breaks."""


def scenario_of(name: str) -> Scenario:
    scenario = find(name)
    assert scenario is not None
    return scenario


def kept(scenario: Scenario) -> bool:
    return all(found.kept for found in scenario.judge(scenario.play()))


@pytest.mark.parametrize(
    ("name", "policy", "lasts", "breaks"), NAIVE, ids=[name for name, *_ in NAIVE]
)
def test_naive_numbers_break_the_promise(
    name: str, policy: Policy, lasts: float, breaks: str
) -> None:
    scenario = dataclasses.replace(scenario_of(name), policy=policy, lasts=lasts)
    findings = scenario.judge(scenario.play())
    assert any(breaks in found.sentence and not found.kept for found in findings)


def forgetful(self: Session) -> Session:
    """Remember what the world must know, and nothing that was learnt."""
    return Session(
        generation=self.generation, dead_keys_plan=self.dead_keys_plan, reason=self.reason
    )


@pytest.mark.parametrize(
    "name",
    [
        "openclaw-25591",
        "zeroclaw-5542",
        "baileys-1850",
        "nanoclaw-566",
        "neonize-178",
        "waha-116",
        "zeroclaw-Z1",
        "zeroclaw-Z3",
    ],
)
def test_a_supervisor_that_forgets_at_each_restart_breaks_the_promise(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "revived", forgetful)
    assert not kept(scenario_of(name))


def test_a_supervisor_that_comes_back_from_giving_up_breaks_the_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember = Session.revived

    def starts_over(self: Session) -> Session:
        return dataclasses.replace(remember(self), phase=Phase.INIT)

    monkeypatch.setattr(Session, "revived", starts_over)
    assert not kept(scenario_of("zeroclaw-Z3"))
