"""A disk that promises no more than it must, played from a record.

What POSIX says of fsync, and no more, is taken for granted:

- Content of a file is on the disk when the file was synced. Before that each write may be there or
  not, whatever came before or after it, whole or torn between sectors; where a file grew, its new
  size may be there without the data, which then reads as zeros.
- A name is there, or gone, when its directory was synced. Before that each change of a name may be
  there or not, on its own. That a file was synced says nothing of its name.
- A rename within a directory is one change. One of a file from a directory to another is two: the
  new name may be there while the old one still is, as on a file system without a journal, but the
  file is never without a name. One of a directory is one change: no file system that is checked at
  the boot leaves a directory with two parents.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from .record import Call, Kind

SECTOR: Final = 512
"""Bytes that are written whole or not at all."""

Tree: TypeAlias = "dict[str, Entry]"
"""A directory as it can be seen."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a name stands for."""

    node: int
    """The same for two names of one file."""
    mode: int
    inside: bytes | Tree


@dataclass(slots=True)
class _Node:
    mode: int
    content: bytes = b""
    names: dict[str, int] = field(default_factory=dict)

    def copy(self) -> _Node:
        return _Node(self.mode, self.content, dict(self.names))


@dataclass(frozen=True, eq=False, slots=True)
class Change:
    """What may be lost on its own: a write, a new size, or a change of names."""

    call: Call
    owners: frozenset[int]
    """The nodes that write it through when one of them is synced."""
    node: int = -1
    """The file that is written or resized."""
    names: tuple[tuple[int, str, int | None], ...] = ()
    """What becomes of names: the directory, the name, the node it stands for from now on."""
    after: Change | None = None
    """What must be on the disk before this can be."""

    @property
    def can_tear(self) -> bool:
        """Whether a part of it may be on the disk."""
        first, size = self.call.offset, len(self.call.first)
        return self.call.kind is Kind.WRITE and first // SECTOR != (first + size - 1) // SECTOR

    def __str__(self) -> str:
        return str(self.call)


@dataclass(frozen=True, slots=True)
class Kept:
    """A change that a power cut left on the disk, and which of its sectors."""

    change: Change
    sectors: Callable[[int], bool] | None = None
    """Of a torn write, by number within the file; None: all of it."""
    zeros: bool = False
    """Only the new size is there."""


class Disk:
    """The directory `root` as it is on the disk, and what is still on the way there."""

    def __init__(self, root: Path) -> None:
        self.pending: list[Change] = []
        self._nodes: dict[int, _Node] = {}
        self._by_inode: dict[int, int] = {}
        self._root = self._read(root)

    def play(self, call: Call) -> None:
        """Take over what a call did. Raises ValueError or KeyError if it cannot have been here."""
        match call.kind:
            case Kind.SYNC:
                self._sync(self._by_inode[call.inode])
            case Kind.SYNC_ALL:
                for change in self.pending:
                    _apply(self._nodes, Kept(change))
                self.pending = []
            case Kind.WRITE | Kind.TRUNCATE:
                node = self._by_inode[call.inode]
                self.pending.append(Change(call, frozenset((node,)), node=node))
            case Kind.RENAME:
                self._rename(call)
            case Kind.MARK:
                pass
            case _:
                self._name(call)

    def tree(self, kept: Iterable[Kept] | None = None) -> Tree:
        """Say what can be seen if of the pending changes these are there; by default, all."""
        chosen = map(Kept, self.pending) if kept is None else kept
        nodes = dict(self._nodes)
        for each in chosen:
            _apply(nodes, each)
        return _tree(nodes, self._root)

    def _read(self, path: Path) -> int:
        found = path.lstat()
        if found.st_ino in self._by_inode:
            return self._by_inode[found.st_ino]  # another name of it
        number = self._add(found.st_ino, found.st_mode)
        node = self._nodes[number]
        if stat.S_ISDIR(found.st_mode):
            node.names = {each.name: self._read(each) for each in path.iterdir()}
        elif stat.S_ISREG(found.st_mode):
            node.content = path.read_bytes()
        return number

    def _add(self, inode: int, mode: int) -> int:
        number = len(self._nodes)
        self._nodes[number] = _Node(mode)
        self._by_inode[inode] = number  # an inode may be used again: the newest is meant
        return number

    def _name(self, call: Call) -> None:
        directory, node = self._by_inode[call.directory], None
        if call.kind in {Kind.CREATE, Kind.MKDIR}:
            node = self._add(call.inode, call.mode)
        elif call.kind is Kind.LINK:
            node = self._by_inode[call.inode]
        change = Change(call, frozenset((directory,)), names=((directory, call.name, node),))
        self.pending.append(change)

    def _rename(self, call: Call) -> None:
        source, target = self._by_inode[call.inode], self._by_inode[call.directory]
        old, new = call.name, os.fsdecode(call.second)
        node = self._now(source, old)
        gone, there = (source, old, None), (target, new, node)
        if source == target or stat.S_ISDIR(self._nodes[node].mode):
            owners = frozenset((source, target))
            self.pending.append(Change(call, owners, names=(there, gone)))
            return
        arrival = Change(call, frozenset((target,)), names=(there,))
        self.pending += [arrival, Change(call, frozenset((source,)), names=(gone,), after=arrival)]

    def _now(self, directory: int, name: str) -> int:
        found = self._nodes[directory].names.get(name)
        for change in self.pending:
            for where, what, node in change.names:
                if (where, what) == (directory, name):
                    found = node
        if found is None:
            raise ValueError(f"{name} was renamed, but is not there")
        return found

    def _sync(self, node: int) -> None:
        due = {change for change in self.pending if node in change.owners}
        due |= {each for change in due if (each := change.after) is not None} & {*self.pending}
        left: list[Change] = []
        for change in self.pending:
            if change not in due:
                left.append(change)
                continue
            _apply(self._nodes, Kept(change))
            # What was to become of these names before is of no account any more.
            settled = {(directory, name) for directory, name, _ in change.names}
            left = [kept for each in left if (kept := _without(each, settled)) is not None]
        self.pending = left


