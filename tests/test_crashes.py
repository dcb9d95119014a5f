from __future__ import annotations

import signal
import stat
from typing import TYPE_CHECKING

import pytest

from wa_supervisor import crashes
from wa_supervisor.crashes import CrashReport, Culprit
from wa_supervisor.lifecycle.facts import ChildExited
from wa_supervisor.session.shared.spec import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

PANIC = "panic: interface conversion: interface {} is nil, not string\ngoroutine 1 [running]:"


@pytest.mark.parametrize(
    ("exited", "culprit"),
    [
        (ChildExited(1, None, signal.SIGABRT, PANIC), Culprit.GO),
        (ChildExited(1, None, signal.SIGABRT, "x\nfatal error: concurrent map writes"), Culprit.GO),
        (ChildExited(1, None, signal.SIGKILL), Culprit.KILLED),
        (ChildExited(1, 70, None, "bye"), Culprit.BOT),
        (ChildExited(1, 1, None, "it told me to panic: a lot"), Culprit.BOT),
        (ChildExited(1, int(ExitCode.BOT_FAILED), None), Culprit.BOT),
        (ChildExited(1, int(ExitCode.UNUSABLE), None), Culprit.NEONIZE),
        (ChildExited(1, int(ExitCode.ENDED), None), Culprit.UNKNOWN),
        (ChildExited(1, None, None), Culprit.UNKNOWN),
    ],
)
def test_a_crash_is_put_down_to_who_caused_it(exited: ChildExited, culprit: Culprit) -> None:
    assert crashes.culprit_of(exited) is culprit


def test_a_report_is_private_and_comes_back_as_it_was(tmp_path: Path) -> None:
    report = CrashReport.of(ChildExited(3, None, 6, PANIC), "shop", ["Start", "Connected"])
    path = crashes.write(tmp_path, report)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert crashes.read(tmp_path) == [report]
    assert report.last_facts == ("Start", "Connected")
    assert report.versions["neonize"]


def test_only_the_newest_reports_are_kept(tmp_path: Path) -> None:
    for generation in range(crashes.KEEP + 5):
        exited = ChildExited(generation, None, 9)
        crashes.write(tmp_path, CrashReport.of(exited, "shop", []))
    kept = [report.generation for report in crashes.read(tmp_path)]
    assert kept == list(range(5, crashes.KEEP + 5))
