from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from pydantic import SecretStr

from pairing.eyes import PAYLOAD, picture_in, read
from wa_supervisor.errors import ConfigError, StoreError
from wa_supervisor.hints import Action, Hint
from wa_supervisor.pairing.files import PayloadFile, PngFile, SvgFile

if TYPE_CHECKING:
    from pathlib import Path

    from wa_supervisor.pairing.files import FileSink

QR = SecretStr(PAYLOAD)
KINDS = [PngFile, SvgFile, PayloadFile]
every_kind = pytest.mark.parametrize("kind", KINDS)


def paint_svg(path: Path) -> Image.Image:
    """Paint the few shapes our SVG is made of, each module eight pixels wide."""

    def pixels(units: str) -> int:
        exact = Decimal(units) * 5  # a module is 1.6 units
        assert exact == int(exact)
        return int(exact)

    root = ET.parse(path).getroot()
    name = "{http://www.w3.org/2000/svg}"
    box = root.attrib["viewBox"].split()
    side = box[2]
    assert box == ["0", "0", side, side]
    assert root.attrib["width"] == root.attrib["height"] == f"{side}mm"
    ground, ink = root
    assert ground.tag == f"{name}rect"
    assert ground.attrib == {
        "x": "0",
        "y": "0",
        "width": "100%",
        "height": "100%",
        "fill": "white",
    }
    assert ink.tag == f"{name}path"
    assert ink.attrib["fill"] == "#000000"
    image = Image.new("L", (pixels(side), pixels(side)), 255)
    square = re.compile(r"M([\d.]+),([\d.]+)H([\d.]+)V([\d.]+)H\1z")
    assert square.sub("", ink.attrib["d"]) == ""
    for left, top, right, bottom in square.findall(ink.attrib["d"]):
        image.paste(0, (pixels(left), pixels(top), pixels(right), pixels(bottom)))
    return image


def test_the_png_decodes_and_is_large_enough(tmp_path: Path) -> None:
    PngFile(tmp_path / "qr.png").show_qr(QR, 20)
    assert read(picture_in(tmp_path / "qr.png")) == [PAYLOAD]
    width, height = picture_in(tmp_path / "qr.png").size
    assert width == height >= 400


def test_the_png_of_a_short_payload_is_large_enough_too(tmp_path: Path) -> None:
    PngFile(tmp_path / "qr.png").show_qr(SecretStr("2@x"), 20)
    assert picture_in(tmp_path / "qr.png").size[0] >= 400


def test_the_png_has_its_white_border(tmp_path: Path) -> None:
    PngFile(tmp_path / "qr.png").show_qr(QR, 20)
    image = picture_in(tmp_path / "qr.png")
    scale = image.size[0] // 73  # version 12 has 65 modules, and 4 on each side
    assert {image.getpixel((x, 4 * scale - 1)) for x in range(image.size[0])} == {255}
    assert image.getpixel((4 * scale, 4 * scale)) == 0


def test_the_svg_decodes(tmp_path: Path) -> None:
    SvgFile(tmp_path / "qr.svg").show_qr(QR, 20)
    assert read(paint_svg(tmp_path / "qr.svg")) == [PAYLOAD]


def test_the_payload_file_holds_the_bare_text(tmp_path: Path) -> None:
    sink = PayloadFile(tmp_path / "qr")
    sink.show_qr(QR, 20)
    assert (tmp_path / "qr").read_text() == PAYLOAD
    sink.show_code(SecretStr("ABCD-EFGH"), 20)
    assert (tmp_path / "qr").read_text() == "ABCD-EFGH"


@pytest.mark.parametrize("kind", [PngFile, SvgFile])
def test_an_image_goes_when_a_pair_code_takes_over(tmp_path: Path, kind: type[FileSink]) -> None:
    sink = kind(tmp_path / "qr")
    sink.show_qr(QR, 20)
    sink.show_code(SecretStr("ABCD-EFGH"), 20)
    assert list(tmp_path.iterdir()) == []


@every_kind
@pytest.mark.parametrize("umask", [0, 0o022])
def test_the_file_is_private(tmp_path: Path, kind: type[FileSink], umask: int) -> None:
    before = os.umask(umask)
    try:
        kind(tmp_path / "qr").show_qr(QR, 20)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "qr").stat().st_mode) == 0o600


@every_kind
@pytest.mark.parametrize("end", ["hide", "close"])
def test_the_file_vanishes_with_its_code(tmp_path: Path, kind: type[FileSink], end: str) -> None:
    sink = kind(tmp_path / "qr")
    sink.show_qr(QR, 20)
    getattr(sink, end)()
    assert list(tmp_path.iterdir()) == []
    getattr(sink, end)()


