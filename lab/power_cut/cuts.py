"""Every disk that a power cut could have left during a recorded run, looked at by a check."""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from .disk import SECTOR, Change, Disk, Kept, Tree, lay_out, walk
from .record import Call, Kind, read, recording

MEMORY: Final = Path("/dev") / "shm"
"""Where disks are laid out: an fsync costs nothing there."""

EXHAUSTIVE: Final = 9
"""So many pending changes are combined in every way; more by the plan in `combinations`."""

RANDOM: Final = 60
"""Combinations drawn at random where there are too many; the seed is fixed."""


@dataclass(frozen=True)
class Scenario:
    """Something that is done to a directory, and what a power cut may leave of it."""

    name: str
    prepare: Callable[[Path], None]
    """Makes the directory as it is before, all of it on the disk."""
    act: Callable[[Path], None]
    """Does it, and marks each promise as it is made (`record.mark`)."""
    check: Callable[[Path, tuple[str, ...]], str]
    """Recovers what a cut left, as the product does at its next start, given the promises made
    before the cut. Names what is found; raises AssertionError if that must not be."""
    ignored: tuple[str, ...] = ()
    """Ends of names whose content is no record: memory that processes share."""


@dataclass
class Report:
    """What came of all the cuts."""

    name: str
    calls: int = 0
    syncs: int = 0
    disks: int = 0
    """Different disks that a cut could leave, each looked at once for each set of promises."""
    outcomes: dict[str, int] = field(default_factory=dict)
    twice: int = 0
    """Different disks that a second cut could leave, in the recovery from the first."""
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cut:
    """One disk that a cut could leave."""

    tree: Tree
    promises: tuple[str, ...]
    when: str
    lost: str
    played: int = 0
    """How many calls were made before it."""


def run(scenario: Scenario, *, twice: bool = False, most_failures: int = 5) -> Report:
    """Record a scenario, and check every disk that a cut in it could leave.

    With `twice` the recovery is cut, too, in every way. The process must be recorded, see
    `record.preloaded`.
    """
    report = Report(scenario.name)
    with _directory() as directory:
        root, log, case = directory / "root", directory / "log", directory / "case"
        root.mkdir(mode=0o700)
        scenario.prepare(root)
        disk = Disk(root)
        with recording(root, log):
            scenario.act(root)
        calls = read(log)
        report.calls, report.syncs = len(calls), sum(call.kind is Kind.SYNC for call in calls)
        for cut in cuts(disk, calls):
            report.disks += 1
            begun = lay_out_afresh(cut.tree, case)
            with recording(case, log) if twice else nullcontext():
                _check(scenario, cut, case, report)
            for second in cuts(begun, read(log)) if twice else ():
                report.twice += 1
                lay_out_afresh(second.tree, case)
                where = f"{cut.when}, {cut.lost}, and then {second.when}"
                _check(scenario, replace(second, promises=cut.promises, when=where), case, report)
            if len(report.failures) >= most_failures:
                return report
        verify_record(disk.tree(), root, scenario.ignored)
    return report


