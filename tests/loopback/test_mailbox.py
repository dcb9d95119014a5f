from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from wa_loopback.mailbox import Mailbox, key_of
from wa_loopback.nodes import Node


@dataclass
class Wire:
    """A line that remembers what was sent over it."""

    open: bool = True
    sent: list[Node] = field(default_factory=list)

    def send(self, node: Node) -> None:
        self.sent.append(node)

    def ids(self) -> list[str]:
        return [node.text("id") for node in self.sent if node.tag == "message"]


def message(number: int) -> Node:
    return Node("message", {"id": str(number), "type": "text"})


def told(wire: Wire, tag: str) -> list[dict[str, str]]:
    """The attributes of each `<ib>` with a child of this tag."""
    children = [child for node in wire.sent if node.tag == "ib" for child in node.children]
    return [
        {name: str(value) for name, value in child.attrs.items()}
        for child in children
        if child.tag == tag
    ]


async def turns() -> None:
    """Let everybody else have his turns."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_posted_before_the_device_is_there_is_sent_when_it_is() -> None:
    mailbox, wire = Mailbox(), Wire()
    for number in range(2):
        mailbox.post(message(number))
    mailbox.post(Node("receipt", {"id": "r"}))
    mailbox.attach(wire)
    assert [node.tag for node in wire.sent] == ["ib", "message", "message", "receipt", "ib"]
    assert [node.text("offline") for node in wire.sent[1:-1]] == ["0", "1", "2"]
    (preview,) = told(wire, "offline_preview")
    assert (preview["count"], preview["message"], preview["receipt"]) == ("3", "2", "1")
    assert told(wire, "offline") == [{"count": "3"}]
    mailbox.post(message(3))
    assert (wire.sent[-1].text("id"), "offline" in wire.sent[-1].attrs) == ("3", False)


async def test_many_are_sent_in_turns_and_what_is_posted_meanwhile_comes_after() -> None:
    mailbox, wire = Mailbox(), Wire()
    for number in range(400):
        mailbox.post(message(number))
    mailbox.attach(wire)
    assert 0 < len(wire.ids()) < 400
    mailbox.post(message(400))
    await turns()
    assert wire.ids() == [str(number) for number in range(401)]
    assert told(wire, "offline") == [{"count": "400"}]


async def test_a_line_that_ends_meanwhile_is_sent_no_more_and_the_next_gets_all() -> None:
    mailbox, first, second = Mailbox(), Wire(), Wire()
    for number in range(400):
        mailbox.post(message(number))
    mailbox.attach(first)
    first.open = False
    sent = len(first.ids())
    await asyncio.sleep(0)
    mailbox.post(message(400))
    assert len(first.ids()) == sent
    mailbox.attach(second)
    await turns()
    assert second.ids() == [str(number) for number in range(401)]


async def test_an_acknowledgement_takes_a_stanza_out_but_it_can_still_be_found() -> None:
    mailbox = Mailbox()
    delivery = mailbox.post(message(1))
    assert delivery.acknowledged is None
    mailbox.acknowledge(key_of("message", "1", "inactive"))
    assert (len(mailbox), delivery.acknowledged is None) == (0, False)
    assert mailbox.find(key_of("message", "1", "")) is delivery


async def test_receipts_of_two_kinds_for_one_message_are_two_stanzas() -> None:
    mailbox = Mailbox()
    for kind in ("", "read"):
        mailbox.post(Node("receipt", {"id": "1", "type": kind} if kind else {"id": "1"}))
    mailbox.acknowledge(key_of("receipt", "1", "read"))
    assert [delivery.node.text("type") for delivery in mailbox.waiting] == [""]


async def test_lost_acknowledgements_change_nothing() -> None:
    mailbox = Mailbox()
    mailbox.post(message(1))
    mailbox.lose_receipts = True
    mailbox.acknowledge(key_of("message", "1", ""))
    assert len(mailbox) == 1


async def test_presences_are_not_kept() -> None:
    mailbox, wire = Mailbox(), Wire()
    mailbox.send(Node("chatstate"))
    mailbox.attach(wire)
    mailbox.send(Node("chatstate"))
    assert [node.tag for node in wire.sent] == ["ib", "chatstate"]


@given(st.lists(st.sampled_from(["asks", "takes"]), min_size=2, max_size=2, unique=True))
def test_a_message_asked_for_again_waits_whichever_word_comes_first(order: list[str]) -> None:
    """A client which cannot decrypt a message asks for it and takes it, in either order."""
    mailbox = Mailbox()
    delivery = mailbox.post(message(1))
    for word in order:
        if word == "asks":
            mailbox.again(delivery, message(1))
        else:
            mailbox.acknowledge(delivery.key, opened=False)
    assert len(mailbox) == 1
    mailbox.acknowledge(delivery.key)
    assert len(mailbox) == 0


async def test_after_a_new_login_the_first_word_about_a_copy_counts() -> None:
    mailbox = Mailbox()
    delivery = mailbox.post(message(1))
    mailbox.again(delivery, message(1))
    mailbox.attach(Wire())
    mailbox.acknowledge(delivery.key, opened=False)
    assert len(mailbox) == 0
