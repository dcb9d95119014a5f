"""The fields of neonize's events that we look at: their numbers and types.

Read from the descriptors of neonize 0.5.2; tests/contract_neonize proves every row against the
neonize that is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .protobuf import Field, Schema, Type

MESSAGE_EVENT: Final = 17
UNDECRYPTABLE_EVENT: Final = 44
"""neonize's numbers of MessageEv and UndecryptableMessageEv (`neonize.events.EVENT_TO_INT`)."""

EVENT: Final = "neonize.Message"
UNDECRYPTABLE: Final = "neonize.UndecryptableMessage"
INFO: Final = "neonize.MessageInfo"
NEWSLETTER_META: Final = "neonize.NewsLetterMessageMeta"
SOURCE: Final = "neonize.MessageSource"
JID: Final = "neonize.JID"
KEY: Final = "WACommon.MessageKey"
_E2E: Final = "WAWebProtobufsE2E."
CONTENT: Final = _E2E + "Message"
WRAPPER: Final = _E2E + "FutureProofMessage"
CONTEXT: Final = _E2E + "ContextInfo"
PROTOCOL: Final = _E2E + "ProtocolMessage"

REVOKE: Final = 0
MESSAGE_EDIT: Final = 14
"""The two values of ProtocolMessage.Type that are about a message a person wrote."""

ADMIN_EDIT: Final = "3"
"""MessageInfo.Edit of a newsletter's edit: it has the id of what it edits, and the new content."""

KEYS_ONLY: Final = frozenset({2, 15, 35})
"""Fields of a content that carry no content: keys for a group, and what goes with every message."""


def _text(number: int, *, repeated: bool = False) -> Field:
    return Field(number, Type.TEXT, repeated=repeated)


def _bytes(number: int) -> Field:
    return Field(number, Type.BYTES)


def _integer(number: int) -> Field:
    return Field(number, Type.INTEGER)


def _boolean(number: int) -> Field:
    return Field(number, Type.BOOLEAN)


def _double(number: int) -> Field:
    return Field(number, Type.DOUBLE)


def _message(number: int, name: str) -> Field:
    return Field(number, Type.MESSAGE, name)


def _e2e(number: int, name: str) -> Field:
    return Field(number, Type.MESSAGE, _E2E + name)


def _context(number: int = 17) -> Mapping[str, Field]:
    return {"contextInfo": _message(number, CONTEXT)}


WRAPPERS: Final[Mapping[str, int]] = {
    "viewOnceMessage": 37,
    "ephemeralMessage": 40,
    "documentWithCaptionMessage": 53,
    "viewOnceMessageV2": 55,
    "editedMessage": 58,
    "viewOnceMessageV2Extension": 59,
    "groupMentionedMessage": 62,
    "botInvokeMessage": 67,
    "lottieStickerMessage": 74,
    "eventCoverImage": 85,
    "statusMentionMessage": 87,
    "pollCreationOptionImageMessage": 90,
    "associatedChildMessage": 91,
    "groupStatusMentionMessage": 92,
    "pollCreationMessageV4": 93,
    "statusAddYours": 95,
    "groupStatusMessage": 96,
    "limitSharingMessage": 99,
    "botTaskMessage": 100,
    "questionMessage": 101,
    "groupStatusMessageV2": 103,
    "botForwardedMessage": 104,
    "questionReplyMessage": 106,
    "newsletterAdminProfileMessage": 116,
    "spoilerMessage": 118,
    "newsletterAdminProfileStatusMessage": 126,
    "botPlatformRegistrationSuccessMessage": 131,
    "newsletterScheduledMessage": 132,
    "acp2SettingMessage": 133,
    "audioStickerMessage": 134,
}
"""Fields of a content that hold another content, by all names of FutureProofMessage."""

