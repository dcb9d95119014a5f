from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback import xeddsa

keys = st.binary(min_size=32, max_size=32)


def public_of(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


@given(keys, st.binary(max_size=200))
def test_what_was_signed_verifies(private: bytes, message: bytes) -> None:
    assert xeddsa.verify(public_of(private), message, xeddsa.sign(private, message))


@given(keys, st.binary(max_size=50), st.integers(0, 511))
def test_a_signature_with_one_flipped_bit_does_not_verify(
    private: bytes, message: bytes, bit: int
) -> None:
    flipped = bytearray(xeddsa.sign(private, message))
    flipped[bit // 8] ^= 1 << bit % 8
    assert not xeddsa.verify(public_of(private), message, bytes(flipped))


@given(keys, st.binary(max_size=50))
def test_another_message_does_not_verify(private: bytes, message: bytes) -> None:
    signature = xeddsa.sign(private, message)
    assert not xeddsa.verify(public_of(private), message + b"x", signature)


@given(keys, keys, st.binary(max_size=50))
def test_another_key_does_not_verify(private: bytes, other: bytes, message: bytes) -> None:
    if public_of(private) == public_of(other):
        return
    assert not xeddsa.verify(public_of(other), message, xeddsa.sign(private, message))


@given(keys, st.binary(max_size=50))
def test_a_signature_is_ed25519_of_the_converted_key(private: bytes, message: bytes) -> None:
    # RFC 7748, section 4.1: y = (u - 1) / (u + 1); the sign of x travels in the signature.
    prime = 2**255 - 19
    u = int.from_bytes(public_of(private), "little")
    y = (u - 1) * pow(u + 1, -1, prime) % prime
    signature = bytearray(xeddsa.sign(private, message))
    sign = signature[63] >> 7
    signature[63] &= 0x7F
    edwards = (y | sign << 255).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(edwards).verify(bytes(signature), message)


def test_both_signs_of_the_public_key_occur() -> None:
    signs = {xeddsa.sign(bytes([n]) * 32, b"")[63] >> 7 for n in range(20)}
    assert signs == {0, 1}


def test_the_same_entropy_repeats_a_signature_and_fresh_entropy_does_not() -> None:
    private, entropy = b"k" * 32, b"e" * 64
    first = xeddsa.sign(private, b"m", entropy=entropy)
    assert xeddsa.sign(private, b"m", entropy=entropy) == first
    assert xeddsa.sign(private, b"m") != xeddsa.sign(private, b"m")


@pytest.mark.parametrize("signature", [b"", b"\0" * 63, b"\0" * 65, b"\xff" * 64])
def test_what_is_no_signature_does_not_verify(signature: bytes) -> None:
    assert not xeddsa.verify(public_of(b"k" * 32), b"m", signature)


def test_a_public_key_which_is_no_point_of_the_curve_does_not_verify() -> None:
    signature = xeddsa.sign(b"k" * 32, b"m")
    assert not any(xeddsa.verify(bytes([n]) + b"\xff" * 31, b"m", signature) for n in range(256))
