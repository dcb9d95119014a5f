"""Prekeys as nodes: what clients upload, and what they are given of others'."""

from __future__ import annotations

import hashlib

from .errors import Malformed
from .nodes import Node
from .signal import PreKeyBundle, PublishedPreKeys

_KEY_TYPE = b"\x05"


def bundle_nodes(bundle: PreKeyBundle) -> tuple[Node, ...]:
    """Write a bundle, as the answer to iq `encrypt`, `get`, `key` has it for each user."""
    signed = (*_key(bundle.signed_id, bundle.signed), Node("signature", {}, bundle.signature))
    one_time = () if bundle.one_time is None else (Node("key", {}, _key(*bundle.one_time)),)
    return (
        Node("registration", {}, bundle.registration.to_bytes(4, "big")),
        Node("type", {}, _KEY_TYPE),
        Node("identity", {}, bundle.identity),
        *one_time,
        Node("skey", {}, signed),
    )


def retry_nodes(bundle: PreKeyBundle) -> tuple[Node, Node]:
    """Write a bundle, as a retry receipt has it: `<registration>` and `<keys>`."""
    registration, *keys = bundle_nodes(bundle)
    return registration, Node("keys", {}, tuple(keys))


def digest_node(published: PublishedPreKeys) -> Node:
    """Write what a client has uploaded, so that it can see whether that is what it has."""
    bundle, one_time = published.bundle, published.one_time
    summed = hashlib.sha1(usedforsecurity=False)
    for part in (bundle.identity, bundle.signed, bundle.signature, *one_time.values()):
        summed.update(part)
    registration, kind, identity, signed = bundle_nodes(bundle)
    ids = tuple(Node("id", {}, key_id.to_bytes(3, "big")) for key_id in one_time)
    told = (registration, kind, identity, signed, Node("list", {}, ids))
    return Node("digest", {}, (*told, Node("hash", {}, summed.digest())))


def read_signed(rotated: Node) -> tuple[int, bytes, bytes]:
    """Read the signed prekey in `rotate`: id, key, signature. Raises `Malformed`."""
    signed = rotated.child("skey") or Node("skey")
    return (*_read_key(signed), _data(signed, "signature"))


def read_upload(upload: Node) -> tuple[PreKeyBundle, dict[int, bytes]]:
    """Read the prekeys which a client uploads: iq `encrypt`, `set`. Raises `Malformed`."""
    listed = upload.child("list")
    one_time = dict(_read_key(node) for node in (listed.children if listed else ()))
    return _read_bundle(upload, upload), one_time


def read_retry(receipt: Node) -> tuple[PreKeyBundle, dict[int, bytes]] | None:
    """Read the prekeys in a retry receipt; None if there are none. Raises `Malformed`."""
    keys = receipt.child("keys")
    if keys is None:
        return None
    one_time = keys.child("key")
    bundle = _read_bundle(receipt, keys)
    return bundle, {} if one_time is None else dict([_read_key(one_time)])


def _key(key_id: int, public: bytes) -> tuple[Node, ...]:
    return Node("id", {}, key_id.to_bytes(3, "big")), Node("value", {}, public)


def _read_bundle(registered: Node, keys: Node) -> PreKeyBundle:
    signed = keys.child("skey") or Node("skey")
    key_id, public = _read_key(signed)
    return PreKeyBundle(
        registration=int.from_bytes(_data(registered, "registration"), "big"),
        identity=_data(keys, "identity"),
        signed_id=key_id,
        signed=public,
        signature=_data(signed, "signature"),
    )


def _read_key(node: Node) -> tuple[int, bytes]:
    return int.from_bytes(_data(node, "id"), "big"), _data(node, "value")


def _data(node: Node, tag: str) -> bytes:
    child = node.child(tag)
    if child is None or not child.data:
        raise Malformed(f"prekeys have no {tag}")
    return child.data
