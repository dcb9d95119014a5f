"""Out of descriptors: said before the start, and later on a state and no end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from wa_supervisor import TooFewDescriptors
from wa_supervisor.descriptors import check_descriptors, in_use

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

BEGIN = """
    import asyncio, os, resource, sys
    from pathlib import Path
    from wa_supervisor import *

    backoff = Backoff(base=0.05, cap=0.05, jitter=0)
    settings = Settings(
        data_dir=Path(sys.argv[1]),
        endpoint=Endpoint(proxy="http://127.0.0.1:9"),
        policy=Policy(backoff=backoff, dials=Limit(count=9999, window=1)),
    )
    supervisor = Supervisor(settings, sinks=[])

    def allow(number):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))

    def used():
        return len(os.listdir("/dev/fd")) - 1
"""


def run(tmp_path: Path, body: str) -> str:
    program = textwrap.dedent(BEGIN) + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://127.0.0.1:9"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_limit_that_is_too_low_is_named() -> None:
    check_descriptors()
    with pytest.raises(TooFewDescriptors, match=r"1000000000 .*RLIMIT_NOFILE.* are in use"):
        check_descriptors(10**9)


def test_what_is_open_is_counted_whatever_the_kernel() -> None:
    before = in_use()
    assert before is not None
    with Path(os.devnull).open() as first, Path(os.devnull).open() as second:
        assert in_use() == before + 2
        assert first.fileno() != second.fileno()
    assert in_use() == before


@pytest.mark.e2e
def test_a_session_is_not_begun_with_too_few(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        allow(used() + 20)
        try:
            supervisor.run_forever()
        except TooFewDescriptors as error:
            print(error)
        """,
    )
    assert "RLIMIT_NOFILE" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
def test_a_session_that_runs_out_of_them_goes_on_and_stops_in_time(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        async def main():
            task = asyncio.create_task(supervisor.run())

            async def reach(what):
                async with asyncio.timeout(15):
                    while not what(supervisor.status):
                        await asyncio.sleep(0.01)

            await reach(lambda status: status.state is State.BACKOFF)
            allow(128)
            held, enough = [], asyncio.Event()

            async def take_all():
                while not enough.is_set():
                    try:
                        held.append(os.open("/dev/null", os.O_RDONLY))
                    except OSError:
                        await asyncio.sleep(0.001)

            taking = asyncio.create_task(take_all())
            await reach(lambda status: status.journal is not None)
            print("trouble:", supervisor.status.journal)
            generation = supervisor.status.generation
            await asyncio.sleep(1)
            enough.set()
            await taking
            for descriptor in held:
                os.close(descriptor)
            await reach(lambda status: status.journal is None)
            await reach(lambda status: status.generation > generation + 3)
            supervisor.stop()
            async with asyncio.timeout(5):
                print((await task).state.name)

        asyncio.run(main())
        """,
    )
    assert "trouble: [Errno 24] Too many open files" in said
    assert said.endswith("STOPPED\n")