@every_kind
def test_a_path_relative_to_here_stays_where_it_was(
    tmp_path: Path, kind: type[FileSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    sink = kind(Path("qr"))
    monkeypatch.chdir("/")
    sink.show_qr(QR, 20)
    assert (tmp_path / "qr").exists()
    sink.close()
    assert not (tmp_path / "qr").exists()


@every_kind
def test_a_reader_never_sees_half_a_file(tmp_path: Path, kind: type[FileSink]) -> None:
    path = tmp_path / "qr"
    sink = kind(path)
    payloads = [SecretStr(PAYLOAD), SecretStr(PAYLOAD[:-1] + "2")]
    whole = []
    for payload in payloads:
        sink.show_qr(payload, 20)
        whole.append(path.read_bytes())
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(30):
            sink.show_qr(payloads[number % 2], 20)
    finally:
        done.set()
        reader.join(10)
    assert seen
    assert seen <= set(whole)


@every_kind
def test_what_a_crash_left_behind_goes_at_the_next_start(
    tmp_path: Path, kind: type[FileSink]
) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom pydantic import SecretStr\n"
        f"from wa_supervisor.pairing.files import {kind.__name__} as Kind\n"
        "sink = Kind(Path(sys.argv[1]))\nsink.show_qr(SecretStr('2@dead'), 20)\n"
        "sink._draft.write_text('2@half')\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "qr")], check=False, timeout=30)
    assert len(list(tmp_path.iterdir())) >= 2
    kind(tmp_path / "qr")
    assert list(tmp_path.iterdir()) == []


@every_kind
def test_an_empty_file_is_nobodys_loss(tmp_path: Path, kind: type[FileSink]) -> None:
    (tmp_path / "qr").touch()
    kind(tmp_path / "qr").show_qr(QR, 20)


def other_png(path: Path) -> None:
    Image.new("L", (9, 9)).save(path, "PNG")


def other_svg(path: Path) -> None:
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")


def other_text(path: Path) -> None:
    path.write_text("my notes")
    path.chmod(0o600)


def private_word(path: Path) -> None:
    """A user's own file may look just like a payload."""
    path.write_text(PAYLOAD)
    path.chmod(0o600)


def public_word(path: Path) -> None:
    path.write_text("word")
    path.chmod(0o644)


def directory(path: Path) -> None:
    path.mkdir()


def link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


def pipe(path: Path) -> None:
    os.mkfifo(path)


@every_kind
@pytest.mark.parametrize(
    "make", [other_png, other_svg, other_text, private_word, public_word, directory, link, pipe]
)
def test_what_is_not_ours_is_never_touched(
    tmp_path: Path, kind: type[FileSink], make: object
) -> None:
    path = tmp_path / "qr"
    assert callable(make)
    make(path)
    before = path.lstat()
    with pytest.raises(ConfigError, match="was not written by wa-supervisor"):
        kind(path)
    assert path.lstat() == before


@every_kind
def test_a_file_that_somebody_put_in_our_place_is_left_alone(
    tmp_path: Path, kind: type[FileSink]
) -> None:
    sink = kind(tmp_path / "qr")
    sink.show_qr(QR, 20)
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "theirs").replace(tmp_path / "qr")
    sink.hide()
    assert (tmp_path / "qr").read_text() == "theirs"


@every_kind
def test_a_missing_directory_is_told_at_once(tmp_path: Path, kind: type[FileSink]) -> None:
    with pytest.raises(ConfigError, match=f"no directory {tmp_path / 'gone'}") as caught:
        kind(tmp_path / "gone" / "qr")
    assert caught.value.hint == Hint(Action.MAKE_DIRECTORY, str(tmp_path / "gone"))


@every_kind
def test_a_directory_that_goes_later_is_a_store_error(tmp_path: Path, kind: type[FileSink]) -> None:
    (tmp_path / "d").mkdir()
    sink = kind(tmp_path / "d" / "qr")
    (tmp_path / "d").rmdir()
    with pytest.raises(StoreError, match="cannot write qr: No such file") as caught:
        sink.show_qr(QR, 20)
    assert PAYLOAD[40:60] not in f"{caught.value} {caught.value.hint}"
    sink.close()


@every_kind
def test_a_failed_write_leaves_no_draft_and_the_next_one_works(
    tmp_path: Path, kind: type[FileSink]
) -> None:
    sink = kind(tmp_path / "qr")
    (tmp_path / "qr").mkdir()  # a rename onto a directory fails, also for root
    with pytest.raises(StoreError, match="what is there was not written by wa-supervisor"):
        sink.show_qr(QR, 20)
    assert [path.name for path in tmp_path.iterdir()] == ["qr"]
    (tmp_path / "qr").rmdir()
    sink.show_qr(QR, 20)
    assert (tmp_path / "qr").is_file()


@every_kind
def test_no_repr_tells_the_secret(tmp_path: Path, kind: type[FileSink]) -> None:
    sink = kind(tmp_path / "qr")
    sink.show_qr(QR, 20)
    assert PAYLOAD[40:60] not in f"{sink!r} {vars(sink)!r}"


def test_a_users_own_word_in_the_place_of_ours_is_neither_overwritten_nor_deleted(
    tmp_path: Path,
) -> None:
    sink = PayloadFile(tmp_path / "qr")
    (tmp_path / "qr").write_text("hunter22")
    with pytest.raises(StoreError, match="was not written by wa-supervisor"):
        sink.show_qr(QR, 20)
    sink.close()
    assert (tmp_path / "qr").read_text() == "hunter22"


def test_what_a_user_wrote_after_a_crash_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "qr"
    PayloadFile(path).show_qr(QR, 20)  # and is never closed
    path.write_text("hunter22")
    with pytest.raises(ConfigError, match="was not written by wa-supervisor"):
        PayloadFile(path)
    assert path.read_text() == "hunter22"


@every_kind
def test_a_place_that_cannot_be_written_is_found_at_the_start(kind: type[FileSink]) -> None:
    from pathlib import Path  # noqa: PLC0415

    with pytest.raises(ConfigError, match="/proc cannot be written to"):
        kind(Path("/proc/qr"))


@every_kind
def test_it_is_said_once_where_the_code_is(
    tmp_path: Path, kind: type[FileSink], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "wa_supervisor")
    sink = kind(tmp_path / "qr")
    for _ in range(3):
        sink.show_qr(QR, 20)
    assert caplog.messages == [
        f"a code to link the device is in {tmp_path / 'qr'}, until it is dead or used"
    ]
