"""The walked graphs: each takes ten seconds, and more than one module asks about the same."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import pytest

from lab.verification.explore import POLICIES, Graph, explore

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDED, ENDLESS = "no retries", "retries without end"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Walk two policies, and with `WALK=all` every small one."""
    if "walked_policy" in metafunc.fixturenames:
        every = os.environ.get("WALK") == "all"
        walked = sorted(POLICIES) if every else [BOUNDED, ENDLESS]
        metafunc.parametrize("walked_policy", walked, scope="session")


@pytest.fixture(scope="session")
def walk() -> Callable[[str, bool], Graph]:
    """Walk a policy; with `turns` dials may be held, with retries without end the inbox be full.

    All of it together would double the states once more.
    """

    @cache
    def walk(policy: str, turns: bool) -> Graph:
        graph = explore(POLICIES[policy], inbox=policy == ENDLESS, turns=turns)
        print(f"{policy}: {graph.states} states, {graph.steps} edges")  # noqa: T201
        return graph

    return walk
