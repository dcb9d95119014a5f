from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback import xeddsa
from wa_loopback.keys import KeyPair

pairs = st.binary(min_size=32, max_size=32).map(KeyPair)


@given(pairs, st.binary(max_size=200))
def test_what_was_signed_verifies(pair: KeyPair, message: bytes) -> None:
    assert xeddsa.verify(pair.public, message, pair.sign(message))


@given(pairs, st.binary(max_size=50), st.integers(0, 511))
def test_a_signature_with_one_flipped_bit_does_not_verify(
    pair: KeyPair, message: bytes, bit: int
) -> None:
    flipped = bytearray(pair.sign(message))
    flipped[bit // 8] ^= 1 << bit % 8
    assert not xeddsa.verify(pair.public, message, bytes(flipped))


@given(pairs, st.binary(max_size=50))
def test_another_message_does_not_verify(pair: KeyPair, message: bytes) -> None:
    assert not xeddsa.verify(pair.public, message + b"x", pair.sign(message))


@given(pairs, pairs, st.binary(max_size=50))
def test_another_key_does_not_verify(pair: KeyPair, other: KeyPair, message: bytes) -> None:
    if pair.public == other.public:
        return
    assert not xeddsa.verify(other.public, message, pair.sign(message))


@given(pairs, st.binary(max_size=50))
def test_a_signature_is_ed25519_of_the_converted_key(pair: KeyPair, message: bytes) -> None:
    # RFC 7748, section 4.1: y = (u - 1) / (u + 1); the sign of x travels in the signature.
    prime = 2**255 - 19
    u = int.from_bytes(pair.public, "little")
    y = (u - 1) * pow(u + 1, -1, prime) % prime
    signature = bytearray(pair.sign(message))
    sign = signature[63] >> 7
    signature[63] &= 0x7F
    edwards = (y | sign << 255).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(edwards).verify(bytes(signature), message)


def test_both_signs_of_the_public_key_occur() -> None:
    signs = {KeyPair(bytes([n]) * 32).sign(b"")[63] >> 7 for n in range(20)}
    assert signs == {0, 1}


@given(pairs, pairs)
def test_two_pairs_agree_on_one_secret(ours: KeyPair, theirs: KeyPair) -> None:
    assert ours.agree(theirs.public) == theirs.agree(ours.public)


def test_a_seed_makes_one_pair_and_none_makes_a_new_one() -> None:
    assert KeyPair(b"s" * 32).public == KeyPair(b"s" * 32).public
    assert KeyPair().public != KeyPair().public


@pytest.mark.parametrize("signature", [b"", b"\0" * 63, b"\0" * 65, b"\xff" * 64])
def test_what_is_no_signature_does_not_verify(signature: bytes) -> None:
    assert not xeddsa.verify(KeyPair(b"k" * 32).public, b"m", signature)


def test_a_public_key_which_is_no_point_of_the_curve_does_not_verify() -> None:
    signature = KeyPair(b"k" * 32).sign(b"m")
    assert not any(xeddsa.verify(bytes([n]) + b"\xff" * 31, b"m", signature) for n in range(256))
