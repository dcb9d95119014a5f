from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback.errors import Malformed
from wa_loopback.keys import KeyPair
from wa_loopback.signal import Keyring, Kind, PreKeyBundle, PublishedPreKeys, Sealed, Undecryptable
from wa_loopback.signal.chain import MOST_SKIPPED


def begun() -> tuple[Keyring, Keyring]:
    """Ann, who has begun a session with Bob, and Bob, who has not heard of it."""
    ann, bob = Keyring(), Keyring()
    ann.begin("bob", bob.prekeys.bundle())
    return ann, bob


def answered() -> tuple[Keyring, Keyring]:
    ann, bob = begun()
    bob.decrypt("ann", ann.encrypt("bob", b"hello"))
    ann.decrypt("bob", bob.encrypt("ann", b"hello yourself"))
    return ann, bob


@dataclass
class Wire:
    """What one side has sent and the other has not seen."""

    sender: Keyring
    receiver: Keyring
    names: tuple[str, str]
    flying: list[tuple[bytes, Sealed]] = field(default_factory=list)
    seen: list[tuple[bytes, Sealed]] = field(default_factory=list)

    def send(self, plaintext: bytes) -> None:
        self.flying.append((plaintext, self.sender.encrypt(self.names[1], plaintext)))

    def deliver(self, which: int) -> None:
        if self.flying:
            plaintext, sealed = self.flying.pop(which % len(self.flying))
            assert self.receiver.decrypt(self.names[0], sealed) == plaintext
            self.seen.append((plaintext, sealed))

    def repeat(self, which: int) -> None:
        if self.seen:
            with pytest.raises(Undecryptable):
                self.receiver.decrypt(self.names[0], self.seen[which % len(self.seen)][1])


MOVES = st.lists(
    st.tuples(st.sampled_from(["send", "deliver", "repeat"]), st.booleans(), st.integers(0, 9)),
    max_size=60,
)


@given(MOVES)
def test_messages_open_once_in_whatever_order_they_come(moves: list[tuple[str, bool, int]]) -> None:
    ann, bob = answered()
    wires = {True: Wire(ann, bob, ("ann", "bob")), False: Wire(bob, ann, ("bob", "ann"))}
    for number, (move, direction, which) in enumerate(moves):
        wire = wires[direction]
        if move == "send":
            wire.send(b"message %d" % number)
        elif move == "deliver":
            wire.deliver(which)
        else:
            wire.repeat(which)
    for wire in wires.values():
        while wire.flying:
            wire.deliver(0)


def test_a_session_begins_with_pkmsg_until_it_is_answered() -> None:
    ann, bob = begun()
    first, second = ann.encrypt("bob", b"1"), ann.encrypt("bob", b"2")
    assert first.kind is second.kind is Kind.PREKEY_MESSAGE
    assert [bob.decrypt("ann", each) for each in (second, first)] == [b"2", b"1"]
    answer = bob.encrypt("ann", b"3")
    assert answer.kind is Kind.MESSAGE
    assert ann.decrypt("bob", answer) == b"3"
    assert ann.encrypt("bob", b"4").kind is Kind.MESSAGE


def test_both_sides_may_begin_at_once() -> None:
    ann, bob = begun()
    bob.begin("ann", ann.prekeys.bundle())
    to_bob, to_ann = ann.encrypt("bob", b"1"), bob.encrypt("ann", b"2")
    assert bob.decrypt("ann", to_bob) == b"1"
    assert ann.decrypt("bob", to_ann) == b"2"
    for turn in range(6):
        assert bob.decrypt("ann", ann.encrypt("bob", b"%d" % turn)) == b"%d" % turn
        assert ann.decrypt("bob", bob.encrypt("ann", b"%d" % turn)) == b"%d" % turn


def test_a_session_begins_without_a_one_time_prekey() -> None:
    ann, bob = Keyring(), Keyring()
    ann.begin("bob", PublishedPreKeys(bob.prekeys.bundle()).take())
    assert bob.decrypt("ann", ann.encrypt("bob", b"hello")) == b"hello"


def test_a_one_time_prekey_serves_one_session() -> None:
    ann, bob, eve = Keyring(), Keyring(), Keyring()
    bundle = bob.prekeys.bundle()
    ann.begin("bob", bundle)
    eve.begin("bob", bundle)
    bob.decrypt("ann", ann.encrypt("bob", b"hello"))
    with pytest.raises(Undecryptable, match="used up"):
        bob.decrypt("eve", eve.encrypt("bob", b"hello"))


def test_an_opening_that_is_not_genuine_uses_no_prekey_up() -> None:
    ann, bob = begun()
    sealed = ann.encrypt("bob", b"hello")
    broken = bytearray(sealed.data)
    at = bytes(broken).rindex(b"\x28")  # the field after the message: its MAC ends before it
    broken[at - 1] ^= 1
    with pytest.raises(Undecryptable):
        bob.decrypt("ann", Sealed(sealed.kind, bytes(broken)))
    assert bob.decrypt("ann", sealed) == b"hello"


@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_flipped_bit_is_refused_and_changes_nothing(where: int, bit: int) -> None:
    ann, bob = answered()
    sealed = ann.encrypt("bob", b"hello")
    broken = bytearray(sealed.data)
    broken[where % len(broken)] ^= 1 << bit
    with pytest.raises(Undecryptable):
        bob.decrypt("ann", Sealed(sealed.kind, bytes(broken)))
    assert bob.decrypt("ann", sealed) == b"hello"


@given(st.sampled_from(Kind), st.binary(max_size=80))
def test_what_is_no_message_is_refused(kind: Kind, data: bytes) -> None:
    _ann, bob = answered()
    with pytest.raises(Undecryptable):
        bob.decrypt("ann", Sealed(kind, data))


def test_a_message_too_far_ahead_is_refused() -> None:
    ann, bob = answered()
    for _ in range(MOST_SKIPPED + 1):
        late = ann.encrypt("bob", b"lost")
    last = ann.encrypt("bob", b"too far")
    with pytest.raises(Undecryptable, match="too far ahead"):
        bob.decrypt("ann", last)
    assert bob.decrypt("ann", late) == b"lost"
    assert bob.decrypt("ann", last) == b"too far"


def test_a_bundle_that_its_identity_did_not_sign_is_refused() -> None:
    bundle = Keyring().prekeys.bundle()
    false = PreKeyBundle(
        bundle.registration, KeyPair().public, bundle.signed_id, bundle.signed, bundle.signature
    )
    with pytest.raises(Malformed, match="not signed"):
        Keyring().begin("bob", false)


def test_published_prekeys_are_handed_out_once_each_and_then_none() -> None:
    published = PublishedPreKeys(Keyring().prekeys.bundle())
    published.add({1: b"a" * 32, 2: b"b" * 32})
    assert [published.take().one_time for _ in range(3)] == [(1, b"a" * 32), (2, b"b" * 32), None]
    assert len(published) == 0


def test_nothing_secret_is_in_a_repr() -> None:
    ann, _bob = begun()
    assert repr(ann.encrypt("bob", b"hello")) == "Sealed(kind=<Kind.PREKEY_MESSAGE: 'pkmsg'>)"
    assert "seed" not in repr(KeyPair())


def test_prekeys_that_are_to_be_taken_first_are() -> None:
    published = PublishedPreKeys(Keyring().prekeys.bundle())
    published.add({1: b"a" * 32})
    published.add({2: b"b" * 32})
    published.add({3: b"c" * 32}, first=True)
    ids = [bundle.one_time[0] for bundle in (published.take() for _ in range(3)) if bundle.one_time]
    assert ids == [3, 1, 2]
