"""A message as `wa-supervisor listen --json` prints it: the schema of docs/messages.md.

`version` changes when a field changes its meaning or goes; new fields do not change it. Every field
is there in every message, null where there is nothing to say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ..gate import Identity

if TYPE_CHECKING:
    from ..gate import Chat
    from ..messages.delivery import Delivery
    from ..messages.message import Location, Media, Quoted

VERSION: Final = 1

_LINE_BREAKS: Final = {number: f"\\u{number:04x}" for number in (0x85, 0x2028, 0x2029)}
"""Node's `readline` and Python's `splitlines` end a line here, and a stranger can write them."""


def message_json(delivery: Delivery) -> str:
    """Return a message as one line of JSON, with everything it says in the clear."""
    return dumps(_message(delivery))


def dumps(message: dict[str, Any]) -> str:
    """Return it as one line, also for those who see more line breaks than JSON does."""
    return json.dumps(message, ensure_ascii=False).translate(_LINE_BREAKS)


def _message(delivery: Delivery) -> dict[str, Any]:
    return {
        "version": VERSION,
        "number": delivery.number,
        "id": delivery.id,
        "redelivered": delivery.redelivered,
        "chat": address(delivery.chat),
        "sender": delivery.sender and _person(delivery.sender),
        "at": delivery.at.isoformat(),
        "received_at": delivery.received_at.isoformat(),
        "kind": delivery.kind.value,
        "text": delivery.text,
        "is_group": delivery.is_group,
        "from_me": delivery.from_me,
        "late": delivery.late,
        "mentions": [_person(each) for each in delivery.mentions],
        "mentions_me": delivery.mentions_me,
        "replies_to_me": delivery.replies_to_me,
        "quoted": delivery.quoted and _quoted(delivery.quoted),
        "edit_of": delivery.edit_of,
        "revoke_of": delivery.revoke_of,
        "reaction_to": delivery.reaction_to,
        "media": delivery.media and _media(delivery.media),
        "location": delivery.location and _location(delivery.location),
        "forwarded": delivery.forwarded,
        "view_once": delivery.view_once,
        "push_name": delivery.push_name,
    }


def address(chat: Chat) -> str:
    """Return where to send an answer to; whatsmeow writes to a person's LID, if there is one."""
    if isinstance(chat, Identity):
        return (chat.lid or chat.addresses[0]).reveal()
    return chat.reveal()


def _person(person: Identity) -> dict[str, str | None]:
    return {
        "lid": person.lid and person.lid.reveal(),
        "phone": person.phone and f"+{person.phone.user}",
    }


def _quoted(quoted: Quoted) -> dict[str, Any]:
    return {
        "id": quoted.id,
        "sender": quoted.sender and _person(quoted.sender),
        "kind": quoted.kind.value,
        "text": quoted.text,
    }


def _media(media: Media) -> dict[str, Any]:
    return {
        "mime": media.mime,
        "size": media.size,
        "sha256": media.sha256.hex(),
        "name": media.name,
        "seconds": media.seconds,
        "width": media.width,
        "height": media.height,
    }


def _location(location: Location) -> dict[str, float]:
    return {"latitude": location.latitude, "longitude": location.longitude}
