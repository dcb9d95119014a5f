"""The events we read without neonize, proved against neonize's own classes.

When neonize changes a number or a type, the first test names the row of `messages/schema.py`.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wa_supervisor.gate import Identity, Lid, Phone
from wa_supervisor.messages import parse, schema
from wa_supervisor.messages.errors import MalformedEvent
from wa_supervisor.messages.message import Kind
from wa_supervisor.messages.protobuf import Field, Fields, Reader, Type
from wa_supervisor.messages.record import Header, Record

TYPES = {
    FieldDescriptor.TYPE_STRING: Type.TEXT,
    FieldDescriptor.TYPE_BYTES: Type.BYTES,
    FieldDescriptor.TYPE_MESSAGE: Type.MESSAGE,
    FieldDescriptor.TYPE_BOOL: Type.BOOLEAN,
    FieldDescriptor.TYPE_DOUBLE: Type.DOUBLE,
    FieldDescriptor.TYPE_INT32: Type.INTEGER,
    FieldDescriptor.TYPE_INT64: Type.INTEGER,
    FieldDescriptor.TYPE_UINT32: Type.INTEGER,
    FieldDescriptor.TYPE_UINT64: Type.INTEGER,
    FieldDescriptor.TYPE_ENUM: Type.INTEGER,
}
READER = Reader(schema.SCHEMA)

large = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


class Neonize:
    """The messages of the neonize that is installed, without its package."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("print_descriptors.py")
        said = json.loads(
            subprocess.run(
                [sys.executable, str(script)], capture_output=True, check=True, timeout=60
            ).stdout
        )
        self.events: dict[str, int] = said["events"]
        self._pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(base64.b64decode(said["files"])).file:
            self._pool.AddSerializedFile(file.SerializeToString())

    def descriptor(self, name: str) -> Descriptor:
        return self._pool.FindMessageTypeByName(name)

    def make(self, name: str, **values: Any) -> Any:
        return GetMessageClass(self.descriptor(name))(**values)

    def read(self, name: str, data: bytes) -> Any:
        """Raise DecodeError for what is none, or misses what is required."""
        return GetMessageClass(self.descriptor(name)).FromString(data)


@functools.cache
def neonize() -> Neonize:
    return Neonize()


def content() -> Descriptor:
    return neonize().descriptor(schema.CONTENT)


# -- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "name"),
    [(message, name) for message, fields in schema.SCHEMA.items() for name in fields],
)
def test_a_field_has_the_number_and_the_type_that_neonize_writes(message: str, name: str) -> None:
    field = schema.SCHEMA[message][name]
    theirs = neonize().descriptor(message).fields_by_name[name]
    assert field == Field(
        theirs.number,
        TYPES[theirs.type],
        theirs.message_type.full_name if theirs.message_type else "",
        repeated=theirs.is_repeated,
    )


def test_every_wrapper_of_a_content_is_known() -> None:
    theirs = {
        field.name: field.number
        for field in content().fields
        if field.message_type and field.message_type.full_name == schema.WRAPPER
    }
    assert dict(schema.WRAPPERS) == theirs


def test_what_counts_as_keys_only_is_that() -> None:
    assert {content().fields_by_number[number].name for number in schema.KEYS_ONLY} == {
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "messageContextInfo",
    }


def test_the_events_and_the_kinds_of_protocol_messages_have_their_numbers() -> None:
    assert neonize().events[schema.EVENT] == schema.MESSAGE_EVENT
    assert neonize().events[schema.UNDECRYPTABLE] == schema.UNDECRYPTABLE_EVENT
    kinds = neonize().descriptor(schema.PROTOCOL).enum_types_by_name["Type"].values_by_name
    assert kinds["REVOKE"].number == schema.REVOKE
    assert kinds["MESSAGE_EDIT"].number == schema.MESSAGE_EDIT


def test_everything_that_a_content_is_looked_at_for_is_in_the_table() -> None:
    assert set(parse._LOOKS) <= set(schema.SCHEMA[schema.CONTENT])


# -- what neonize writes, we read -----------------------------------------------------------------


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return filled(field.message_type, depth - 1)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return {
        FieldDescriptor.TYPE_STRING: st.text(max_size=20),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
        FieldDescriptor.TYPE_FLOAT: st.floats(width=32, allow_nan=False),
        FieldDescriptor.TYPE_INT32: st.integers(-(1 << 31), (1 << 31) - 1),
        FieldDescriptor.TYPE_SFIXED32: st.integers(-(1 << 31), (1 << 31) - 1),
        FieldDescriptor.TYPE_INT64: st.integers(-(1 << 63), (1 << 63) - 1),
        FieldDescriptor.TYPE_SFIXED64: st.integers(-(1 << 63), (1 << 63) - 1),
        FieldDescriptor.TYPE_UINT32: st.integers(0, (1 << 32) - 1),
        FieldDescriptor.TYPE_FIXED32: st.integers(0, (1 << 32) - 1),
        FieldDescriptor.TYPE_UINT64: st.integers(0, (1 << 63) - 1),
        FieldDescriptor.TYPE_FIXED64: st.integers(0, (1 << 63) - 1),
    }[field.type]


@st.composite
def filled(draw: st.DrawFn, message: Descriptor, depth: int) -> dict[str, Any]:
    """Values for what is required, and for some of what is not."""
    optional = [field for field in message.fields if not field.is_required]
    known = [f for f in optional if f.name in schema.SCHEMA.get(message.full_name, ())]
    chosen = [field for field in message.fields if field.is_required]
    if depth > 0:
        some = st.lists(st.sampled_from(known or optional), max_size=3, unique_by=lambda f: f.name)
        other = st.lists(st.sampled_from(optional), max_size=1)
        for field in (*draw(some), *draw(other)) if optional else ():
            if field not in chosen:
                chosen.append(field)
    found = {}
    for field in chosen:
        value = draw(values(field, depth))
        found[field.name] = [value, draw(values(field, depth))] if field.is_repeated else value
    return found