_CONTENT: Final[Mapping[str, Field]] = {
    "conversation": _text(1),
    "imageMessage": _e2e(3, "ImageMessage"),
    "contactMessage": _e2e(4, "ContactMessage"),
    "locationMessage": _e2e(5, "LocationMessage"),
    "extendedTextMessage": _e2e(6, "ExtendedTextMessage"),
    "documentMessage": _e2e(7, "DocumentMessage"),
    "audioMessage": _e2e(8, "AudioMessage"),
    "videoMessage": _e2e(9, "VideoMessage"),
    "protocolMessage": _message(12, PROTOCOL),
    "contactsArrayMessage": _e2e(13, "ContactsArrayMessage"),
    "liveLocationMessage": _e2e(18, "LiveLocationMessage"),
    "templateMessage": _e2e(25, "TemplateMessage"),
    "stickerMessage": _e2e(26, "StickerMessage"),
    "groupInviteMessage": _e2e(28, "GroupInviteMessage"),
    "templateButtonReplyMessage": _e2e(29, "TemplateButtonReplyMessage"),
    "deviceSentMessage": _e2e(31, "DeviceSentMessage"),
    "listMessage": _e2e(36, "ListMessage"),
    "listResponseMessage": _e2e(39, "ListResponseMessage"),
    "buttonsMessage": _e2e(42, "ButtonsMessage"),
    "buttonsResponseMessage": _e2e(43, "ButtonsResponseMessage"),
    "interactiveMessage": _e2e(45, "InteractiveMessage"),
    "reactionMessage": _e2e(46, "ReactionMessage"),
    "interactiveResponseMessage": _e2e(48, "InteractiveResponseMessage"),
    "pollCreationMessage": _e2e(49, "PollCreationMessage"),
    "pollUpdateMessage": _e2e(50, "PollUpdateMessage"),
    "encReactionMessage": _e2e(56, "EncReactionMessage"),
    "pollCreationMessageV2": _e2e(60, "PollCreationMessage"),
    "pollCreationMessageV3": _e2e(64, "PollCreationMessage"),
    "ptvMessage": _e2e(66, "VideoMessage"),
    "encCommentMessage": _e2e(71, "EncCommentMessage"),
    "eventMessage": _e2e(75, "EventMessage"),
    "secretEncryptedMessage": _e2e(82, "SecretEncryptedMessage"),
    "pollCreationMessageV5": _e2e(111, "PollCreationMessage"),
    "pollCreationMessageV6": _e2e(119, "PollCreationMessage"),
    **{name: _message(number, WRAPPER) for name, number in WRAPPERS.items()},
}

