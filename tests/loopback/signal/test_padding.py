from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback.signal import Undecryptable
from wa_loopback.signal.padding import pad, unpad


@given(st.binary(max_size=100))
def test_padding_is_taken_off_again(plaintext: bytes) -> None:
    padded = pad(plaintext)
    assert 1 <= len(padded) - len(plaintext) <= 15
    assert unpad(padded) == plaintext


def test_255_bytes_of_padding_are_accepted_as_whatsmeow_does() -> None:
    assert unpad(b"text" + b"\xff" * 255) == b"text"


@pytest.mark.parametrize("padded", [b"", b"\0", b"text\x02", b"\x05\x05"])
def test_what_is_not_padded_is_refused(padded: bytes) -> None:
    with pytest.raises(Undecryptable):
        unpad(padded)
