"""The incident library: what happened to others, and the proof that it does not happen here."""

from __future__ import annotations

from ..scenario import Scenario
from . import keys, network, pairing, storms, zeroclaw

SCENARIOS: tuple[Scenario, ...] = (
    *storms.SCENARIOS,
    *network.SCENARIOS,
    *keys.SCENARIOS,
    *pairing.SCENARIOS,
    *zeroclaw.SCENARIOS,
)
"""Every scenario, in the order of the documentation."""

__all__ = ["SCENARIOS"]
