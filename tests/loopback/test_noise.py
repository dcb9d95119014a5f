from __future__ import annotations

import time

import pytest

from loopback.initiator import HEADER, Initiator, login, registration
from wa_loopback import wire
from wa_loopback.errors import Malformed
from wa_loopback.noise import Cipher, Responder, ServerIdentity

IDENTITY = ServerIdentity.generate()
PAYLOAD = registration(b"i" * 32)


def test_both_sides_end_with_the_same_ciphers() -> None:
    client, server = Initiator(IDENTITY.root, PAYLOAD), Responder(IDENTITY, HEADER)
    done = server.finish(client.finish(server.hello(client.hello())))
    sending, receiving = client.ciphers()
    for n in range(3):
        assert done.receiving.decrypt(sending.encrypt(b"up %d" % n)) == b"up %d" % n
        assert receiving.decrypt(done.sending.encrypt(b"down %d" % n)) == b"down %d" % n
    assert done.client_static == client.static.public


def test_a_payload_without_a_user_is_a_registration() -> None:
    client, server = Initiator(IDENTITY.root, PAYLOAD), Responder(IDENTITY, HEADER)
    payload = server.finish(client.finish(server.hello(client.hello()))).payload
    assert (payload.username, payload.identity) == (None, b"i" * 32)


def test_a_payload_with_a_user_is_a_login() -> None:
    client = Initiator(IDENTITY.root, login("15550001111", 7))
    server = Responder(IDENTITY, HEADER)
    payload = server.finish(client.finish(server.hello(client.hello()))).payload
    assert (payload.username, payload.device) == (15550001111, 7)
    assert "15550001111" not in repr(payload)


def test_another_prologue_fails_the_handshake() -> None:
    client, server = Initiator(IDENTITY.root, PAYLOAD), Responder(IDENTITY, b"WA\x06\x02")
    with pytest.raises(Malformed):
        client.finish(server.hello(client.hello()))


def test_a_changed_finish_is_malformed() -> None:
    client, server = Initiator(IDENTITY.root, PAYLOAD), Responder(IDENTITY, HEADER)
    finish = bytearray(client.finish(server.hello(client.hello())))
    finish[-1] ^= 1
    with pytest.raises(Malformed):
        server.finish(bytes(finish))


@pytest.mark.parametrize(
    "hello", [b"", b"\x12\x00", wire.message([(2, wire.message([(1, b"k")]))])]
)
def test_a_hello_without_a_key_is_malformed(hello: bytes) -> None:
    with pytest.raises(Malformed):
        Responder(IDENTITY, HEADER).hello(hello)


def test_a_payload_which_is_neither_login_nor_registration_is_malformed() -> None:
    client, server = Initiator(IDENTITY.root, b""), Responder(IDENTITY, HEADER)
    with pytest.raises(Malformed):
        server.finish(client.finish(server.hello(client.hello())))


def test_the_certificates_are_valid_now() -> None:
    for position in (1, 2):
        details = wire.Fields(wire.Fields(IDENTITY.chain).sub(position).raw(1))
        assert details.integer(4) < time.time() < details.integer(5)


def test_a_message_out_of_turn_does_not_decrypt() -> None:
    key = b"k" * 32
    sender, receiver = Cipher(key), Cipher(key)
    sender.encrypt(b"lost")
    with pytest.raises(Malformed):
        receiver.decrypt(sender.encrypt(b"second"))
