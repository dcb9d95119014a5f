"""A disk of a few megabytes: a tmpfs in a mount namespace of its own (Linux).

Nobody else sees the mount, and nothing is left of it when its keeper ends. Programs are started in
the namespace with `nsenter`; from outside its files are seen through /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wa_loopback import LoopbackError

_SECONDS = 10.0
_CHUNK = 64 * 1024
_MOUNT = 'mount -t tmpfs -o "size=$1m,mode=700" small "$0" && echo mounted && exec sleep infinity'
# Who is not root becomes root of a user namespace, where mounting is allowed.
_UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
_ENTER = (
    "nsenter",
    "--mount",
    *(() if os.geteuid() == 0 else ("--user", "--preserve-credentials")),
)


@dataclass(frozen=True)
class SmallDisk:
    """A mounted one."""

    keeper: int
    """The process whose namespace it is in."""
    directory: Path
    """Where programs in the namespace see it."""

    @property
    def seen(self) -> Path:
        """Where it is seen from outside."""
        return Path(f"/proc/{self.keeper}/root") / self.directory.relative_to("/")

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command line must begin with to run in the namespace, with the same process id."""
        return (*_ENTER, f"--target={self.keeper}", "--")

    def fill(self) -> None:
        """Use up all that is free."""
        with self._ballast.open("ab", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(_CHUNK))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    return

    def free(self) -> None:
        """Give back what `fill` used up."""
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.seen / "ballast"


@cache
def why_no_small_disk() -> str | None:
    """Say why this machine cannot have one; None if it can."""
    if sys.platform != "linux" or not (shutil.which("unshare") and shutil.which("nsenter")):
        return "needs Linux, with unshare and nsenter"
    tried = subprocess.run(
        [*_UNSHARE, "true"], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    return f"needs a mount namespace: {tried.stderr.strip()}" if tried.returncode else None


@contextlib.asynccontextmanager
async def small_disk(directory: Path, megabytes: int) -> AsyncIterator[SmallDisk]:
    """Mount one on a directory. Raises LoopbackError if that cannot be done."""
    keeper = await asyncio.create_subprocess_exec(
        *(*_UNSHARE, "sh", "-c", _MOUNT, str(directory), str(megabytes)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    assert keeper.stdout is not None
    assert keeper.stderr is not None
    try:
        async with asyncio.timeout(_SECONDS):
            if not await keeper.stdout.readline():
                said = (await keeper.stderr.read()).decode(errors="replace").strip()
                raise LoopbackError(f"a small disk could not be mounted: {said}")
        yield SmallDisk(keeper.pid, directory)
    finally:
        with contextlib.suppress(ProcessLookupError):
            keeper.kill()
        await asyncio.wait_for(keeper.wait(), _SECONDS)
