"""What the model says a power cut can leave: all that POSIX allows, and nothing else."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from lab.power_cut.cuts import combinations, cuts, verify_record
from lab.power_cut.disk import SECTOR, Disk, lay_out, walk
from lab.power_cut.record import Call, Kind

if TYPE_CHECKING:
    from pathlib import Path

NEW = 1 << 40  # an inode that no file here has


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two directories, one of them with a file."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "old").write_bytes(b"o" * SECTOR * 2)
    return tmp_path


def call(kind: Kind, inode: int, directory: int = 0, offset: int = 0, **names: bytes) -> Call:
    return Call(
        kind, 0o100600, inode, directory, offset, names.get("first", b""), names.get("to", b"")
    )


def inode(path: Path) -> int:
    return path.stat().st_ino


def left(root: Path, *calls: Call) -> set[str]:
    """What a cut after these calls can leave: each file with the first letter of each sector."""
    disk = Disk(root)
    for each in calls:
        disk.play(each)
    found = set()
    for kept in combinations(disk.pending, random.Random(1)):
        files = [
            f"{name}={''.join(chr(content[at]) for at in range(0, len(content), SECTOR))}"
            for name, content in walk(disk.tree(kept))
            if content is not None
        ]
        found.add(" ".join(files).replace("\0", "0"))
    return found


def write(root: Path, letter: bytes, at: int = 0, count: int = 2) -> Call:
    old = inode(root / "a/old")
    return call(Kind.WRITE, old, offset=at * SECTOR, first=letter * SECTOR * count)


def test_a_write_is_there_or_not_or_torn_between_sectors(root: Path) -> None:
    assert left(root, write(root, b"n")) == {"a/old=oo", "a/old=nn", "a/old=no", "a/old=on"}


def test_a_write_within_a_sector_is_not_torn(root: Path) -> None:
    assert left(root, write(root, b"n", count=1)) == {"a/old=oo", "a/old=no"}


def test_a_file_may_grow_without_its_data(root: Path) -> None:
    assert left(root, write(root, b"n", at=2, count=1)) == {"a/old=oo", "a/old=oon", "a/old=oo0"}


def test_what_was_synced_is_there(root: Path) -> None:
    synced = call(Kind.SYNC, inode(root / "a/old"))
    assert left(root, write(root, b"n"), synced) == {"a/old=nn"}


def test_a_later_write_may_be_there_without_an_earlier_one(root: Path) -> None:
    one, other = write(root, b"n", count=1), write(root, b"m", at=1, count=1)
    assert left(root, one, other) == {"a/old=oo", "a/old=no", "a/old=om", "a/old=nm"}


def test_a_synced_file_may_have_no_name(root: Path) -> None:
    made = call(Kind.CREATE, NEW, inode(root / "b"), first=b"x")
    content = call(Kind.WRITE, NEW, first=b"x")
    synced = call(Kind.SYNC, NEW)
    assert left(root, made, content, synced) == {"a/old=oo", "a/old=oo b/x=x"}
    assert left(root, made, content, call(Kind.SYNC, inode(root / "b"))) == {
        "a/old=oo b/x=",
        "a/old=oo b/x=x",
        "a/old=oo b/x=0",
    }


def test_a_rename_within_a_directory_is_one_change(root: Path) -> None:
    a = inode(root / "a")
    assert left(root, call(Kind.RENAME, a, a, first=b"old", to=b"new")) == {"a/old=oo", "a/new=oo"}


def test_a_rename_to_another_directory_may_leave_both_names_but_never_none(root: Path) -> None:
    a, b = inode(root / "a"), inode(root / "b")
    renamed = call(Kind.RENAME, a, b, first=b"old", to=b"new")
    assert left(root, renamed) == {"a/old=oo", "a/old=oo b/new=oo", "b/new=oo"}
    assert left(root, renamed, call(Kind.SYNC, b)) == {"a/old=oo b/new=oo", "b/new=oo"}
    assert left(root, renamed, call(Kind.SYNC, a)) == {"b/new=oo"}


def test_a_directory_that_is_renamed_has_one_parent(root: Path) -> None:
    whole, b = inode(root), inode(root / "b")
    renamed = call(Kind.RENAME, whole, b, first=b"a", to=b"c")
    assert left(root, renamed) == {"a/old=oo", "b/c/old=oo"}
    assert left(root, renamed, call(Kind.SYNC, b)) == {"b/c/old=oo"}


def test_a_removed_name_may_be_back(root: Path) -> None:
    removed = call(Kind.UNLINK, 0, inode(root / "a"), first=b"old")
    assert left(root, removed) == {"a/old=oo", ""}
    assert left(root, removed, call(Kind.SYNC, inode(root / "a"))) == {""}


def test_an_inode_that_is_used_again_is_another_file(root: Path) -> None:
    a, old = inode(root / "a"), inode(root / "a/old")
    removed = call(Kind.UNLINK, 0, a, first=b"old")
    again = call(Kind.CREATE, old, a, first=b"old")
    assert left(root, removed, again, call(Kind.WRITE, old, first=b"n"), call(Kind.SYNC, old)) == {
        "a/old=oo",
        "a/old=n",
        "",
    }


def test_two_names_of_a_file_stay_one_file(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (root / "b/too").hardlink_to(root / "a/old")
    copy = tmp_path_factory.mktemp("copy")
    lay_out(Disk(root).tree(), copy)
    assert (copy / "a/old").samefile(copy / "b/too")


def test_a_cut_is_looked_at_before_each_sync_and_at_the_end_with_what_was_promised(
    root: Path,
) -> None:
    old = inode(root / "a/old")
    calls = (
        write(root, b"n"),
        call(Kind.SYNC, old),
        call(Kind.MARK, 0, first=b"there"),
        write(root, b"m"),
    )
    found = {
        (cut.promises, "".join(chr(dict(walk(cut.tree))["a/old"][at]) for at in (0, SECTOR)))  # type: ignore[index]
        for cut in cuts(Disk(root), calls)
    }
    assert found == {
        *(((), text) for text in ("oo", "no", "on", "nn")),
        *((("there",), text) for text in ("nn", "mn", "nm", "mm")),
    }


def test_a_record_that_lacks_something_is_noticed(root: Path) -> None:
    disk = Disk(root)
    verify_record(disk.tree(), root)
    (root / "b/unseen").write_bytes(b"x")
    with pytest.raises(AssertionError, match="b/unseen"):
        verify_record(disk.tree(), root)
    (root / "b/unseen").unlink()
    (root / "a/old").write_bytes(b"x")
    with pytest.raises(AssertionError, match="a/old"):
        verify_record(disk.tree(), root)
