"""What a program sends is what the contact on the other side gets, and files go both ways."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from e2e.processes import until
from wa_loopback.messages import ContentKind, MediaKind
from wa_supervisor import (
    MediaDamaged,
    MediaGone,
    MediaTooLarge,
    MediaUnavailable,
    Misused,
)

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.harness import World

pytestmark = pytest.mark.e2e

OPEN = {"direct": "open"}


def png() -> bytes:
    """A picture of one red point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def drafts(directory: Path) -> list[Path]:
    """What is left of downloads, anywhere below."""
    return [*directory.rglob(".download-*")]


async def test_everything_that_can_be_sent_arrives_as_it_was_meant(world: World) -> None:
    run, connection = await world.paired(gate=OPEN)
    assert connection.device is not None
    session, ann, phone = run.supervisor, world.server.contact("Ann"), connection.device.phone
    async with session.messages() as messages:
        said = ann.say(phone, "question")
        question = await asyncio.wait_for(anext(messages), 20)

        answer = await session.reply(question, "answer")
        heard = await ann.next_message()
        assert (heard.id, heard.text, heard.content.quoted) == (answer.id, "answer", said.id)

        await session.react(question, "👍")
        reaction = (await ann.next_message()).content
        assert (reaction.kind, reaction.text, reaction.target) == (
            ContentKind.REACTION,
            "👍",
            said.id,
        )
        await session.react(question, "")
        taken_back = (await ann.next_message()).content
        assert (taken_back.kind, taken_back.text, taken_back.target) == (
            ContentKind.REACTION,
            "",
            said.id,
        )

        await session.edit(question.chat, answer, "better answer")
        edit = (await ann.next_message()).content
        assert (edit.kind, edit.text, edit.target) == (ContentKind.EDIT, "better answer", answer.id)
        await session.revoke(question.chat, answer)
        revoke = (await ann.next_message()).content
        assert (revoke.kind, revoke.target) == (ContentKind.REVOKE, answer.id)

        await session.mark_read(question)
        await until(lambda: (ann.receipts[-1].ids, ann.receipts[-1].type) == ((said.id,), "read"))
        async with session.typing(question.chat):
            await until(lambda: ann.chat_states == ["composing"])
        await until(lambda: ann.chat_states == ["composing", "paused"])

        picture = world.directory / "red.png"
        picture.write_bytes(png())
        await session.send_media(question.chat, picture, caption="red", reply_to=question)
        content = (await ann.next_message()).content
        assert content.media is not None
        assert content.media.kind is MediaKind.IMAGE
        assert (content.text, content.quoted) == ("red", said.id)
        assert world.server.media.read(content.media) == png()
        notes = world.directory / "notes.bin"
        notes.write_bytes(bytes(range(256)) * 100)
        await session.send_media(question.chat, notes)
        document = (await ann.next_message()).content.media
        assert document is not None
        assert (document.kind, document.name) == (MediaKind.DOCUMENT, "notes.bin")
        assert world.server.media.read(document) == notes.read_bytes()


async def test_the_file_of_a_message_is_downloaded_or_the_error_says_why_not(
    world: World, tmp_path: Path
) -> None:
    run, connection = await world.paired(gate=OPEN)
    assert connection.device is not None
    session, ann, phone = run.supervisor, world.server.contact("Ann"), connection.device.phone
    store = world.server.media
    photo, letter = png(), bytes(range(256)) * 1000
    async with session.messages() as messages:
        ann.send_media(phone, store.add(photo, mimetype="image/png", caption="red"))
        message = await asyncio.wait_for(anext(messages), 20)
        assert message.media is not None
        assert (message.text, message.media.mime, message.media.size) == (
            "red",
            "image/png",
            len(photo),
        )
        assert message.media.sha256 == hashlib.sha256(photo).digest()
        assert await message.media.download() == photo
        assert await session.download(message) == photo

        file = store.add(letter, MediaKind.DOCUMENT, name="letter.bin")
        ann.send_media(phone, file)
        document = await asyncio.wait_for(anext(messages), 20)
        assert document.media is not None
        target = tmp_path / "letter.bin"
        target.write_text("what was there before")
        with pytest.raises(MediaTooLarge):
            await document.media.download(target, max_bytes=1000)
        assert target.read_text() == "what was there before"
        assert await document.media.download(target) == target
        assert target.read_bytes() == letter
        assert target.stat().st_mode & 0o077 == 0

        store.spoil(file)
        with pytest.raises(MediaDamaged):
            await document.media.download()
        store.delete(file)
        with pytest.raises(MediaGone):
            await document.media.download()
        ann.say(phone, "no file")
        text = await asyncio.wait_for(anext(messages), 20)
        assert text.media is None
        with pytest.raises(Misused, match="no file"):
            await session.download(text)

        with pytest.raises(MediaUnavailable, match="within"):
            await message.media.download(timeout=0.0)
        world.server.refuse()
        run.kill()
        await run.reach("Backoff")
        with pytest.raises(MediaUnavailable) as caught:
            await message.media.download()
        assert caught.value.retriable
    await until(lambda: drafts(tmp_path) + drafts(world.data_dir) == [])
