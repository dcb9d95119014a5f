"""Ten thousand sessions over fifty workers in virtual time, by the fleet's own pure parts.

What decides is the product's: `placement.place`, `decisions.decide`, `lease.Lease`. What they run
in is a model: clocks of different speeds, messages that are late or lost, workers that crash, are
cut off, freeze and come back, a Postgres that is away. See `world` for what is checked.
"""

from .conditions import Conditions
from .world import STORM, Broken, Story, play

__all__ = ["STORM", "Broken", "Conditions", "Story", "play"]
