"""`wa-supervisor doctor`: each thing that can be wrong is found, and what helps is said."""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pairing.eyes import CELL_HEIGHT, CELL_WIDTH, Terminal, read_by_camera
from pairing.graphics import GraphicsTerminal
from wa_supervisor.cli.doctor import client, finding, machine, network, session, terminal
from wa_supervisor.cli.doctor.finding import Finding, Look, Verdict, look
from wa_supervisor.cli.exits import Exit
from wa_supervisor.errors import StoreError
from wa_supervisor.pairing.images import Cell, ImageStyle
from wa_supervisor.pairing.terminal_query import Offer
from wa_supervisor.session.parent.network_probe import reachable
from wa_supervisor.session.shared.endpoint import Endpoint
from wa_supervisor.store import SessionFiles, SessionLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.calling import Cli


def only(found: Iterator[Finding]) -> Finding:
    (one,) = found
    return one


# -- the command -----------------------------------------------------------------------------------


def test_where_all_is_well_it_says_so(program: Cli, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    answer = program("doctor", "--json")
    said = json.loads(answer.out)
    assert (answer.code, answer.err, said["ok"]) == (0, "", True)
    verdicts = {each["name"]: each["verdict"] for each in said["checks"]}
    assert verdicts["neonize"] == "ok"
    assert {"python", "settings", "data directory", "disk", "clock", "open files"} <= set(verdicts)
    assert {"proxy", "terminal", "media", "extra demo", "extra postgres"} <= set(verdicts)
    assert not {"dns", "network"} & set(verdicts)
    assert set(tmp_path.rglob("*")) == before


def test_what_is_bad_has_a_fix_that_can_be_typed_and_the_exit_code_1(
    program: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "neonize", lambda: iter([Finding("neonize", Verdict.OK, "x")]))
    files = SessionFiles.open("default", tmp_path / "my data")
    files.database.chmod(0o644)
    (tmp_path / "x.toml").write_text("[policy.windows]\ncount = 0\n")
    answer = program("doctor", "--data-dir", str(tmp_path / "my data"))
    assert answer.code == Exit.FAILED
    flat = " ".join(answer.out.split())
    assert f"bad data directory others may open {files.database}" in flat
    assert f"try: `chmod go= '{files.database}'`" in flat
    assert "No session can run here yet: data directory." in answer.out
    wrong = program("doctor", "--config", "x.toml")
    assert wrong.code == Exit.FAILED
    assert "bad settings policy.windows.count in x.toml: must be" in " ".join(wrong.out.split())
    for line in (answer.out + wrong.out).splitlines():
        assert len(line) <= 80 or str(tmp_path) in line


def test_a_look_that_hangs_is_left_after_its_time() -> None:
    forever = threading.Event()

    def hang() -> Iterator[Finding]:
        forever.wait()
        yield Finding("x", Verdict.OK, "")

    (found,) = look(Look("disk", hang, within=0.05))
    forever.set()
    assert (found.name, found.verdict) == ("disk", Verdict.BAD)
    assert "did not answer within 0.05 s" in found.said


def test_an_error_of_ours_is_a_finding_and_a_bug_is_not_hidden() -> None:
    def fail() -> Iterator[Finding]:
        yield Finding("first", Verdict.OK, "was seen")
        raise StoreError("it is broken", hint="mend it")

    first, broken = look(Look("disk", fail))
    assert first.verdict is Verdict.OK
    assert (broken.verdict, broken.said, str(broken.fix)) == (
        Verdict.BAD,
        "it is broken",
        "mend it",
    )
    with pytest.raises(ZeroDivisionError):
        look(Look("bug", lambda: iter([Finding("x", Verdict.OK, str(1 // 0))])))
    assert finding.WITHIN > 0


# -- the client ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program_text", "said", "fix"),
    [
        (
            (
                "import json; print('noise'); print(json.dumps("
                "{'error': 'it is 0.4', 'action': 'INSTALL', 'subject': 'x', 'note': 'or y'}))"
            ),
            "it is 0.4",
            "install x; or y",
        ),
        ("import os; os.abort()", "loading it ended the process (-6)", "install neonize anew"),
        ("raise SystemExit('no room')", "no room", "install neonize anew"),
    ],
)
def test_a_neonize_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program_text: str, said: str, fix: str
) -> None:
    (tmp_path / "stand_in.py").write_text(program_text)
    monkeypatch.setattr(client, "_SELF_TEST", "stand_in")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = only(client.neonize())
    assert found.verdict is Verdict.BAD
    assert said in found.said
    assert fix in str(found.fix)


def test_a_release_of_neonize_that_we_do_not_know_is_refused_by_the_self_test(
    tmp_path: Path,
) -> None:
    source = (
        "from wa_supervisor.session.child import preload as p, self_test as s;"
        "p.NEWEST = p.OLDEST = (9, 9, 9); s.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    answer = json.loads(done.stdout)
    assert "is not a release that wa-supervisor was tested with (9.9.9)" in answer["error"]
    assert (answer["action"], answer["subject"][:9]) == ("INSTALL", "neonize==")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_is_installed", lambda name: name != "psycopg")
    found = {each.name: each for each in client.extras()}
    assert found["extra demo"].verdict is Verdict.OK
    assert found["extra postgres"].verdict is Verdict.NOTE
    assert "not installed (psycopg)" in found["extra postgres"].said


@pytest.mark.parametrize(("library", "ffmpeg"), [(None, "x"), ("x", None), ("x", "x")])
def test_what_media_need_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, library: str | None, ffmpeg: str | None
) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda _: library)
    monkeypatch.setattr(shutil, "which", lambda _: ffmpeg)
    found = only(client.media())
    assert (found.verdict is Verdict.OK) == bool(library and ffmpeg)


# -- the machine -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "free_running", "verdict"),
    [(0.0, False, "bad"), (2e9, True, "warning"), (2e9, False, "ok")],
)
def test_a_clock_that_is_wrong_or_left_alone_is_told(
    monkeypatch: pytest.MonkeyPatch, now: float, *, free_running: bool, verdict: str
) -> None:
    monkeypatch.setattr("wa_supervisor.cli.doctor.machine.time.time", lambda: now)
    monkeypatch.setattr(machine, "_is_free_running", lambda: free_running)
    assert only(machine.clock()).verdict == verdict


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex(2)")
def test_the_kernel_is_asked_whether_its_clock_is_kept_right() -> None:
    assert machine._is_free_running() in {True, False}


def test_too_few_descriptors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20, 20))
    (found,) = look(Look("open files", machine.descriptors))
    assert found.verdict is Verdict.BAD
    assert "RLIMIT_NOFILE" in found.said


def test_a_system_without_glibc_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr("sys.platform", "linux")
    assert only(machine.python()).verdict is Verdict.BAD


# -- the session -----------------------------------------------------------------------------------


def test_the_holder_of_the_lock_is_named(tmp_path: Path) -> None:
    files = SessionFiles.open("shop", tmp_path)
    assert "free" in only(session.lock(files)).said
    with SessionLock(files):
        assert f"held by pid {os.getpid()} on host" in only(session.lock(files)).said


class Disk(NamedTuple):
    free: int


@pytest.mark.parametrize(("mib", "verdict"), [(10, "bad"), (100, "warning"), (1000, "ok")])
def test_a_disk_that_is_full_or_soon_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mib: int, verdict: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(mib << 20))
    monkeypatch.setattr(session, "_file_system", lambda _: "ext4")
    assert only(session.disk(SessionFiles.at("shop", tmp_path))).verdict == verdict


