from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from wa_supervisor import crashes
from wa_supervisor.crashes import CrashReport, Culprit
from wa_supervisor.errors import StoreError
from wa_supervisor.lifecycle.facts import ChildExited
from wa_supervisor.session.shared.spec import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

PANIC = "panic: interface conversion: interface {} is nil, not string\ngoroutine 1 [running]:"


@pytest.mark.parametrize(
    ("exited", "printed", "culprit"),
    [
        (ChildExited(1, None, signal.SIGABRT), PANIC, Culprit.GO),
        (ChildExited(1, None, signal.SIGABRT), "x\nfatal error: two map writes", Culprit.GO),
        (ChildExited(1, None, signal.SIGKILL), "", Culprit.KILLED),
        (ChildExited(1, 70, None), "bye", Culprit.BOT),
        (ChildExited(1, 1, None), "it told me to panic: a lot", Culprit.BOT),
        (ChildExited(1, int(ExitCode.BOT_FAILED), None), "", Culprit.BOT),
        (ChildExited(1, int(ExitCode.UNUSABLE), None), "", Culprit.NEONIZE),
        (ChildExited(1, int(ExitCode.ENDED), None), "", Culprit.UNKNOWN),
        (ChildExited(1, None, None), "", Culprit.UNKNOWN),
    ],
)
def test_a_crash_is_put_down_to_who_caused_it(
    exited: ChildExited, printed: str, culprit: Culprit
) -> None:
    assert crashes.culprit_of(exited, printed) is culprit


def test_a_report_is_private_and_comes_back_as_it_was(tmp_path: Path) -> None:
    report = CrashReport.of(ChildExited(3, None, 6), "shop", ["Start", "Connected"], PANIC)
    path = crashes.write(tmp_path, report)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert crashes.read(tmp_path) == ([report], [])
    assert report.last_facts == ("Start", "Connected")
    assert report.versions["neonize"]


def test_what_cannot_be_read_hides_no_report_and_holds_nobody_up(tmp_path: Path) -> None:
    report = CrashReport.of(ChildExited(3, None, 6), "shop", [], PANIC)
    written = crashes.write(tmp_path, report)
    half = written.with_name("20260101T000000.000000Z.json")
    half.write_bytes(written.read_bytes()[:50])
    os.mkfifo(written.with_name("20260101T000001.000000Z.json"))
    written.with_name("20260101T000002.000000Z.json").symlink_to("/etc/hostname")
    reports, unreadable = crashes.read(tmp_path)
    assert reports == [report]
    assert [each.path.name for each in unreadable] == [
        f"20260101T00000{second}.000000Z.json" for second in range(3)
    ]


def test_a_report_is_never_seen_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks while it is written sees none; a supervisor killed meanwhile leaves none."""
    seen = []
    fsync = os.fsync

    def looked_at(descriptor: int) -> None:
        seen.append(crashes.read(tmp_path))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", looked_at)
    report = CrashReport.of(ChildExited(3, None, 6), "shop", [], PANIC)
    crashes.write(tmp_path, report)
    assert ([], []) in seen
    assert all(found in (([], []), ([report], [])) for found in seen)
    monkeypatch.undo()
    (tmp_path / crashes.DIRECTORY / "report.new").write_bytes(b"half")  # killed in the next one
    crashes.write(tmp_path, CrashReport.of(ChildExited(4, None, 6), "shop", [], PANIC))
    assert [each.generation for each in crashes.read(tmp_path)[0]] == [3, 4]


def test_a_report_does_not_make_a_directory_that_is_gone_anew(tmp_path: Path) -> None:
    report = CrashReport.of(ChildExited(3, None, 6), "shop", [], PANIC)
    with pytest.raises(StoreError):
        crashes.write(tmp_path / "gone", report)
    assert not (tmp_path / "gone").exists()


def test_only_the_newest_reports_are_kept(tmp_path: Path) -> None:
    for generation in range(crashes.KEEP + 5):
        exited = ChildExited(generation, None, 9)
        crashes.write(tmp_path, CrashReport.of(exited, "shop", [], ""))
    kept = [report.generation for report in crashes.read(tmp_path)[0]]
    assert kept == list(range(5, crashes.KEEP + 5))
