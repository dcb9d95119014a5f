"""A disk that is full, failing or read-only costs an error, and nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store.crash import SCENARIOS
from store.sessions import seen
from wa_supervisor.errors import StoreError
from wa_supervisor.store import SessionFiles
from wa_supervisor.store.intent import recover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
PYTHONPATH = {"PYTHONPATH": f"{HERE.parent}:{HERE.parents[1] / 'src'}"}

# What may fail when the disk is full; and what may fail when it is broken.
GROWING = ("mkdir", "rename", "replace", "write", "fsync")
TOUCHING = (*GROWING, "unlink", "rmdir", "read")


class Fault:
    """Makes the chosen calls of `os` fail from the given one on, once or for good."""

    def __init__(self, at: int, code: int, *, lasting: bool) -> None:
        self.at, self.code, self.lasting = at, code, lasting
        self.count = 0

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at or (self.lasting and self.count > self.at):
                raise OSError(self.code, os.strerror(self.code))
            return real(*arguments, **options)

        return call


@pytest.mark.parametrize(
    ("code", "calls", "lasting"),
    [(errno.ENOSPC, GROWING, True), (errno.EIO, TOUCHING, False), (errno.EIO, TOUCHING, True)],
    ids=["full", "one-error", "broken"],
)
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "purge-with-hot-journal"])
def test_a_fault_at_any_call_is_a_store_error_and_leaves_old_or_new(
    tmp_path: Path, name: str, code: int, calls: tuple[str, ...], *, lasting: bool
) -> None:
    scenario = SCENARIOS[name]
    scenario.prepare(SessionFiles.open("shop", tmp_path / "template"))
    failed = 0
    for at in range(1, 200):
        case = tmp_path / f"case{at}"
        shutil.copytree(tmp_path / "template", case)
        files = SessionFiles.at("shop", case)
        fault = Fault(at, code, lasting=lasting)
        with pytest.MonkeyPatch.context() as patch:
            for call in calls:
                patch.setattr(os, call, fault.wrap(getattr(os, call)))
            try:
                scenario.deed(files)
            except StoreError as error:
                failed += 1
                assert str(case) not in str(error)  # noqa: PT017 - every fault is looked at
                assert error.hint  # noqa: PT017
        if fault.count < at:
            break
        files.prepare()
        recover(files)
        assert seen(files) in scenario.allowed, f"call {at}"
        # Once the disk is well again, so is the session.
        scenario.deed(files)
        seen(files)
        shutil.rmtree(case)
    assert failed >= 3


ON_A_SMALL_DISK = """
import os, sys
from pathlib import Path
from store.crash import SCENARIOS
from store.sessions import seen
from wa_supervisor.errors import StoreError
from wa_supervisor.store import SessionFiles
from wa_supervisor.store.intent import recover

scenario = SCENARIOS[sys.argv[2]]
files = SessionFiles.open("shop", Path(sys.argv[1]))
scenario.prepare(files)
ballast = os.open(Path(sys.argv[1]) / "ballast", os.O_WRONLY | os.O_CREAT)
size = 0
for block in (65536, 4096):
    while True:
        try:
            size += os.write(ballast, bytes(block))
        except OSError:
            break
# Give the room back page by page: the deed fails at every size, until it fits.
failed = 0
while True:
    try:
        scenario.deed(files)
        break
    except StoreError as error:
        failed += 1
        assert "No space" in str(error) or "full" in str(error) or "disk I/O" in str(error), error
        recover(files)
        assert seen(files) == scenario.allowed[0], seen(files)
    size -= 4096
    os.ftruncate(ballast, max(size, 0))
assert seen(files) == scenario.allowed[-1], seen(files)
print(failed)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount a small disk"
)
@pytest.mark.parametrize("name", ["first-snapshot", "purge", "restore", "restore-of-a-lost-file"])
def test_a_really_full_disk_is_an_error_until_there_is_room(tmp_path: Path, name: str) -> None:
    mount = f"mount -t tmpfs -o size=600k,mode=0700 tmpfs {tmp_path}"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], check=False, timeout=9).returncode:
        pytest.skip("mounting is not allowed here")
    done = subprocess.run(
        [
            *("unshare", "-m", "sh", "-c", f'{mount} && exec "$0" "$@"'),
            *(sys.executable, "-c", ON_A_SMALL_DISK, str(tmp_path), name),
        ],
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
        env={**PYTHONPATH, "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 1


AS_NOBODY = """
import os, sys
from pathlib import Path
import store.crash
from wa_supervisor.errors import StoreError
from wa_supervisor.store import SessionFiles
import encodings.idna, json, sqlite3, urllib.parse

os.setgid(65534); os.setuid(65534)
files = SessionFiles.at("shop", Path(sys.argv[1]))
try:
    store.crash.SCENARIOS[sys.argv[2]].deed(files)
except StoreError as error:
    print(f"{error}|{error.hint}")
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that another user can reach."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
@pytest.mark.parametrize("name", ["first-snapshot", "snapshot-and-rotate", "purge", "restore"])
@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_directory_without_rights_is_an_error_that_names_it(
    public: Path, name: str, mode: int
) -> None:
    files = SessionFiles.open("shop", public)
    SCENARIOS[name].prepare(files)
    before = seen(files)
    for path in (public, *public.rglob("*")):
        os.chown(path, 65534, 65534)
    files.directory.chmod(mode)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(public), name],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
        env=PYTHONPATH,
    )
    message, _, hint = done.stdout.strip().partition("|")
    assert message.startswith("cannot ")
    assert "ermission denied" in message or "readonly" in message or "unable to open" in message
    assert str(files.directory) in hint
    files.directory.chmod(0o700)
    assert seen(files) == before