def lay_out_afresh(tree: Tree, directory: Path) -> Disk:
    """Make a directory hold a tree and nothing else; give it back as a disk."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    lay_out(tree, directory)
    return Disk(directory)


def _check(scenario: Scenario, cut: Cut, case: Path, report: Report) -> None:
    try:
        found = scenario.check(case, cut.promises)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what a cut can do
        where = f"{cut.when}, {cut.lost}, promised {list(cut.promises[-1:])}"
        report.failures.append(f"{where}: {type(error).__name__}: {error}")
    else:
        report.outcomes[found] = report.outcomes.get(found, 0) + 1


def verify_record(played: Tree, root: Path, ignored: tuple[str, ...] = ()) -> None:
    """See that the record is complete: played to its end it makes what is there."""
    there = {
        path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }
    recorded = dict(walk(played))
    for name in there.keys() | recorded.keys():
        if name not in there or name not in recorded:
            raise AssertionError(f"{name} is there, or in the record, but not in both")
        if there[name] != recorded[name] and not name.endswith(ignored):
            raise AssertionError(f"{name} is not what was recorded of it")


def cuts(disk: Disk, calls: Sequence[Call]) -> Iterator[Cut]:
    """Play the calls, and give each disk that a cut could leave, once for each set of promises.

    What a cut can leave grows with each call until the next sync, and the promises with it. So it
    is enough to look right before each sync, and at the end.
    """
    seen: set[tuple[int, bytes]] = set()
    promises: list[str] = []
    for number, call in enumerate((*calls, None), 1):
        if call is None or call.kind in {Kind.SYNC, Kind.SYNC_ALL}:
            when = f"before call {number} ({call})" if call else "at the end"
            for kept in combinations(disk.pending, random.Random(number)):
                tree = disk.tree(kept)
                key = (len(promises), _digest(tree))
                if key not in seen:
                    seen.add(key)
                    lost = _lost(disk.pending, kept)
                    yield Cut(tree, tuple(promises), when, lost, number - 1)
        if call is not None:
            disk.play(call)
            if call.kind is Kind.MARK:
                promises.append(call.name)


def combinations(pending: Sequence[Change], dice: random.Random) -> Iterator[tuple[Kept, ...]]:
    """Say which of the pending changes a cut could leave on the disk.

    Every subset, if they are few. Else: each beginning of the list, all but each one, each one
    alone, and some at random. Then each write torn in each way, with all the others, with those
    before it, and alone.
    """
    for subset in _subsets(pending, dice):
        yield tuple(map(Kept, subset))
    for at, change in enumerate(pending):
        for torn in _torn(change):
            others = [*map(Kept, pending[:at])], [*map(Kept, pending[at + 1 :])]
            yield (*others[0], torn, *others[1])
            yield (*others[0], torn)
            yield (torn,)


def _subsets(pending: Sequence[Change], dice: random.Random) -> Iterator[tuple[Change, ...]]:
    count = len(pending)
    if count <= EXHAUSTIVE:
        chosen: Iterable[tuple[Change, ...]] = itertools.chain.from_iterable(
            itertools.combinations(pending, size) for size in range(count + 1)
        )
    else:
        everything = tuple(pending)
        chosen = (
            *(everything[:size] for size in range(count + 1)),
            *(everything[:at] + everything[at + 1 :] for at in range(count)),
            *((change,) for change in everything),
            *(tuple(c for c in everything if dice.getrandbits(1)) for _ in range(RANDOM)),
        )
    for subset in chosen:
        if all(change.after is None or _holds(change.after, subset, pending) for change in subset):
            yield subset


def _holds(needed: Change, subset: Sequence[Change], pending: Sequence[Change]) -> bool:
    return needed in subset or needed not in pending


def _torn(change: Change) -> Iterator[Kept]:
    if change.call.kind is not Kind.WRITE:
        return
    yield Kept(change, zeros=True)
    if change.can_tear:
        first = change.call.offset // SECTOR
        middle = (change.call.offset + len(change.call.first) // 2) // SECTOR
        yield Kept(change, sectors=lambda sector: sector <= max(first, middle - 1))
        yield Kept(change, sectors=lambda sector: sector > max(first, middle - 1))
        yield Kept(change, sectors=lambda sector: sector % 2 == 0)


def _lost(pending: Sequence[Change], kept: Sequence[Kept]) -> str:
    whole = {each.change for each in kept if each.sectors is None and not each.zeros}
    torn = [f"torn: {each.change}" for each in kept if each.change not in whole]
    gone = {each.change for each in kept}
    lost = [f"lost: {change}" for change in pending if change not in gone]
    return "; ".join([*torn, *lost][:12]) or "nothing lost"


def _digest(tree: Tree) -> bytes:
    digest = hashlib.sha256()
    for name, content in walk(tree):
        size = -1 if content is None else len(content)
        digest.update(f"{name}\0{size}\0".encode() + (content or b""))
    return digest.digest()


@contextmanager
def _directory() -> Iterator[Path]:
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="power-cut-", dir=where) as directory:
        yield Path(directory)
