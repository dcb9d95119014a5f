from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback.signal import ReceivedSenderKeys, Sealed, SenderKey, Undecryptable
from wa_loopback.signal.chain import MOST_SKIPPED


def told() -> tuple[SenderKey, ReceivedSenderKeys]:
    sender, member = SenderKey(), ReceivedSenderKeys()
    member.learn(sender.distribution())
    return sender, member


@given(st.integers(1, 20), st.randoms(use_true_random=False))
def test_group_messages_open_once_in_whatever_order_they_come(
    count: int, dice: random.Random
) -> None:
    sender, member = told()
    messages = [(b"%d" % number, sender.encrypt(b"%d" % number)) for number in range(count)]
    dice.shuffle(messages)
    for plaintext, sealed in messages:
        assert member.decrypt(sealed) == plaintext
    for _plaintext, sealed in messages:
        with pytest.raises(Undecryptable, match="decrypted before"):
            member.decrypt(sealed)


def test_who_is_told_late_reads_from_then_on() -> None:
    sender, member = SenderKey(), ReceivedSenderKeys()
    early = sender.encrypt(b"early")
    member.learn(sender.distribution())
    assert member.decrypt(sender.encrypt(b"late")) == b"late"
    with pytest.raises(Undecryptable):
        member.decrypt(early)


def test_a_distribution_told_again_forgets_no_skipped_message() -> None:
    sender, member = told()
    first = sender.encrypt(b"first")
    second = sender.encrypt(b"second")
    assert member.decrypt(second) == b"second"
    member.learn(sender.distribution())
    assert member.decrypt(first) == b"first"


def test_a_sender_may_change_its_key() -> None:
    old, member = told()
    new = SenderKey()
    member.learn(new.distribution())
    assert member.decrypt(new.encrypt(b"new")) == b"new"
    assert member.decrypt(old.encrypt(b"old")) == b"old"


def test_a_key_that_was_not_told_of_is_refused() -> None:
    _sender, member = told()
    with pytest.raises(Undecryptable, match="not known"):
        member.decrypt(SenderKey().encrypt(b"hello"))


@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_flipped_bit_is_refused_and_changes_nothing(where: int, bit: int) -> None:
    sender, member = told()
    sealed = sender.encrypt(b"hello")
    broken = bytearray(sealed.data)
    broken[where % len(broken)] ^= 1 << bit
    with pytest.raises(Undecryptable):
        member.decrypt(Sealed(sealed.kind, bytes(broken)))
    assert member.decrypt(sealed) == b"hello"


def test_a_message_too_far_ahead_is_refused() -> None:
    sender, member = told()
    for _ in range(MOST_SKIPPED + 1):
        sender.encrypt(b"lost")
    with pytest.raises(Undecryptable, match="too far ahead"):
        member.decrypt(sender.encrypt(b"hello"))


@given(st.binary(max_size=60))
def test_what_is_no_distribution_is_refused(data: bytes) -> None:
    with pytest.raises(Undecryptable):
        ReceivedSenderKeys().learn(data)
