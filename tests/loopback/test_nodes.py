from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback.errors import Malformed
from wa_loopback.nodes import SERVER, Jid, Node, Value, decode, encode

names = st.text(min_size=1, max_size=20)
users = st.text("0123456789", min_size=1, max_size=15)
jids = st.builds(Jid, users, st.sampled_from(["s.whatsapp.net", "lid", "g.us"])) | st.builds(
    Jid, users, st.sampled_from(["s.whatsapp.net", "lid"]), st.integers(0, 255)
)
values: st.SearchStrategy[Value] = st.text(max_size=300) | jids
attributes = st.dictionaries(names, values, max_size=4)
leaves = st.builds(Node, names, attributes, st.none() | st.binary(max_size=300))
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        Node, names, attributes, st.lists(inner, min_size=1, max_size=4).map(tuple)
    ),
    max_leaves=12,
)


@given(trees)
def test_what_was_encoded_decodes_to_the_same(node: Node) -> None:
    assert decode(encode(node)) == node


@given(trees)
def test_a_compressed_node_decodes_to_the_same(node: Node) -> None:
    assert decode(b"\x02" + zlib.compress(encode(node)[1:])) == node


@given(trees, st.data())
def test_a_cut_node_is_malformed(node: Node, data: st.DataObject) -> None:
    whole = encode(node)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(Malformed):
        decode(whole[:cut])


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(decode(data), Node)


def test_more_children_than_a_byte_counts_need_the_wide_list() -> None:
    node = Node("list", {}, tuple(Node("item") for _ in range(300)))
    assert len(decode(encode(node)).children) == 300


def test_content_longer_than_a_byte_counts_needs_the_wide_length() -> None:
    for size in (255, 256, (1 << 20) - 1, 1 << 20):
        assert len(decode(encode(Node("blob", {}, bytes(size)))).data) == size


def test_the_address_of_the_server_is_a_pair_with_an_empty_user() -> None:
    assert encode(Node("iq", {"from": SERVER})).endswith(b"\xfa\x00\xfc\x0es.whatsapp.net")
    assert decode(encode(Node("iq", {"from": SERVER}))).attrs["from"] == Jid("")


def test_a_device_address_is_typed() -> None:
    node = Node("device", {"jid": Jid("1555", device=3), "lid": Jid("1", "lid", 3)})
    assert b"\xf7\x00\x03\xfc\x041555" in encode(node)
    assert b"\xf7\x01\x03\xfc\x011" in encode(node)


def test_tokens_are_read_as_the_client_writes_them() -> None:
    # <iq id="1" xmlns="w:p" type="get" to="s.whatsapp.net"/>, all of it in tokens
    data = bytes([0, 248, 9, 25, 8, 85, 22, 87, 4, 41, 17, 3])
    attrs = {"id": "1", "xmlns": "w:p", "type": "get", "to": "s.whatsapp.net"}
    assert decode(data) == Node("iq", attrs)


def test_a_double_token_is_read() -> None:
    assert decode(bytes([0, 248, 1, 236, 24])) == Node("passive")


def test_an_unknown_token_becomes_a_placeholder() -> None:
    assert decode(bytes([0, 248, 1, 99])).tag == "token:99"
    assert decode(bytes([0, 248, 1, 237, 7])).tag == "token:1:7"


def test_packed_digits_and_hexadecimals_are_read() -> None:
    assert decode(bytes([0, 248, 1, 255, 0x82, 0x12, 0x3F])).tag == "123"
    assert decode(bytes([0, 248, 1, 255, 0x02, 0x1A, 0xB2])).tag == "1-.2"
    assert decode(bytes([0, 248, 1, 251, 0x02, 0xDE, 0xAD])).tag == "DEAD"


def test_content_in_tokens_is_read_as_bytes() -> None:
    assert decode(bytes([0, 248, 2, 158, 155])).data == b"true"


def test_neither_a_node_nor_an_address_shows_a_number() -> None:
    node = Node("device", {"jid": Jid("15550001111", device=3)}, b"15550001111")
    assert "15550001111" not in f"{node!r}{node.attrs!r}{node}"
