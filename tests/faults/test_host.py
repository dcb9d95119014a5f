"""What is done to a host must be true: a fork that fails, memory that is not there, a full disk."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from lab.faults import disk, limits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

_ASKED = """
import mmap, os, sys
for line in sys.stdin:
    try:
        if line.strip() == "fork":
            if os.fork() == 0:
                os._exit(0)
            os.wait()
        else:
            mmap.mmap(-1, 1 << 26).close()
        print("done", flush=True)
    except OSError as error:
        print(os.strerror(error.errno), flush=True)
"""


@contextlib.asynccontextmanager
async def program(*prefix: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, "-c", _ASKED, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.wait_for(process.wait(), 10)


async def ask(process: Process, word: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{word}\n".encode())
    return (await asyncio.wait_for(process.stdout.readline(), 10)).decode().strip()


async def refusals(process: Process, word: str, limit: AbstractContextManager[None]) -> list[str]:
    """What is answered before, under and after the limit."""
    before = await ask(process, word)
    with limit:
        under = await ask(process, word)
    return [before, under, await ask(process, word)]


def mounts_of(pid: int | str) -> Path:
    return Path(f"/proc/{pid}/ns/mnt").readlink()


async def test_a_process_without_forks_is_refused_one_and_then_not() -> None:
    if (why := limits.why_forks_cannot_be_limited()) is not None:
        pytest.skip(why)
    async with program() as process:
        said = await refusals(process, "fork", limits.no_forks(process.pid))
    assert said == ["done", "Resource temporarily unavailable", "done"]


async def test_a_limit_is_lifted_from_processes_that_are_gone() -> None:
    if (why := limits.why_forks_cannot_be_limited()) is not None:
        pytest.skip(why)
    async with program() as process:
        await ask(process, "fork")
        with limits.no_forks(process.pid), limits.no_memory(process.pid):
            process.kill()
            await process.wait()


async def test_a_process_without_memory_is_refused_some_and_then_not() -> None:
    async with program() as process:
        said = await refusals(process, "map", limits.no_memory(process.pid))
    assert said == ["done", "Cannot allocate memory", "done"]


def names(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir()]


async def test_a_full_disk_takes_not_one_byte_more_until_there_is_room(tmp_path: Path) -> None:
    if (why := disk.why_no_small_disk()) is not None:
        pytest.skip(why)
    async with disk.small_disk(tmp_path, 1) as small:
        file = small.seen / "file"
        file.write_bytes(b"before")
        small.fill()
        with pytest.raises(OSError, match="No space left on device"):
            (small.seen / "another").write_bytes(b"more")
        small.free()
        (small.seen / "another").write_bytes(b"more")
        assert names(tmp_path) == []  # nobody else sees it


async def test_a_program_is_started_on_the_small_disk_with_the_process_id_we_know(
    tmp_path: Path,
) -> None:
    if (why := disk.why_no_small_disk()) is not None:
        pytest.skip(why)
    async with disk.small_disk(tmp_path, 1) as small, program(*small.prefix) as process:
        await ask(process, "fork")
        assert mounts_of(process.pid) != mounts_of("self")
