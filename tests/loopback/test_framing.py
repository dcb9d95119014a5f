from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback.errors import Malformed
from wa_loopback.framing import MAX_FRAME, FrameReader, frame

HEADER = b"WA\x06\x03"


@given(st.lists(st.binary(max_size=400), max_size=6), st.data())
def test_frames_survive_any_split_of_the_stream(frames: list[bytes], data: st.DataObject) -> None:
    stream = HEADER + b"".join(frame(each) for each in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, received = FrameReader(), list[bytes]()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += reader.feed(stream[start:end])
    assert received == frames
    assert reader.header == HEADER


def test_the_length_is_three_bytes_big_endian() -> None:
    assert frame(bytes(0x010203))[:3] == b"\x01\x02\x03"


def test_a_frame_is_never_longer_than_its_length_can_say() -> None:
    with pytest.raises(Malformed):
        frame(bytes(MAX_FRAME + 1))


def test_a_stream_of_something_else_is_malformed() -> None:
    with pytest.raises(Malformed):
        FrameReader().feed(b"GET / HTTP/1.1\r\n")


def test_the_header_is_missing_until_it_came() -> None:
    reader = FrameReader()
    assert reader.feed(b"WA\x06") == []
    with pytest.raises(Malformed):
        _ = reader.header