@st.composite
def neonize_events(draw: st.DrawFn) -> Any:
    """An event of neonize, with a content two times in three."""
    given_values = draw(filled(neonize().descriptor(schema.EVENT), 2))
    if draw(st.integers(0, 2)):
        given_values["Message"] = draw(filled(content(), 4))
    return neonize().make(schema.EVENT, **given_values)


def as_text(value: str | bytes) -> str:
    """Replace what is no UTF-8; neonize gives the bytes of a string that is none."""
    return value if isinstance(value, str) else value.decode(errors="replace")


def assert_same(ours: Fields, theirs: Any) -> None:
    """Compare every field of the table that is there, all the way down."""
    present = {field.name for field, _ in theirs.ListFields()}
    for name, field in schema.SCHEMA[theirs.DESCRIPTOR.full_name].items():
        # proto2 knows of a scalar whether it was written, however it is.
        is_there = name in present or (not field.repeated and theirs.HasField(name))
        assert ours.has(name) == is_there, name
        value = getattr(theirs, name)
        if field.repeated:
            assert ours.texts(name) == [as_text(each) for each in value]
        elif field.type is Type.MESSAGE:
            inner = ours.message(name)
            assert (inner is not None) == is_there
            if inner is not None:
                assert_same(inner, value)
        elif is_there:
            read: dict[Type, Any] = {
                Type.TEXT: ours.text,
                Type.BYTES: ours.data,
                Type.BOOLEAN: ours.boolean,
                Type.DOUBLE: ours.double,
                Type.INTEGER: ours.integer,
            }
            expected = as_text(value) if field.type is Type.TEXT else value
            assert read[field.type](name) == expected, name


@large
@given(neonize_events())
def test_every_event_that_neonize_writes_is_read_the_same(event: Any) -> None:
    data = event.SerializeToString()
    assert_same(READER.read(schema.EVENT, data), event)
    assert_same(READER.read(schema.EVENT, data), neonize().read(schema.EVENT, data))


@large
@given(neonize_events(), st.data())
def test_what_neonize_can_read_of_damaged_bytes_we_read_the_same_and_we_never_crash(
    event: Any, draw: st.DataObject
) -> None:
    data = bytearray(event.SerializeToString())
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    header = Header(schema.MESSAGE_EVENT, 0, 1, 1, 0, len(data), 0)
    with contextlib.suppress(MalformedEvent):
        parse.parse(Record(header, bytes(data)))
    try:
        theirs = neonize().read(schema.EVENT, bytes(data))
    except DecodeError:
        return
    assert_same(READER.read(schema.EVENT, bytes(data)), theirs)


# -- what a person writes -------------------------------------------------------------------------


def jid(user: str, server: str, device: int = 0) -> Any:
    return neonize().make(
        schema.JID,
        User=user,
        RawAgent=0,
        Device=device,
        Integrator=0,
        Server=server,
        IsEmpty=not user,
    )


def an_event(written: Any, **more: Any) -> bytes:
    """The bytes of a direct message from Alice's second device, by LID and number."""
    source = neonize().make(
        schema.SOURCE,
        Chat=jid("111", "lid"),
        Sender=jid("111", "lid", 2),
        IsFromMe=False,
        IsGroup=False,
        SenderAlt=jid("4915111", "s.whatsapp.net", 2),
        RecipientAlt=jid("", ""),
        BroadcastListOwner=jid("", ""),
    )
    info = neonize().make(
        schema.INFO,
        MessageSource=source,
        ID="3EB0ID",
        ServerID=0,
        Type="text",
        Pushname="Alice",
        Timestamp=1_795_541_196_000,
        Category="",
        Multicast=False,
        MediaType="",
        Edit="",
    )
    marks = dict.fromkeys(
        (
            "IsEphemeral",
            "IsViewOnce",
            "IsViewOnceV2",
            "IsViewOnceV2Extension",
            "IsDocumentWithCaption",
            "IsLottieSticker",
            "IsEdit",
        ),
        False,
    )
    event = neonize().make(
        schema.EVENT,
        Info=info,
        Message=written,
        UnavailableRequestID="",
        RetryCount=0,
        **(marks | more),
    )
    data: bytes = event.SerializeToString()
    return data


@given(st.text(), st.text(), st.lists(st.sampled_from(["777@lid", "1@lid"]), max_size=3))
def test_a_text_that_quotes_and_mentions_comes_through(
    text: str, quoted: str, mentioned: list[str]
) -> None:
    quoting = neonize().make(
        schema.CONTEXT,
        stanzaID="3EB0OLD",
        participant="777@lid",
        quotedMessage=neonize().make(schema.CONTENT, conversation=quoted),
        mentionedJID=mentioned,
    )
    written = {"extendedTextMessage": {"text": text, "contextInfo": quoting}}
    data = an_event(neonize().make(schema.CONTENT, **written))
    header = Header(schema.MESSAGE_EVENT, 0, 1, 1, 0, len(data), 0)
    message = parse.parse(Record(header, data), Identity(Lid("777")))
    assert message is not None
    assert (message.kind, message.text) == (Kind.TEXT, text)
    assert message.sender == message.chat == Identity(Lid("111"), Phone("4915111"))
    assert message.quoted is not None
    assert (message.quoted.id, message.quoted.text) == ("3EB0OLD", quoted)
    assert message.replies_to_me
    assert message.mentions_me == ("777@lid" in mentioned)
    assert message.id == neonize().read(schema.EVENT, message.raw).Info.ID