@pytest.mark.parametrize(("kind", "said"), [("tmpfs", "keys are gone"), ("nfs4", "no locks")])
def test_a_disk_that_does_not_keep_things_or_has_no_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    monkeypatch.setattr(session, "_file_system", lambda _: kind)
    *_, found = session.disk(SessionFiles.at("shop", tmp_path))
    assert found.verdict is Verdict.WARNING
    assert said in found.said


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_directory_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session._file_system(session._existing(tmp_path / "a" / "b")) is not None
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = only(session.directory(SessionFiles.at("shop", tmp_path / "no")))
    assert found.verdict is Verdict.BAD
    assert f"{tmp_path} may not be written to" in found.said


# -- network and terminal --------------------------------------------------------------------------


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in network._PROXIES:
        monkeypatch.delenv(name, raising=False)
    assert only(network.proxy(Endpoint())).said == "none"
    endpoint = Endpoint(proxy="http://me:hunter2@127.0.0.1:3128")
    assert only(network.proxy(endpoint)).said == "http://127.0.0.1:3128, by the settings"
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@proxy:1")
    found = only(network.proxy(Endpoint()))
    assert found.verdict is Verdict.NOTE
    assert "hunter2" not in found.said


def test_the_network_is_looked_at_only_if_asked_and_then_through_the_proxy(
    program: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "neonize", lambda: iter([Finding("neonize", Verdict.OK, "x")]))
    monkeypatch.setenv("WA_SUPERVISOR_ENDPOINT__PROXY", "http://127.0.0.1:9")  # discard: refused
    asked: list[Any] = []
    monkeypatch.setattr(network, "reachable", _noting(asked))
    program("doctor", "--json")
    assert asked == []
    answer = program("doctor", "--json", "--network")
    found = {each["name"]: each for each in json.loads(answer.out)["checks"]}
    assert found["dns"]["said"] == "127.0.0.1 has 1 addresses"
    assert found["network"]["verdict"] == "bad"
    assert answer.code == Exit.FAILED
    assert [each.proxy.get_secret_value() for each in asked] == ["http://127.0.0.1:9"]


