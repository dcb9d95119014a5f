"""What waits to be handled: bounded, and an operator's words before all else.

A session process can say more than the journal can write down. What it said of one kind is then
kept in part only: the first few, because a verdict counts where it comes first, and the newest,
because it says how things stand now.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING, Final

from .lifecycle import facts

if TYPE_CHECKING:
    from .lifecycle.facts import Fact

log = logging.getLogger("wa_supervisor")

MOST_OF_A_KIND: Final = 8
"""Facts of one kind that wait at a time. There are some forty kinds, each of 64 KiB at most."""

_OPERATOR: Final = (
    *(facts.Start, facts.Stop, facts.Resume, facts.Restart, facts.Relink),
    facts.DialsHeld,
)


class FactQueue:
    """Facts in the order in which they are to be handled. For one loop and its thread."""

    def __init__(self) -> None:
        self._operator: OrderedDict[int, Fact] = OrderedDict()
        self._others: OrderedDict[int, Fact] = OrderedDict()
        self._of_a_kind: dict[type[Fact], deque[int]] = {}
        self._count = 0
        self._news = asyncio.Event()
        self.dropped: Counter[str] = Counter()
        """How many facts of a name gave way to newer ones of their kind."""

    def __len__(self) -> int:
        return len(self._operator) + len(self._others)

    @property
    def has_orders(self) -> bool:
        """Whether words of an operator wait."""
        return bool(self._operator)

    def put(self, fact: Fact) -> None:
        """Take a fact; never waits, never fails."""
        waiting = self._operator if isinstance(fact, _OPERATOR) else self._others
        numbers = self._of_a_kind.setdefault(type(fact), deque())
        if len(numbers) == MOST_OF_A_KIND:
            del waiting[numbers.pop()]
            if not self.dropped[fact.name]:
                log.warning("so many %s come that only the first and the newest count", fact.name)
            self.dropped[fact.name] += 1
        self._count += 1
        numbers.append(self._count)
        waiting[self._count] = fact
        self._news.set()

    def get_nowait(self) -> Fact | None:
        """Return the next fact; None if there is none."""
        for waiting in (self._operator, self._others):
            if waiting:
                _, fact = waiting.popitem(last=False)
                self._of_a_kind[type(fact)].popleft()
                return fact
        return None

    async def wait(self) -> None:
        """Wait until there is a fact."""
        while not len(self):
            self._news.clear()
            await self._news.wait()
