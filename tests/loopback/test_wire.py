from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback import wire
from wa_loopback.errors import Malformed

numbers = st.integers(1, 2**20)
values: st.SearchStrategy[int | bytes] = st.integers(0, 2**64 - 1) | st.binary(max_size=300)


@given(st.dictionaries(numbers, values, max_size=8))
def test_what_was_encoded_decodes_to_the_same(expected: dict[int, int | bytes]) -> None:
    fields = wire.Fields(wire.message(expected.items()))
    for number, value in expected.items():
        assert number in fields
        read = fields.integer(number) if isinstance(value, int) else fields.raw(number)
        assert read == value


@given(st.binary(max_size=100))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(wire.Fields(data), wire.Fields)


def test_fixed_widths_are_skipped() -> None:
    data = b"\x09" + bytes(8) + b"\x15" + bytes(4) + b"\x18\x96\x01"
    assert wire.Fields(data).integer(3) == 150


def test_an_embedded_message_is_read() -> None:
    data = wire.message([(3, wire.message([(1, b"key")]))])
    assert wire.Fields(data).sub(3).raw(1) == b"key"


def test_an_absent_number_is_its_default_and_absent_bytes_are_malformed() -> None:
    assert wire.Fields(b"").integer(18) == 0
    with pytest.raises(Malformed):
        wire.Fields(b"").raw(1)


@pytest.mark.parametrize("data", [b"\x0a\x05abc", b"\x08\x80", b"\x0b", b"\x09\0\0", b"\x80" * 11])
def test_broken_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        wire.Fields(data)


def test_bytes_are_no_number() -> None:
    with pytest.raises(Malformed):
        wire.Fields(wire.message([(1, b"x")])).integer(1)
