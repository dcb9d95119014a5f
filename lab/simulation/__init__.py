"""Bad weeks and real incidents, played through the real core in virtual time."""

from __future__ import annotations

from .checks import Check, Finding
from .engine import Event, Planned, Simulation, SimulationStuck
from .incidents import SCENARIOS
from .listing import catalogue, find, markdown, records
from .report import heading, outcome, summary, timeline, verdict
from .scenario import Scenario
from .story import Entry, Story, busiest
from .week import random_week
from .world import World

__all__ = [
    "SCENARIOS",
    "Check",
    "Entry",
    "Event",
    "Finding",
    "Planned",
    "Scenario",
    "Simulation",
    "SimulationStuck",
    "Story",
    "World",
    "busiest",
    "catalogue",
    "find",
    "heading",
    "markdown",
    "outcome",
    "random_week",
    "records",
    "summary",
    "timeline",
    "verdict",
]
