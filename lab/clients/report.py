"""The tables of docs/clients.md."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from wa_loopback import Impostor, PairFault

from .faults import FAULTS, FORGERIES, Fault, Outcome, forged, killed, play
from .install import Unavailable
from .program import Client, ProgramEnded
from .steps import STEPS, walk

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
_BEGIN, _END = "<!-- {}: begin -->", "<!-- {}: end -->"


async def steps_table(clients: Sequence[Client]) -> str:
    """Return how far each client comes."""
    columns = [await walk(client) for client in clients]
    rows = [[step, *(column[step] for column in columns)] for step in STEPS]
    return _table(["step", *_names(clients)], rows)


async def faults_table(
    clients: Sequence[Client],
    *,
    names: Sequence[str],
    jobs: int,
    heard: Callable[[str], None],
) -> str:
    """Return what becomes of each client; `heard` is told of each outcome as it is known."""
    turns = asyncio.Semaphore(jobs)

    async def cell(client: Client, words: str, played: Callable[[], Awaitable[Outcome]]) -> str:
        async with turns:
            try:
                outcome = await played()
            except (LookupError, OSError, ProgramEnded, TimeoutError) as error:
                outcome = Outcome(f"not played: {type(error).__name__}", right=False)
        heard(f"{client.name}: {words}: {outcome.words}")
        return outcome.words if outcome.right else f"**{outcome.words}**"

    chosen = [fault for fault in FAULTS if not names or fault.name in names]
    rows = [
        (fault.words, str(fault.wish), [_play(client, fault) for client in clients])
        for fault in chosen
    ]
    if not names:
        rows.append(
            (
                "its process is killed and started again",
                "comes back",
                [_killed(each) for each in clients],
            )
        )
        rows += [
            (words, "refuses", [_forged(client, fault) for client in clients])
            for words, fault in FORGERIES
        ]
    done = await asyncio.gather(
        *(
            asyncio.gather(*(cell(c, words, p) for c, p in zip(clients, played, strict=True)))
            for words, _wish, played in rows
        )
    )
    cells = [[words, wish, *found] for (words, wish, _), found in zip(rows, done, strict=True)]
    return _table(["when", "it should be that it", *_names(clients)], cells)


_Played = Callable[[], Awaitable[Outcome]]


def _play(client: Client, fault: Fault) -> _Played:
    return lambda: play(client, fault)


def _killed(client: Client) -> _Played:
    return lambda: killed(client)


def _forged(client: Client, fault: PairFault | Impostor) -> _Played:
    return lambda: forged(client, fault)


def write(name: str, table: str) -> None:
    """Put a table into the page, between its marks."""
    begin, end = _BEGIN.format(name), _END.format(name)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n\n{table}\n{end}{after}", encoding="utf-8")


def available(clients: Sequence[Client]) -> tuple[list[Client], list[str]]:
    """Sort out the clients that cannot be had here; of those, return why."""
    found, missing = [], []
    for client in clients:
        try:
            client.command()
        except Unavailable as error:
            missing.append(f"{client.name}: {error}")
        else:
            found.append(client)
    return found, missing


def _names(clients: Sequence[Client]) -> list[str]:
    return [f"{client.name} {client.version}" for client in clients]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
