"""Many sessions in one program: what they share, and what keeps one from harming another.

`sessions` is what embedders hold; `dials` says whose turn it is to dial and `breaker` when all must
wait, both pure; `network_looks` is one look at the network for all; `room` says how many sessions
the machine has room for.
"""

from .sessions import Sessions

__all__ = ["Sessions"]