def _without(change: Change, settled: set[tuple[int, str]]) -> Change | None:
    names = tuple(each for each in change.names if each[:2] not in settled)
    if names == change.names:
        return change
    return replace(change, names=names) if names else None


def _apply(nodes: dict[int, _Node], kept: Kept) -> None:
    change, call = kept.change, kept.change.call
    for directory, name, node in change.names:
        nodes[directory] = where = nodes[directory].copy()
        where.names.pop(name, None)
        if node is not None:
            where.names[name] = node
    if change.node < 0:
        return
    nodes[change.node] = file = nodes[change.node].copy()
    if call.kind is Kind.TRUNCATE:
        file.content = file.content[: call.offset].ljust(call.offset, b"\0")
    else:
        file.content = _written(file.content, call, kept)


def _written(content: bytes, call: Call, kept: Kept) -> bytes:
    end = call.offset + len(call.first)
    if kept.zeros:
        return content.ljust(end, b"\0")
    if kept.sectors is None:
        return content[: call.offset].ljust(call.offset, b"\0") + call.first + content[end:]
    for sector in range(call.offset // SECTOR, (end - 1) // SECTOR + 1):
        if kept.sectors(sector):
            start = max(call.offset, sector * SECTOR)
            stop = min(end, (sector + 1) * SECTOR)
            data = call.first[start - call.offset : stop - call.offset]
            content = content[:start].ljust(start, b"\0") + data + content[stop:]
    return content


def _tree(nodes: dict[int, _Node], number: int) -> Tree:
    found: Tree = {}
    for name, child in sorted(nodes[number].names.items()):
        node = nodes[child]
        inside = _tree(nodes, child) if stat.S_ISDIR(node.mode) else node.content
        found[name] = Entry(child, stat.S_IMODE(node.mode), inside)
    return found


def lay_out(tree: Tree, directory: Path, made: dict[int, Path] | None = None) -> None:
    """Make real files of a tree, in a directory that exists."""
    made = {} if made is None else made
    for name, entry in tree.items():
        path = directory / name
        if not isinstance(entry.inside, bytes):
            path.mkdir(entry.mode)
            lay_out(entry.inside, path, made)
        elif entry.node in made:
            path.hardlink_to(made[entry.node])
        else:
            made[entry.node] = path
            path.touch(entry.mode)
            path.write_bytes(entry.inside)


def walk(tree: Tree, above: str = "") -> Iterator[tuple[str, bytes | None]]:
    """Name every path of a tree with its content, None for a directory."""
    for name, entry in tree.items():
        if isinstance(entry.inside, bytes):
            yield f"{above}{name}", entry.inside
        else:
            yield f"{above}{name}", None
            yield from walk(entry.inside, f"{above}{name}/")
