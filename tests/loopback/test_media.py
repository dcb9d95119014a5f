"""Files in messages, down and up, over the loopback alone."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from lab.bare import CallFailed
from loopback.conftest import Clients
from wa_loopback import ContentKind, LoopbackError, LoopbackServer, MediaKind
from wa_loopback.media import HOST, MediaStore
from wa_loopback.observations import Dialled, MediaRequested

DATA = secrets.token_bytes(100_000)


def test_a_file_is_kept_encrypted_and_read_again() -> None:
    store = MediaStore()
    file = store.add(DATA, MediaKind.DOCUMENT, name="data.bin")
    assert (file.size, store.read(file)) == (len(DATA), DATA)
    stored = store.get(file.path + "&hash=x")
    assert stored is not None
    assert DATA[:32] not in stored
    with pytest.raises(LoopbackError, match="MAC"):
        store.read(replace(file, key=bytes(32)))
    store.delete(file)
    with pytest.raises(LoopbackError, match="not here"):
        store.read(file)


@pytest.mark.e2e
@pytest.mark.parametrize("kind", MediaKind)
async def test_a_client_downloads_what_a_contact_sends(
    server: LoopbackServer, clients: Clients, kind: MediaKind
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    file = server.media.add(DATA, kind, mimetype="a/b", caption="look", name="data.bin")
    sent = ann.send_media(paired.phone, file)
    event = await paired.client.event("Message")
    assert (event["Info"]["Type"], event["Info"]["MediaType"]) == ("media", str(kind))
    fields = event["Message"][f"{kind}Message"]
    assert (fields["mimetype"], int(fields["fileLength"])) == ("a/b", len(DATA))
    assert bytes.fromhex(await paired.client.call("download", id=sent.id)) == DATA
    dialled = [seen.target for seen in server.log if isinstance(seen, Dialled)]
    assert set(dialled) == {"web.whatsapp.com:443", f"{HOST}:443"}


@pytest.mark.e2e
async def test_a_contact_reads_what_a_client_sends(
    server: LoopbackServer, clients: Clients
) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    await paired.client.call("send_document", to=str(ann.lid), data=DATA.hex(), name="data.bin")
    heard = await ann.next_message()
    assert heard.content.kind is ContentKind.MEDIA
    assert heard.content.media is not None
    assert (heard.content.media.name, heard.content.media.size) == ("data.bin", len(DATA))
    assert server.media.read(heard.content.media) == DATA


@pytest.mark.e2e
async def test_a_file_that_is_gone_is_an_error(server: LoopbackServer, clients: Clients) -> None:
    paired, ann = await clients.pair("--messages"), server.contact()
    file = server.media.add(DATA)
    sent = ann.send_media(paired.phone, file)
    await paired.client.event("Message")
    server.media.delete(file)
    with pytest.raises(CallFailed, match="404"):
        await paired.client.call("download", id=sent.id)
    server.media.status = 403
    with pytest.raises(CallFailed, match="upload failed with status code 403"):
        await paired.client.call("send_document", to=str(ann.lid), data="00", name="x")
    requested = [(e.method, e.status) for e in server.log if isinstance(e, MediaRequested)]
    assert requested == [("GET", 404), ("POST", 403)]
