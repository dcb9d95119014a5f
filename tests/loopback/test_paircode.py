from __future__ import annotations

import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wa_loopback import paircode
from wa_loopback.errors import Malformed, WrongCode
from wa_loopback.keys import KeyPair, hkdf
from wa_loopback.nodes import Attrs, Jid, Node
from wa_loopback.paircode import CodePairing, normalised

CODE = "ABCD1234"


class Companion:
    """The client's side of the exchange, after whatsmeow's pair-code.go."""

    def __init__(self) -> None:
        self.identity = KeyPair()
        self.ephemeral = KeyPair()
        self.random = secrets.token_bytes(32)

    def hello(self) -> Node:
        wrapped = paircode._wrap(CODE, self.ephemeral.public)
        key = Node("link_code_pairing_wrapped_companion_ephemeral_pub", {}, wrapped)
        attrs: Attrs = {"jid": Jid("15550001111"), "stage": "companion_hello"}
        return Node("link_code_companion_reg", attrs, (key,))

    def finish(self, notification: Node) -> tuple[Node, bytes]:
        registration = notification.children[0]
        parts = {child.tag: child.data for child in registration.children}
        account = parts["primary_identity_pub"]
        wrapped = parts["link_code_pairing_wrapped_primary_ephemeral_pub"]
        shared = self.ephemeral.agree(paircode._unwrap(CODE, wrapped))
        salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
        info = b"link_code_pairing_key_bundle_encryption_key"
        plain = self.identity.public + account + self.random
        sealed = AESGCM(hkdf(shared, salt=salt, info=info, size=32)).encrypt(nonce, plain, None)
        bundle = Node("link_code_pairing_wrapped_key_bundle", {}, salt + nonce + sealed)
        seed = shared + self.identity.agree(account) + self.random
        finish = Node("link_code_companion_reg", {"stage": "companion_finish"}, (bundle,))
        return finish, hkdf(seed, info=b"adv_secret", size=32)


async def test_both_sides_arrive_at_the_same_secret() -> None:
    companion, account, ephemeral = Companion(), KeyPair(), KeyPair()
    pairing = CodePairing.from_hello(companion.hello())
    finish, secret = companion.finish(pairing.primary_hello(CODE, ephemeral, account))
    assert pairing.secret(CODE, ephemeral, account, finish) == (companion.identity.public, secret)


async def test_another_code_is_refused() -> None:
    companion, account, ephemeral = Companion(), KeyPair(), KeyPair()
    pairing = CodePairing.from_hello(companion.hello())
    finish, _ = companion.finish(pairing.primary_hello("ZZZZ9999", ephemeral, account))
    with pytest.raises(WrongCode):
        pairing.secret("ZZZZ9999", ephemeral, account, finish)


async def test_a_hello_without_a_phone_or_a_key_is_malformed() -> None:
    for attrs in ({}, {"jid": Jid("1555")}):
        with pytest.raises(Malformed):
            CodePairing.from_hello(Node("link_code_companion_reg", attrs))


async def test_the_number_is_not_shown() -> None:
    assert "15550001111" not in repr(CodePairing.from_hello(Companion().hello()))


def test_a_code_is_read_as_people_type_it() -> None:
    assert normalised(" abcd-1234\n") == CODE
