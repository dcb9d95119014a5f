"""What we write is read by neonize's own message classes, and the other way about."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wa_loopback.errors import Malformed
from wa_loopback.messages import Content, ContentKind, Media, MediaKind, MessageKey, Quote, write
from wa_loopback.nodes import Jid

ANN, GROUP = Jid("200000000000001", "lid"), Jid("1203630001", "g.us")
KEY = MessageKey(GROUP, "3EB0", from_me=False, author=ANN)
QUOTE = Quote("3EB0", ANN, write.text("before"))


class Oracle:
    """neonize's message classes, in a process of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def read(self, encoded: bytes) -> dict[str, Any]:
        fields: dict[str, Any] = self._ask({"read": encoded.hex()})
        return fields

    def write(self, fields: dict[str, Any]) -> bytes:
        return bytes.fromhex(self._ask({"write": fields}))


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    script = Path(__file__).with_name("oracle.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Oracle(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_text_is_a_conversation(oracle: Oracle) -> None:
    assert oracle.read(write.text("grüß dich")) == {"conversation": "grüß dich"}


def test_a_reply_names_what_it_answers_and_whom_it_mentions(oracle: Oracle) -> None:
    extended = oracle.read(write.text("yes", quote=QUOTE, mentions=[ANN]))["extendedTextMessage"]
    assert extended == {
        "text": "yes",
        "contextInfo": {
            "stanzaID": "3EB0",
            "participant": "200000000000001@lid",
            "quotedMessage": {"conversation": "before"},
            "mentionedJID": ["200000000000001@lid"],
        },
    }


def test_a_reaction_an_edit_and_a_revocation_name_their_message(oracle: Oracle) -> None:
    key = {
        "remoteJID": "1203630001@g.us",
        "fromMe": False,
        "ID": "3EB0",
        "participant": "200000000000001@lid",
    }
    reaction = oracle.read(write.reaction(KEY, "👍"))["reactionMessage"]
    assert (reaction["key"], reaction["text"]) == (key, "👍")
    edited = oracle.read(write.edit(KEY, write.text("after")))["editedMessage"]["message"]
    protocol = edited["protocolMessage"]
    assert (protocol["key"], protocol["type"]) == (key, "MESSAGE_EDIT")
    assert protocol["editedMessage"] == {"conversation": "after"}
    assert int(protocol["timestampMS"]) > 0
    revoked = oracle.read(write.revoke(KEY))["protocolMessage"]
    assert revoked == {"key": key, "type": "REVOKE"}


@pytest.mark.parametrize("kind", MediaKind)
def test_every_kind_of_file_is_referred_to(oracle: Oracle, kind: MediaKind) -> None:
    file = Media(kind, "a/b", 77, "/v/x?a=1", b"k" * 32, b"s" * 32, b"e" * 32, "caption", "f.bin")
    (name, fields), *others = oracle.read(write.media(file, quote=QUOTE)).items()
    assert not others
    assert name == f"{kind}Message"
    assert fields["contextInfo"]["stanzaID"] == "3EB0"
    expected = {
        "mimetype": "a/b",
        "fileLength": "77",
        "directPath": "/v/x?a=1",
        "mediaKey": base64.b64encode(b"k" * 32).decode(),
        "fileSHA256": base64.b64encode(b"s" * 32).decode(),
        "fileEncSHA256": base64.b64encode(b"e" * 32).decode(),
    }
    assert expected.items() <= fields.items()
    captioned = kind in {MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT}
    assert fields.get("caption") == ("caption" if captioned else None)
    assert fields.get("fileName") == ("f.bin" if kind is MediaKind.DOCUMENT else None)
    read = Content.decode(oracle.write({name: fields}))
    assert (read.kind, read.quoted) == (ContentKind.MEDIA, "3EB0")
    assert read.media is not None
    assert (read.media.mimetype, read.media.size, read.media.key) == ("a/b", 77, b"k" * 32)


def test_a_sender_key_and_text_are_one_message(oracle: Oracle) -> None:
    both = oracle.read(write.sender_key(GROUP, b"told") + write.text("hello"))
    assert both["conversation"] == "hello"
    assert both["senderKeyDistributionMessage"]["groupID"] == "1203630001@g.us"


def test_a_copy_for_an_own_device_says_to_whom_it_went(oracle: Oracle) -> None:
    copy = oracle.read(write.device_sent(ANN, write.text("hello")))["deviceSentMessage"]
    assert copy == {
        "destinationJID": "200000000000001@lid",
        "message": {"conversation": "hello"},
    }


READ: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"conversation": "hi"}, {"kind": "text", "text": "hi"}),
    ({"conversation": ""}, {"kind": "text", "text": ""}),
    ({"extendedTextMessage": {"text": "hi"}}, {"kind": "text", "text": "hi"}),
    (
        {
            "extendedTextMessage": {
                "text": "hi",
                "contextInfo": {"stanzaID": "A1", "mentionedJID": ["1@lid", "2@lid"]},
            }
        },
        {"kind": "text", "text": "hi", "quoted": "A1", "mentions": ("1@lid", "2@lid")},
    ),
    (
        {"reactionMessage": {"key": {"ID": "A1"}, "text": "👍"}},
        {"kind": "reaction", "text": "👍", "target": "A1"},
    ),
    (
        {"reactionMessage": {"key": {"ID": "A1"}}},
        {"kind": "reaction", "text": "", "target": "A1"},
    ),
    (
        {"protocolMessage": {"key": {"ID": "A1"}, "type": "REVOKE"}},
        {"kind": "revoke", "target": "A1"},
    ),
    (
        {
            "editedMessage": {
                "message": {
                    "protocolMessage": {
                        "key": {"ID": "A1"},
                        "type": "MESSAGE_EDIT",
                        "editedMessage": {"conversation": "after"},
                    }
                }
            }
        },
        {"kind": "edit", "text": "after", "target": "A1"},
    ),
    (
        {"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "soon gone"}}}},
        {"kind": "text", "text": "soon gone"},
    ),
    (
        {"deviceSentMessage": {"destinationJID": "1@lid", "message": {"conversation": "hi"}}},
        {"kind": "text", "text": "hi", "sent_to": "1@lid"},
    ),
    (
        {
            "senderKeyDistributionMessage": {
                "groupID": "1@g.us",
                "axolotlSenderKeyDistributionMessage": "dG9sZA==",
            }
        },
        {"kind": "nothing", "sender_key": ("1@g.us", b"told")},
    ),
    ({"locationMessage": {"name": "here"}}, {"kind": "other", "text": None}),
    ({"protocolMessage": {"type": "EPHEMERAL_SETTING"}}, {"kind": "other"}),
    ({}, {"kind": "other"}),
]


@pytest.mark.parametrize(("fields", "expected"), READ)
def test_what_a_client_writes_is_understood(
    oracle: Oracle, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    content = Content.decode(oracle.write(fields))
    assert {name: getattr(content, name) for name in expected} == expected


@given(st.binary(max_size=60))
def test_what_is_no_message_is_malformed_or_other(encoded: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert Content.decode(encoded).kind in ContentKind


def test_what_is_said_is_not_in_a_repr() -> None:
    content = Content.decode(write.text("secret", quote=QUOTE, mentions=[ANN]))
    assert "secret" not in repr(content)
    assert ANN.user not in repr(content)
    assert ANN.user not in repr(KEY)
    assert ANN.user not in repr(QUOTE)