SCHEMA: Final[Schema] = {
    EVENT: {
        "Info": _message(1, INFO),
        "Message": _message(2, CONTENT),
        "IsViewOnce": _boolean(4),
        "IsViewOnceV2": _boolean(5),
        "IsViewOnceV2Extension": _boolean(6),
        "RetryCount": _integer(12),
        "NewsLetterMeta": _message(13, NEWSLETTER_META),
    },
    NEWSLETTER_META: {"EditTS": _integer(1)},
    UNDECRYPTABLE: {"Info": _message(1, INFO)},
    INFO: {
        "MessageSource": _message(1, SOURCE),
        "ID": _text(2),
        "Pushname": _text(5),
        "Timestamp": _integer(6),
        "Edit": _text(10),
    },
    SOURCE: {
        "Chat": _message(1, JID),
        "Sender": _message(2, JID),
        "IsFromMe": _boolean(3),
        "SenderAlt": _message(6, JID),
        "RecipientAlt": _message(7, JID),
    },
    JID: {"User": _text(1), "Device": _integer(3), "Server": _text(5), "IsEmpty": _boolean(6)},
    KEY: {"remoteJID": _text(1), "fromMe": _boolean(2), "ID": _text(3), "participant": _text(4)},
    CONTENT: _CONTENT,
    WRAPPER: {"message": _message(1, CONTENT)},
    CONTEXT: {
        "stanzaID": _text(1),
        "participant": _text(2),
        "quotedMessage": _message(3, CONTENT),
        "mentionedJID": _text(15, repeated=True),
        "isForwarded": _boolean(22),
    },
    PROTOCOL: {
        "key": _message(1, KEY),
        "type": _integer(2),
        "editedMessage": _message(14, CONTENT),
    },
    _E2E + "DeviceSentMessage": {"message": _message(2, CONTENT)},
    _E2E + "ExtendedTextMessage": {"text": _text(1), **_context()},
    _E2E + "ImageMessage": {
        "mimetype": _text(2),
        "caption": _text(3),
        "fileSHA256": _bytes(4),
        "fileLength": _integer(5),
        "height": _integer(6),
        "width": _integer(7),
        "viewOnce": _boolean(25),
        **_context(),
    },
    _E2E + "VideoMessage": {
        "mimetype": _text(2),
        "fileSHA256": _bytes(3),
        "fileLength": _integer(4),
        "seconds": _integer(5),
        "caption": _text(7),
        "height": _integer(9),
        "width": _integer(10),
        "viewOnce": _boolean(20),
        **_context(),
    },
    _E2E + "AudioMessage": {
        "mimetype": _text(2),
        "fileSHA256": _bytes(3),
        "fileLength": _integer(4),
        "seconds": _integer(5),
        "PTT": _boolean(6),
        "viewOnce": _boolean(21),
        **_context(),
    },
    _E2E + "DocumentMessage": {
        "mimetype": _text(2),
        "title": _text(3),
        "fileSHA256": _bytes(4),
        "fileLength": _integer(5),
        "fileName": _text(8),
        "caption": _text(20),
        **_context(),
    },
    _E2E + "StickerMessage": {
        "fileSHA256": _bytes(2),
        "mimetype": _text(5),
        "height": _integer(6),
        "width": _integer(7),
        "fileLength": _integer(9),
        **_context(),
    },
    _E2E + "ContactMessage": {"displayName": _text(1), "vcard": _text(16), **_context()},
    _E2E + "ContactsArrayMessage": {"displayName": _text(1), **_context()},
    _E2E + "LocationMessage": {
        "degreesLatitude": _double(1),
        "degreesLongitude": _double(2),
        "name": _text(3),
        "address": _text(4),
        "comment": _text(11),
        **_context(),
    },
    _E2E + "LiveLocationMessage": {
        "degreesLatitude": _double(1),
        "degreesLongitude": _double(2),
        "caption": _text(6),
        **_context(),
    },
    _E2E + "GroupInviteMessage": {"groupName": _text(4), "caption": _text(6), **_context(7)},
    _E2E + "ReactionMessage": {"key": _message(1, KEY), "text": _text(2)},
    _E2E + "EncReactionMessage": {"targetMessageKey": _message(1, KEY)},
    _E2E + "EncCommentMessage": {"targetMessageKey": _message(1, KEY)},
    _E2E + "SecretEncryptedMessage": {"targetMessageKey": _message(1, KEY)},
    _E2E + "PollCreationMessage": {"name": _text(2), **_context(5)},
    _E2E + "PollUpdateMessage": {"pollCreationMessageKey": _message(1, KEY)},
    _E2E + "EventMessage": {"name": _text(3), "description": _text(4), **_context(1)},
    _E2E + "ListMessage": {"title": _text(1), "description": _text(2), **_context(8)},
    _E2E + "ListResponseMessage": {"title": _text(1), **_context(4)},
    _E2E + "ButtonsMessage": {"text": _text(1), "contentText": _text(6), **_context(8)},
    _E2E + "ButtonsResponseMessage": {"selectedDisplayText": _text(2), **_context(3)},
    _E2E + "TemplateButtonReplyMessage": {"selectedDisplayText": _text(2), **_context(3)},
    _E2E + "TemplateMessage": {
        "hydratedTemplate": _e2e(4, "TemplateMessage.HydratedFourRowTemplate"),
        **_context(3),
    },
    _E2E + "TemplateMessage.HydratedFourRowTemplate": {
        "hydratedTitleText": _text(2),
        "hydratedContentText": _text(6),
    },
    _E2E + "InteractiveMessage": {
        "body": _e2e(2, "InteractiveMessage.Body"),
        **_context(15),
    },
    _E2E + "InteractiveMessage.Body": {"text": _text(1)},
    _E2E + "InteractiveResponseMessage": {
        "body": _e2e(1, "InteractiveResponseMessage.Body"),
        **_context(15),
    },
    _E2E + "InteractiveResponseMessage.Body": {"text": _text(1)},
}
