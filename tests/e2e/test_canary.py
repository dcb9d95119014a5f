"""The canary itself: it must be able to sing."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

import pytest

from e2e.canary import Canary, SecretLeaked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.harness import World

PAYLOAD = (
    "https://wa.me/settings/linked_devices#2@ReFeReNcE,bm9pc2VrZXk=,aWRlbnRpdHk=,YWR2c2VjcmV0=,1"
)


@pytest.fixture
def canary() -> Canary:
    canary = Canary()
    canary.learn_qr(PAYLOAD)
    canary.learn_code("AB1C-2DEF")
    return canary


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (f"look: {PAYLOAD}", "QR payload"),
        ("ref 2@ReFeReNcE", "QR ref"),
        ("'bm9pc2VrZXk='", "QR noise key"),
        ("aWRlbnRpdHk=", "QR identity key"),
        ("YWR2c2VjcmV0=", "QR adv secret"),
        ("AB1C-2DEF", "pair code"),
        ("AB1C2DEF", "pair code"),
        ("A B 1 C-2 D E F", "pair code"),
    ],
)
def test_a_secret_is_found_and_not_repeated(canary: Canary, said: str, kind: str) -> None:
    canary.hear("the log", said)
    with pytest.raises(SecretLeaked) as caught:
        canary.check()
    assert str(caught.value) == f"a {kind} is in the log"


def test_what_is_no_secret_is_let_pass(canary: Canary) -> None:
    canary.hear("the log", "Connected in 1 s, client 2@linked_devices#,1 at 127.0.0.1:12345")
    canary.check()


def test_files_are_read_but_for_the_keys(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "session.db").write_text(PAYLOAD)
    canary.hear_files(tmp_path)
    canary.check()
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "copy.db").write_text(PAYLOAD)
    canary.hear_files(tmp_path)
    canary.check()
    (tmp_path / "notes").write_text(PAYLOAD)
    canary.hear_files(tmp_path)
    with pytest.raises(SecretLeaked, match="in the file notes"):
        canary.check()


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)


LEAKS: dict[str, Callable[[str], None]] = {
    "stdout": lambda text: _write(sys.stdout, text),
    "stderr": lambda text: _write(sys.stderr, text),
    "the log": lambda text: logging.getLogger("wa_supervisor").debug("shown: %s", text),
}


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("place", LEAKS)
async def test_a_leak_in_a_real_run_is_found(world: World, place: str) -> None:
    run, _ = await world.paired()
    LEAKS[place](run.codes.shown[0].get_secret_value())
    world.leak = rf"a QR \w+ is in {place}"


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_a_leak_in_a_file_of_a_real_run_is_found(world: World) -> None:
    run, _ = await world.paired()
    secret = run.codes.shown[0].get_secret_value().split(",")[3]
    notes = world.data_dir / "notes"
    notes.touch(0o600)
    notes.write_text(f"adv {secret}")
    world.leak = "a QR adv secret is in the file notes"


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_a_leaked_number_in_a_real_run_is_found(world: World) -> None:
    _, connection = await world.paired()
    assert connection.device is not None
    number = connection.device.phone.number
    logging.getLogger("anything").warning("hello +%s %s", number[:1], number[1:])
    world.leak = "a phone number is in the log of anything"
