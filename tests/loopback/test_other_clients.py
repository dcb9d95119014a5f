"""What clients other than neonize need of the server, shown with the smallest client there is."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import AsyncIterator

import pytest

from lab.clients.minimal import Gone, MinimalClient
from wa_loopback import Device, LoopbackServer, LoopbackTimeout, Malformed, Phone, UnknownRef
from wa_loopback.framing import FrameReader, frame
from wa_loopback.nodes import Attrs, Jid, Node, decode
from wa_loopback.noise import IK, XX, XX_FALLBACK, ServerIdentity
from wa_loopback.observations import UnknownRequest, Violation
from wa_loopback.tokens import DOUBLE, SINGLE
from wa_loopback.trace import Tracer

NUMBER = "15550001111"


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer(ws_port=0) as running:
        running.restart_closes_after = 0.0
        yield running


@pytest.fixture
async def client(server: LoopbackServer) -> AsyncIterator[MinimalClient]:
    assert server.endpoint.ws is not None
    async with MinimalClient(server.endpoint.ws) as one:
        yield one


async def pair(client: MinimalClient, phone: Phone) -> Device:
    await client.connect()
    scanning = asyncio.ensure_future(phone.scan(await client.qr()))
    await client.sign()
    return await scanning


async def test_the_plain_door_leads_to_pairing_restart_and_login(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone(NUMBER))
    assert (await client.expect("stream:error")).text("code") == "515"
    await client.log_in()
    assert (await server.wait_connected(device)).device is device
    assert (await client.ask("w:p", "get")).text("type") == "result"


async def test_a_restart_comes_late_and_the_server_closes_if_the_client_does_not(
    server: LoopbackServer, client: MinimalClient
) -> None:
    server.restart_after, server.restart_closes_after = 0.1, 0.1
    await pair(client, server.phone())
    signed = time.monotonic()
    await client.expect("stream:error")
    assert time.monotonic() - signed > 0.05
    with pytest.raises(Gone):
        await client.receive()


async def test_a_login_that_is_not_passive_is_finished_at_once(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone())
    client.passive = False
    await client.log_in()
    assert (await server.wait_connected(device)).ready


async def test_what_waited_is_followed_by_how_much_it_was_even_if_nothing(
    server: LoopbackServer, client: MinimalClient
) -> None:
    await pair(client, server.phone())
    await client.log_in()
    assert (await client.expect("ib")).children == (Node("offline", {"count": "0"}),)


async def test_a_frozen_login_is_no_finished_one(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone())
    await client.log_in()
    (await server.wait_connected(device)).freeze()
    with pytest.raises(LoopbackTimeout):
        await server.wait_connected(device, timeout=0.05)


async def test_a_client_that_knows_the_servers_key_resumes_in_one_exchange(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone())
    assert client.pattern == XX
    await client.log_in()
    assert client.pattern == IK
    connection = await server.wait_connected(device)
    assert connection.client.resumed
    assert (await client.ask("w:p", "get")).text("type") == "result"


async def test_a_client_that_knows_another_key_falls_back_to_the_whole_handshake(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone())
    client.server_key = ServerIdentity.generate().static.public
    await client.log_in()
    assert client.pattern == XX_FALLBACK
    await server.wait_connected(device)
    assert client.server_key == server._identity.static.public


def test_a_seed_gives_the_same_keys_each_time() -> None:
    first, again, other = (ServerIdentity.generate(seed) for seed in (7, 7, 8))
    assert (first.root, first.static) == (again.root, again.static)
    assert first.root != other.root


@pytest.mark.parametrize("part", [1, 2])
async def test_a_code_with_another_key_than_the_clients_links_nobody(
    server: LoopbackServer, client: MinimalClient, part: int
) -> None:
    await client.connect()
    parts = (await client.qr()).split(",")
    parts[part] = base64.b64encode(bytes(32)).decode()
    with pytest.raises(UnknownRef):
        await server.phone().scan(",".join(parts))


@pytest.mark.parametrize("header", [b"WA\x05\x03", b"WA\x06\x02", b"XX\x06\x03"])
def test_another_version_of_the_protocol_or_the_dictionary_is_malformed(header: bytes) -> None:
    with pytest.raises(Malformed):
        FrameReader().feed(header)


@pytest.mark.parametrize("size", [0, 5, 300])
def test_routing_information_comes_before_the_header_however_it_is_split(size: int) -> None:
    routing = bytes(size)
    stream = b"ED\x00\x01" + size.to_bytes(3, "big") + routing + b"WA\x06\x03" + frame(b"hello")
    whole, bytewise = FrameReader(), FrameReader()
    assert whole.feed(stream) == [b"hello"]
    assert [each for byte in stream for each in bytewise.feed(bytes([byte]))] == [b"hello"]
    assert whole.routing == bytewise.routing == routing
    assert whole.header == b"WA\x06\x03"


async def test_routing_information_is_taken_in_the_stream_and_in_the_url(
    client: MinimalClient,
) -> None:
    client.opening = b"ED\x00\x01\x00\x00\x02ab" + client.opening
    client.url += "?ED=YWI"
    await client.connect()
    assert await client.qr()


async def test_a_header_of_another_version_ends_the_connection(
    server: LoopbackServer, client: MinimalClient
) -> None:
    client.opening = b"WA\x06\x02"
    with pytest.raises(Gone):
        await client.connect()
    assert any(isinstance(each, Violation) for each in server.log)


@pytest.mark.parametrize("jid", [f"{NUMBER}@s.whatsapp.net", Jid(NUMBER)])
async def test_a_number_may_be_an_address_or_text(
    server: LoopbackServer, client: MinimalClient, jid: str | Jid
) -> None:
    await client.connect()
    await client.qr()
    wrapped = Node("link_code_pairing_wrapped_companion_ephemeral_pub", {}, bytes(80))
    attrs: Attrs = {"jid": jid, "stage": "companion_hello"}
    answer = await client.ask("md", "set", Node("link_code_companion_reg", attrs, (wrapped,)))
    assert answer.text("type") == "result"
    (connection,) = server.connections
    assert connection.code_pairing is not None
    assert connection.code_pairing.number == NUMBER


@pytest.mark.parametrize("text", ["", "15550001111", "@lid", "1:x@lid", "1@"])
def test_text_which_is_no_address_is_none(text: str) -> None:
    assert Jid.parse(text) is None


def test_an_address_of_a_device_is_read_from_text() -> None:
    assert Jid.parse("1555:3@s.whatsapp.net") == Jid("1555", device=3)


@pytest.mark.parametrize(
    "case",
    [
        ("abt", "get", "props", "props"),
        ("w", "get", "props", "props"),
        ("w:m", "set", "media_conn", "media_conn"),
        ("privacy", "get", "privacy", "privacy"),
        ("blocklist", "get", "blocklist", "list"),
        ("urn:xmpp:whatsapp:dirty", "set", "clean", None),
        ("w:stats", "set", "add", None),
        ("status", "get", "status", "status"),
        ("w:biz", "get", "business_profile", "business_profile"),
        ("w:mex", "get", "query", "result"),
        ("disappearing_mode", "get", "query", "disappearing_mode"),
        ("bot", "get", "bot", "bot"),
    ],
)
async def test_what_clients_ask_at_a_login_is_answered(
    server: LoopbackServer,
    client: MinimalClient,
    case: tuple[str, str, str, str | None],
) -> None:
    xmlns, kind, content, answer = case
    await pair(client, server.phone())
    await client.log_in()
    got = await client.ask(xmlns, kind, Node(content))
    assert (got.text("type"), [each.tag for each in got.children]) == (
        "result",
        [answer] if answer else [],
    )


async def test_the_state_of_the_application_is_what_the_client_has(
    server: LoopbackServer, client: MinimalClient
) -> None:
    await pair(client, server.phone())
    await client.log_in()
    asked = Node("collection", {"name": "regular", "version": "4"})
    patched = Node(
        "collection", {"name": "regular_low", "version": "4"}, (Node("patch", {}, b"p"),)
    )
    (sync,) = (
        await client.ask("w:sync:app:state", "set", Node("sync", {}, (asked, patched)))
    ).children
    told = [(each.text("name"), each.text("version")) for each in sync.children]
    assert told == [("regular", "4"), ("regular_low", "5")]


async def test_what_is_unknown_is_told_so(server: LoopbackServer, client: MinimalClient) -> None:
    await client.connect()
    await client.qr()
    answer = await client.ask("w:nothing", "get", Node("x"))
    assert answer.children[0].text("code") == "501"
    assert UnknownRequest("w:nothing", "get", "x") in server.log


def upload(client: MinimalClient, *, signature: bytes | None = None) -> tuple[Node, ...]:
    signed = client.identity.sign(b"\x05" + b"s" * 32) if signature is None else signature
    keys = [(Node("id", {}, b"\x00\x00\x07"), Node("value", {}, b"k" * 32))]
    return (
        Node("registration", {}, b"\x00\x00\x00\x01"),
        Node("type", {}, b"\x05"),
        Node("identity", {}, client.identity.public),
        Node("list", {}, tuple(Node("key", {}, key) for key in keys)),
        Node(
            "skey",
            {},
            (
                Node("id", {}, b"\x00\x00\x01"),
                Node("value", {}, b"s" * 32),
                Node("signature", {}, signed),
            ),
        ),
    )


async def test_the_digest_of_the_keys_is_that_of_what_was_uploaded(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone())
    await client.log_in()
    before = await client.ask("encrypt", "get", Node("digest"))
    assert before.children[0].text("code") == "404"
    await client.ask("encrypt", "set", *upload(client))
    (digest,) = (await client.ask("encrypt", "get", Node("digest"))).children
    parts = {each.tag: each for each in digest.children}
    assert parts["identity"].data == client.identity.public
    assert [each.data for each in parts["list"].children] == [b"\x00\x00\x07"]
    first = parts["hash"].data
    assert device.prekeys is not None
    device.prekeys.take()
    (digest,) = (await client.ask("encrypt", "get", Node("digest"))).children
    assert digest.children[-1].data != first


async def test_a_rotated_signed_prekey_takes_the_place_of_the_one_before(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone())
    await client.log_in()
    await client.ask("encrypt", "set", *upload(client))
    signature = client.identity.sign(b"\x05" + b"n" * 32)
    new = (Node("id", {}, b"\x00\x00\x02"), Node("value", {}, b"n" * 32))
    skey = Node("skey", {}, (*new, Node("signature", {}, signature)))
    await client.ask("encrypt", "set", Node("rotate", {}, (skey,)))
    assert device.take_bundle().signed == b"n" * 32


async def test_prekeys_with_a_false_signature_are_refused(
    server: LoopbackServer, client: MinimalClient
) -> None:
    device = await pair(client, server.phone())
    await client.log_in()
    answer = await client.ask("encrypt", "set", *upload(client, signature=bytes(64)))
    assert answer.children[0].text("code") == "406"
    assert device.prekeys is None


async def test_the_version_of_whatsapp_web_can_be_read(server: LoopbackServer) -> None:
    assert server.endpoint.ws is not None
    port = int(server.endpoint.ws.rpartition(":")[2].partition("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /sw.js HTTP/1.1\r\nHost: web.whatsapp.com\r\n\r\n")
    assert b"client_revision" in await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_a_trace_shows_what_was_said_and_nothing_of_people_or_keys(
    server: LoopbackServer, client: MinimalClient
) -> None:
    log = io.StringIO()
    server.tracer = Tracer(log)
    ann = server.contact("Ann Secret")
    phone = server.phone(NUMBER)
    device = await pair(client, phone)
    await client.log_in()
    await client.ask("encrypt", "set", *upload(client))
    await server.wait_connected(device)
    ann.say(phone, "a word for nobody")
    await client.expect("message")
    text = log.getvalue()
    for shown in ('xmlns="encrypt"', "<pair-device>", 'code="515"', "#2 client", "<message "):
        assert shown in text
    secrets = [NUMBER, ann.number, ann.lid.user, phone.lid.user, "Ann Secret", "a word"]
    refs = [ref.decode() for ref in server.refs]
    for hidden in [*secrets, *refs, client.secret.hex(), client.identity.public.hex()]:
        assert hidden not in text


async def test_a_trace_with_secrets_shows_them(
    server: LoopbackServer, client: MinimalClient
) -> None:
    log = io.StringIO()
    server.tracer = Tracer(log, secrets=True)
    await pair(client, server.phone(NUMBER))
    assert f"{NUMBER}:1@s.whatsapp.net" in log.getvalue()


SEEN_SINGLE = (
    {9: "notification", 14: "user", 15: "devices", 19: "message", 21: "class", 27: "ack"}
    | {31: "presence", 45: "0", 58: "media_conn", 69: "2", 84: "version", 86: "ping", 92: "props"}
    | {95: "hash", 97: "last", 106: "mode", 109: "query", 121: "usync", 125: "context"}
    | {136: "available", 137: "name", 143: "index", 194: "w:m", 226: "privacy"}
)
SEEN_DOUBLE = (
    {(0, 3): "protocol", (0, 15): "false", (0, 46): "reason", (0, 91): "collection"}
    | {(0, 99): "critical_unblock_low", (0, 156): "w:sync:app:state", (0, 217): "blocklist"}
    | {(0, 227): "sync", (0, 239): "abt", (1, 30): "return_snapshot", (2, 63): "w"}
    | {(2, 161): "critical_block"}
)


def test_the_tokens_which_eight_clients_were_seen_to_send_are_known() -> None:
    assert SEEN_SINGLE.items() <= SINGLE.items()
    assert SEEN_DOUBLE.items() <= DOUBLE.items()
    assert decode(bytes([0, 248, 1, 236, 217])).tag == "blocklist"


def test_a_trace_names_the_server_however_it_is_written() -> None:
    log = io.StringIO()
    tracer = Tracer(log)
    attrs: Attrs = {"to": "s.whatsapp.net", "id": "7", "jid": f"{NUMBER}@s.whatsapp.net"}
    tracer.wrote(tracer.opened(), Node("iq", attrs), by_client=True)
    assert '<iq to="server" id="7" jid="(' in log.getvalue()
    assert NUMBER not in log.getvalue()