def _noting(asked: list[Any]) -> Any:
    async def noting(endpoint: Endpoint) -> bool:
        asked.append(endpoint)
        return await reachable(endpoint)

    return noting


@pytest.mark.parametrize(
    ("columns", "rows", "said"),
    [(100, 50, "half blocks"), (80, 24, "sextants"), (60, 20, "may not fit")],
)
def test_it_says_how_a_qr_will_be_shown(columns: int, rows: int, said: str) -> None:
    screen = Terminal(columns, rows)
    assert said in only(terminal.terminal(screen.console, Offer())).said


def test_a_terminal_that_draws_images_is_told() -> None:
    found = only(terminal.terminal(Terminal(80, 24).console, Offer(ImageStyle.KITTY)))
    assert found.said == "80x24, and it draws images (kitty)"


@pytest.mark.parametrize("style", ImageStyle)
def test_the_image_is_read_by_a_camera_and_stays_within_the_screen(style: ImageStyle) -> None:
    screen = GraphicsTerminal(80, 24)
    picture = terminal.image(Offer(style, Cell(CELL_WIDTH, CELL_HEIGHT)), 80, 24)
    assert picture is not None
    screen.write(picture)
    screen.console.out("below it")
    assert read_by_camera(screen.picture("dark")) == [f"{style.value} works"]
    assert "below it" in screen.text


def test_no_image_is_sent_where_none_is_drawn_or_fits() -> None:
    assert terminal.image(Offer(), 80, 24) is None
    assert terminal.image(Offer(ImageStyle.KITTY), 80, 2) is None


def test_the_test_pictures_are_read_by_a_camera_and_say_their_style() -> None:
    screen = Terminal(80, 24)
    for line in terminal.pictures():
        screen.console.print(line, no_wrap=True)
    # The table of characters that this reader has ends before octants.
    assert {"half works", "sextant works"} <= set(read_by_camera(screen.picture("dark")))
    *_, labels = screen.text.splitlines()
    places = [labels.index(word) for word in ("half", "sextant", "octant")]
    assert all(one < other for one, other in itertools.pairwise(places))
