"""Events become messages; whatever their bytes are, the worst is a MalformedEvent."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messages.protobuf_bytes import (
    ALICE,
    ALICE_PHONE,
    AT,
    GROUP,
    NOBODY,
    info,
    message_event,
    sized,
    tagged,
    text_event,
    undecryptable_event,
    varint,
)
from wa_supervisor.gate import (
    Broadcast,
    Envelope,
    Group,
    Identity,
    Lid,
    Newsletter,
    Phone,
    Status,
)
from wa_supervisor.messages import schema
from wa_supervisor.messages.errors import MalformedEvent
from wa_supervisor.messages.message import Kind, Location, Media, Message, Quoted
from wa_supervisor.messages.parse import glance, parse
from wa_supervisor.messages.record import LATE, Header, Record
from wa_supervisor.testing.events import write

ME = Identity(Lid("777"), Phone("4917777"))
ALICE_IDENTITY = Identity(Lid("111"), Phone("4915111"))


def record(
    data: bytes, event: int = schema.MESSAGE_EVENT, *, flags: int = 0, connected: int = 0
) -> Record:
    return Record(Header(event, flags, 1, time.time_ns(), connected, len(data), 0), data)


def key_of(record: Record) -> bytes | None:
    return glance(record).key


def parsed(data: bytes, own: Identity | None = ME, **header: int) -> Message:
    found = parse(record(data, **header), own)
    assert found is not None
    return found


def of(content: dict[str, Any], **more: Any) -> Message:
    return parsed(message_event(content, **more))


# -- who, where, when -----------------------------------------------------------------------------


def test_a_direct_message_is_read_as_it_was_sent() -> None:
    data = text_event("hello")
    message = parsed(data)
    assert message.id == "3EB0ID"
    assert message.chat == message.sender == ALICE_IDENTITY
    assert message.at == datetime(2026, 11, 24, 17, 26, 36, tzinfo=UTC)
    assert abs(datetime.now(UTC) - message.received_at) < timedelta(seconds=10)
    assert (message.kind, message.text) == (Kind.TEXT, "hello")
    assert message.push_name == "Alice"
    assert message.raw == data
    assert not message.is_group
    assert not message.from_me
    assert not message.late
    assert (message.quoted, message.media, message.location) == (None, None, None)


def test_a_group_message_names_its_sender() -> None:
    message = parsed(text_event("hello", Chat=GROUP))
    assert message.chat == Group("12036300")
    assert message.is_group
    assert message.sender == ALICE_IDENTITY


@pytest.mark.parametrize(
    ("user", "server", "chat"),
    [
        ("123", "newsletter", Newsletter("123")),
        ("status", "broadcast", Status()),
        ("170000", "broadcast", Broadcast("170000")),
    ],
)
def test_what_is_no_group_to_a_person_is_none_here(user: str, server: str, chat: object) -> None:
    jid = {"User": user, "Server": server}
    sender = jid if server == "newsletter" else ALICE
    alt = NOBODY if server == "newsletter" else ALICE_PHONE
    message = parsed(text_event("news", Chat=jid, Sender=sender, SenderAlt=alt))
    assert message.chat == chat
    assert not message.is_group
    assert message.sender == (None if server == "newsletter" else ALICE_IDENTITY)


def test_our_own_message_from_the_phone_was_written_to_the_other_person() -> None:
    me = {"User": "777", "Server": "lid"}
    message = parsed(
        text_event(
            "hi",
            Chat=ALICE,
            Sender=me,
            SenderAlt=NOBODY,
            RecipientAlt=ALICE_PHONE,
            IsFromMe=True,
        )
    )
    assert message.from_me
    assert message.sender == Identity(Lid("777"))
    assert message.chat == ALICE_IDENTITY


@pytest.mark.parametrize(
    ("device", "mine", "when", "seen"),
    [
        (0, True, 1764005196000, 1764005196000),
        (0, True, 1 << 62, "arrival"),
        (12, True, 1764005196000, 0),
        (0, False, 1764005196000, 0),
    ],
    ids=["the phone", "its clock is ahead", "another linked device", "somebody else"],
)
@pytest.mark.parametrize("content", [{"conversation": "x"}, {}], ids=["a text", "for no reader"])
def test_what_our_own_phone_sends_is_a_sign_of_it(
    content: dict[str, Any], device: int, mine: bool, when: int, seen: int | str
) -> None:
    me = {"User": "777", "Server": "lid", "Device": device}
    values = info(Chat=ALICE, Sender=me, IsFromMe=mine) | {"Timestamp": when}
    found = record(write(schema.EVENT, {"Info": values, "Message": content}))
    expected = found.header.arrived // 1_000_000 if seen == "arrival" else seen
    assert glance(found).phone_at == expected
    assert (glance(found).key is None) == (content == {})


def test_a_time_that_no_calendar_has_is_when_it_came() -> None:
    for impossible in (1 << 62, -1):
        values = info() | {"Timestamp": impossible}
        message = parsed(write(schema.EVENT, {"Info": values, "Message": {"conversation": "x"}}))
        assert (message.at == message.received_at) == (impossible > 0)


def test_a_message_is_late_if_it_waited_or_is_older_than_the_connection() -> None:
    data = text_event("x")
    at = AT * 1_000_000
    assert parsed(data, flags=LATE).late
    assert not parsed(data, connected=at - 10**9).late
    assert not parsed(data, connected=at + 29 * 10**9).late
    assert parsed(data, connected=at + 31 * 10**9).late
    assert of({"conversation": "x"}, more={"RetryCount": 1}).late


# -- what -----------------------------------------------------------------------------------------

FILE = {"mimetype": "x/y", "fileLength": 9, "fileSHA256": b"\1\2"}


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ({"conversation": "a"}, Kind.TEXT, "a"),
        ({"imageMessage": FILE | {"caption": "a"}}, Kind.IMAGE, "a"),
        ({"videoMessage": FILE | {"caption": "a"}}, Kind.VIDEO, "a"),
        ({"ptvMessage": FILE}, Kind.VIDEO_NOTE, ""),
        ({"audioMessage": FILE}, Kind.AUDIO, ""),
        ({"audioMessage": FILE | {"PTT": True}}, Kind.VOICE, ""),
        ({"documentMessage": FILE | {"fileName": "f", "caption": "a"}}, Kind.DOCUMENT, "a"),
        ({"stickerMessage": FILE}, Kind.STICKER, ""),
        ({"contactMessage": {"displayName": "a"}}, Kind.CONTACT, "a"),
        ({"contactsArrayMessage": {"displayName": "a"}}, Kind.CONTACT, "a"),
        ({"locationMessage": {"name": "a", "address": "b"}}, Kind.LOCATION, "a"),
        ({"liveLocationMessage": {"caption": "a"}}, Kind.LOCATION, "a"),
        ({"pollCreationMessageV3": {"name": "a"}}, Kind.POLL, "a"),
        ({"pollUpdateMessage": {}}, Kind.POLL_VOTE, ""),
        ({"eventMessage": {"name": "a"}}, Kind.EVENT, "a"),
        ({"groupInviteMessage": {"groupName": "a"}}, Kind.GROUP_INVITE, "a"),
        ({"buttonsMessage": {"contentText": "a"}}, Kind.MENU, "a"),
        ({"listMessage": {"title": "a"}}, Kind.MENU, "a"),
        ({"interactiveMessage": {"body": {"text": "a"}}}, Kind.MENU, "a"),
        ({"templateMessage": {"hydratedTemplate": {"hydratedContentText": "a"}}}, Kind.MENU, "a"),
        ({"buttonsResponseMessage": {"selectedDisplayText": "a"}}, Kind.CHOICE, "a"),
        ({"listResponseMessage": {"title": "a"}}, Kind.CHOICE, "a"),
        ({"templateButtonReplyMessage": {"selectedDisplayText": "a"}}, Kind.CHOICE, "a"),
        ({"interactiveResponseMessage": {"body": {"text": "a"}}}, Kind.CHOICE, "a"),
        ({"encReactionMessage": {}}, Kind.ENCRYPTED, ""),
        ({"secretEncryptedMessage": {}}, Kind.ENCRYPTED, ""),
    ],
)
def test_every_kind_is_told_apart_and_its_text_is_found(
    content: dict[str, Any], kind: Kind, text: str
) -> None:
    message = of(content)
    assert (message.kind, message.text) == (kind, text)


@pytest.mark.parametrize("wrapper", schema.WRAPPERS)
def test_a_content_is_found_in_every_wrapper(wrapper: str) -> None:
    inner = {"imageMessage": FILE | {"caption": "a"}}
    assert of({wrapper: {"message": inner}}).text == "a"
    assert of({"ephemeralMessage": {"message": {wrapper: {"message": inner}}}}).text == "a"


def test_what_we_sent_from_the_phone_is_found_in_its_wrapper() -> None:
    assert of({"deviceSentMessage": {"message": {"conversation": "a"}}}).text == "a"


def test_media_is_described() -> None:
    content = {"documentMessage": FILE | {"fileName": "a.pdf"}}
    assert of(content).media == Media("x/y", 9, b"\1\2", name="a.pdf")
    content = {"videoMessage": FILE | {"seconds": 3, "width": 4, "height": 5, "viewOnce": True}}
    message = of(content)
    assert message.media == Media("x/y", 9, b"\1\2", None, 3, 4, 5)
    assert message.view_once
    assert of({"imageMessage": FILE}, more={"IsViewOnceV2": True}).view_once
    assert not of({"imageMessage": FILE}).view_once


def test_a_place_has_its_coordinates() -> None:
    place = {"degreesLatitude": 52.5, "degreesLongitude": -13.4}
    assert of({"locationMessage": place}).location == Location(52.5, -13.4)


@pytest.mark.parametrize("degrees", [math.nan, math.inf, -math.inf, 180.1, 1e300])
def test_what_is_no_place_on_earth_has_no_coordinates(degrees: float) -> None:
    for name in ("degreesLatitude", "degreesLongitude"):
        message = of({"locationMessage": {name: degrees}})
        assert (message.kind, message.location) == (Kind.LOCATION, None)


def test_an_answer_quotes_and_mentions() -> None:
    context = {
        "stanzaID": "3EB0OTHER",
        "participant": "4917777:3@s.whatsapp.net",
        "quotedMessage": {"imageMessage": {"caption": "before"}},
        "mentionedJID": ["777@lid", "111@lid", "nonsense", "999@g.us"],
        "isForwarded": True,
    }
    data = message_event({"extendedTextMessage": {"text": "@me", "contextInfo": context}})
    message = parsed(data)
    assert message.quoted == Quoted(
        "3EB0OTHER", Identity(None, Phone("4917777")), Kind.IMAGE, "before"
    )
    assert message.mentions == (Identity(Lid("777")), Identity(Lid("111")))
    assert message.mentions_me
    assert message.replies_to_me
    assert message.forwarded
    anonymous = parsed(data, own=None)
    assert not anonymous.mentions_me
    assert not anonymous.replies_to_me


def test_a_number_is_never_taken_for_our_lid() -> None:
    context = {
        "stanzaID": "3EB0",
        "participant": "777@s.whatsapp.net",
        "mentionedJID": ["4917777@lid"],
    }
    message = of({"extendedTextMessage": {"text": "x", "contextInfo": context}})
    assert not message.mentions_me
    assert not message.replies_to_me


def test_reactions_edits_and_revokes_name_what_they_are_about() -> None:
    key = {"ID": "3EB0OLD"}
    reaction = of({"reactionMessage": {"key": key, "text": "+"}})
    assert (reaction.kind, reaction.text, reaction.reaction_to) == (Kind.REACTION, "+", "3EB0OLD")
    revoke = of({"protocolMessage": {"key": key, "type": schema.REVOKE}})
    assert (revoke.kind, revoke.revoke_of) == (Kind.REVOKE, "3EB0OLD")
    new = {"imageMessage": FILE | {"caption": "new"}}
    protocol = {"key": key, "type": schema.MESSAGE_EDIT, "editedMessage": new}
    for content in (
        {"protocolMessage": protocol},
        {"editedMessage": {"message": {"protocolMessage": protocol}}},
    ):
        edit = of(content)
        assert (edit.kind, edit.text, edit.edit_of) == (Kind.EDIT, "new", "3EB0OLD")
        assert edit.media is not None
    assert reaction.edit_of is revoke.edit_of is None


@pytest.mark.parametrize(
    ("key", "source", "mine"),
    [
        ({"fromMe": False}, {}, True),  # Alice reacts to what she did not write
        ({"fromMe": True}, {}, False),
        ({"fromMe": True}, {"IsFromMe": True}, True),
        ({"fromMe": False, "participant": "777@lid"}, {"Chat": GROUP}, True),
        ({"fromMe": False, "participant": "999@lid"}, {"Chat": GROUP}, False),
    ],
)
def test_a_reaction_to_a_message_of_ours_replies_to_us(
    key: dict[str, Any], source: dict[str, Any], *, mine: bool
) -> None:
    reaction = {"reactionMessage": {"key": key | {"ID": "3EB0OLD"}, "text": "+"}}
    assert of(reaction, **source).replies_to_me == mine


def test_the_gate_is_told_what_it_asks_for() -> None:
    lid_only = text_event("x", SenderAlt=NOBODY)
    envelope = parsed(lid_only).envelope({Lid("111"): Phone("4915111")}, about_admitted=True)
    assert envelope == Envelope(ALICE_IDENTITY, ALICE_IDENTITY, about_admitted=True)
    in_group = parsed(text_event("x", Chat=GROUP)).envelope()
    assert in_group == Envelope(Group("12036300"), ALICE_IDENTITY)


def test_a_newsletters_edit_has_the_id_of_what_it_edits_and_is_no_duplicate_of_it() -> None:
    def event(edit: str, when: int) -> bytes:
        values = info("100") | {"Edit": edit}
        meta = {"EditTS": when}
        content = {"conversation": "news"}
        return write(schema.EVENT, {"Info": values, "Message": content, "NewsLetterMeta": meta})

    edit = parsed(event("3", 5))
    assert (edit.kind, edit.text, edit.edit_of) == (Kind.EDIT, "news", "100")
    assert len({glance(record(event(*each))).key for each in (("", 0), ("3", 5), ("3", 6))}) == 3


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"protocolMessage": {"type": 6}},
        {"protocolMessage": {"type": schema.REVOKE}},
    ],
)
def test_what_is_between_clients_is_stepped_over(content: dict[str, Any]) -> None:
    found = record(message_event(content))
    assert parse(found) is None
    assert key_of(found) is None


def test_keys_for_a_group_are_no_content_and_an_unknown_field_is() -> None:
    envelope = write(schema.EVENT, {"Info": info()})
    keys = sized(2, b"keys") + sized(35, b"context")
    assert parse(record(envelope + sized(2, keys))) is None
    found = parsed(envelope + sized(2, keys + sized(4000, b"new")))
    assert (found.kind, found.text) == (Kind.OTHER, "")


def test_an_event_without_a_content_or_of_another_kind_is_stepped_over() -> None:
    for found in (
        record(write(schema.EVENT, {"Info": info()})),
        record(b"whatever", event=26),
    ):
        assert parse(found) is None
        assert key_of(found) is None


def test_a_message_that_could_not_be_decrypted_is_said_to_be_there() -> None:
    found = record(undecryptable_event(), event=schema.UNDECRYPTABLE_EVENT)
    message = parse(found)
    assert message is not None
    assert (message.kind, message.text) == (Kind.UNAVAILABLE, "")
    assert key_of(found) not in {None, key_of(record(text_event("x")))}


# -- what is the same -----------------------------------------------------------------------------


def test_the_key_is_of_chat_sender_id_and_content_and_of_nothing_else() -> None:
    base = key_of(record(text_event("x")))
    assert base is not None
    same = text_event("another text", SenderAlt=NOBODY)
    assert key_of(record(same, flags=LATE, connected=5)) == base
    others = {
        key_of(record(each))
        for each in (
            text_event("x", "3EB0OTHER"),
            text_event("x", Chat=GROUP),
            text_event("x", Sender=ALICE_PHONE),
            text_event("x", Sender=ALICE | {"User": "112"}),
        )
    }
    assert len(others) == 4
    assert base not in others


def test_no_two_parts_of_a_key_run_together() -> None:
    one = key_of(record(text_event("x", Chat={"User": "1", "Server": "2lid"})))
    two = key_of(record(text_event("x", Chat={"User": "12", "Server": "lid"})))
    assert one != two


# -- bytes that are no event ----------------------------------------------------------------------

VALID = [
    text_event("hello"),
    message_event({"imageMessage": FILE | {"caption": "a", "contextInfo": {"stanzaID": "x"}}}),
    message_event({"protocolMessage": {"key": {"ID": "x"}, "type": 14, "editedMessage": {}}}),
]


@given(st.binary(max_size=400), st.sampled_from([17, 44, 26]))
@example(b"\x0b" * 1000, 17)
@example(sized(2, b"\x0b" * 90 + b"\x0c" * 90), 17)
def test_random_bytes_are_an_event_or_a_malformed_one(data: bytes, event: int) -> None:
    for read in (parse, key_of):
        with contextlib.suppress(MalformedEvent):
            read(record(data, event))


@given(st.sampled_from(VALID), st.data())
def test_a_damaged_event_is_an_event_or_a_malformed_one(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = draw.draw(st.integers(0, 255))
    cut = bytes(damaged[: draw.draw(st.integers(0, len(damaged)))])
    for read in (parse, key_of):
        with contextlib.suppress(MalformedEvent):
            read(record(cut))


@pytest.mark.parametrize("data", VALID)
def test_an_event_cut_short_is_malformed_or_has_less(data: bytes) -> None:
    for end in range(len(data)):
        with contextlib.suppress(MalformedEvent):
            found = parse(record(data[:end]))
            assert found is None or found.id == "3EB0ID"


def test_nothing_a_stranger_can_nest_ends_in_a_recursion_error() -> None:
    edit = b""
    for _ in range(3000):
        edit = sized(14, sized(12, tagged(2, 0, varint(14)) + edit))
    deep = sized(12, tagged(2, 0, varint(14)) + edit)
    wrapped = b""
    for _ in range(3000):
        wrapped = sized(37, sized(1, wrapped))
    quoted = b""
    for _ in range(3000):
        quoted = sized(6, sized(17, sized(1, b"id") + sized(3, quoted)))
    envelope = write(schema.EVENT, {"Info": info()})
    for content in (deep, wrapped, quoted):
        found = parse(record(envelope + sized(2, content)))
        assert found is None or found.kind in {Kind.EDIT, Kind.OTHER, Kind.TEXT}


def test_groups_the_oldest_form_of_a_message_are_stepped_over() -> None:
    group = tagged(500, 3, sized(1, b"x") + tagged(2, 0, varint(1)) + tagged(500, 4, b""))
    nested = tagged(501, 3, group + tagged(1, 1, bytes(8)) + tagged(2, 5, bytes(4)))
    nested += tagged(501, 4, b"")
    assert parsed(group + nested + text_event("hello")).text == "hello"
    for broken in (
        tagged(500, 3, tagged(501, 4, b"")),
        tagged(500, 4, b""),
        tagged(500, 3, b"") * 200,
        tagged(500, 3, tagged(1, 7, b"")),
    ):
        with pytest.raises(MalformedEvent):
            parse(record(broken + text_event("hello")))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        write(schema.EVENT, {"Message": {"conversation": "x"}}),
        write(schema.EVENT, {"Info": {"ID": "x"}, "Message": {"conversation": "x"}}),
        text_event("x", ""),
        text_event("x", Chat=NOBODY),
    ],
)
def test_a_message_without_an_id_or_a_chat_is_malformed(data: bytes) -> None:
    if not data:
        assert parse(record(data)) is None
        return
    with pytest.raises(MalformedEvent):
        parse(record(data))


# -- what is printed ------------------------------------------------------------------------------


def test_nothing_of_a_message_is_printed_by_accident() -> None:
    context = {
        "stanzaID": "canary-id",
        "participant": "4917777@s.whatsapp.net",
        "quotedMessage": {"conversation": "canary"},
        "mentionedJID": ["777@lid"],
    }
    content = {
        "documentMessage": FILE
        | {"fileName": "canary.pdf", "caption": "canary", "contextInfo": context}
    }
    message = parsed(message_event(content, "canary-id"))
    place = of({"locationMessage": {"degreesLatitude": 52.5, "name": "canary"}})
    for shown in (
        repr(message),
        str(message),
        f"{message}",
        repr([message]),
        repr(message.quoted),
        repr(message.media),
        repr(message.sender),
        repr(message.chat),
        repr(message.mentions),
        repr(place),
        repr(place.location),
    ):
        for secret in ("canary", "111", "777", "Alice", "52.5"):
            assert secret not in shown.replace("#", ""), shown


def test_a_malformed_event_quotes_nothing() -> None:
    with pytest.raises(MalformedEvent) as caught:
        parse(record(sized(1, b"canary" + b"\xff" * 20) + sized(2, sized(1, b"canary"))))
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value)


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("inbox", {"neonize", "google.protobuf"}),
        # The session process needs it, and shares its memory with many.
        ("log", {"neonize", "google.protobuf", "pydantic", "asyncio", "sqlite3"}),
    ],
)
def test_messages_load_nothing_that_their_process_does_not_have(
    module: str, forbidden: set[str]
) -> None:
    code = f"import sys, wa_supervisor.messages.{module}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()
    assert not forbidden & set(loaded)
