"""What bounds the number of sessions, read from a machine that a test makes up."""

from __future__ import annotations

from pathlib import Path

import pytest

from wa_supervisor.errors import TooManySessions
from wa_supervisor.multi.room import BYTES, TASKS, Limit, check_room, limits


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    proc = tmp_path / "proc"
    write(proc / "self/cgroup", "0::/system.slice/bots.service")
    write(proc / "meminfo", f"MemTotal: 9 kB\nMemAvailable: {1000 * BYTES // 1024} kB")
    write(proc / "sys/kernel/pid_max", "32768")
    write(proc / "loadavg", "0.1 0.2 0.3 2/768 4242")
    return proc


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def more(found: tuple[Limit, ...], words: str) -> list[int]:
    return [each.more for each in found if words in each.name]


def test_the_limits_of_a_service_and_of_what_it_is_in_are_read(tmp_path: Path, proc: Path) -> None:
    cgroup = tmp_path / "cgroup"
    service = cgroup / "system.slice/bots.service"
    write(service / "pids.max", "4915")
    write(service / "pids.current", str(4915 - 7 * TASKS))
    write(cgroup / "system.slice/memory.max", str(20 * BYTES))
    write(cgroup / "system.slice/memory.current", str(17 * BYTES))
    write(cgroup / "memory.max", "max")
    found = limits(cgroup, proc)
    assert more(found, "4915 tasks (pids.max)") == [7]
    assert more(found, "(memory.max)") == [3]
    assert more(found, "the memory") == [1000]
    assert more(found, "32768 process ids (pid_max)") == [2000]
    assert found[0].more == min(each.more for each in found)


def test_a_session_that_would_not_fit_is_refused_with_the_limit_by_name(
    tmp_path: Path, proc: Path
) -> None:
    write(proc / "loadavg", "0.1 0.2 0.3 2/32760 4242")
    with pytest.raises(TooManySessions, match=r"32768 process ids \(pid_max\) is used up"):
        check_room(1900, limits(tmp_path / "cgroup", proc))
    check_room(0, ())
