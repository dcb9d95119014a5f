"""Contacts and groups against a client that is only its keys: no neonize, no socket."""

from __future__ import annotations

import pytest

from wa_loopback import (
    Contact,
    Damage,
    Device,
    Group,
    Jid,
    LoopbackError,
    Manner,
    Media,
    MediaKind,
    Person,
)
from wa_loopback.messages import Content, write
from wa_loopback.nodes import HIDDEN_USERS, Node
from wa_loopback.person import Incoming
from wa_loopback.signal import Keyring, Kind, PublishedPreKeys, Sealed, Undecryptable
from wa_loopback.waiting import Waiters

NUMBER, LID, SECRET = "14440000001", Jid("200000000000001", HIDDEN_USERS), "a secret"


class Owner(Person):
    """An account with one client."""

    def __init__(self) -> None:
        super().__init__("15550000001", Jid("100000000000001", HIDDEN_USERS), "Me", Waiters())
        self.device = Device(self, 1, b"")

    @property
    def devices(self) -> tuple[Device, ...]:
        return (self.device,)

    async def remove(self, device: Device) -> None:
        raise NotImplementedError

    def revoke(self, device: Device, *, by_phone: bool) -> None:
        raise NotImplementedError


class Client:
    """A client, as far as its keys."""

    def __init__(self) -> None:
        self.owner = Owner()
        self.keyring = Keyring()
        bundle = self.keyring.prekeys.bundle()
        assert bundle.one_time is not None
        self.device = self.owner.device
        self.device.prekeys = PublishedPreKeys(bundle)
        self.device.prekeys.add(dict([bundle.one_time]))

    def opened(self, node: Node) -> list[Content]:
        """What a message says to it, each part."""
        parts = [each for each in node.children if each.tag == "enc"]
        return [
            Content.decode(self.keyring.decrypt("ann", Sealed(Kind(e.text("type")), e.data)))
            for e in parts
            if e.text("type") != "skmsg"
        ]

    def incoming(self, ident: str, text: str, ann: Contact) -> Incoming:
        if not self.keyring.knows("ann"):
            self.keyring.begin("ann", ann.keyring().prekeys.bundle())
        return Incoming(ident, self.device, self.keyring.encrypt("ann", write.text(text)))


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def ann() -> Contact:
    return Contact(NUMBER, LID, "Ann", Waiters())


def test_a_client_opens_what_a_contact_says(client: Client, ann: Contact) -> None:
    said = ann.say(client.owner, SECRET)
    (delivery,) = said.deliveries.values()
    assert [each.text for each in client.opened(delivery.node)] == [SECRET]


def test_nobody_can_write_to_a_client_without_keys(client: Client, ann: Contact) -> None:
    client.device.prekeys = None
    with pytest.raises(LoopbackError, match="has not uploaded its prekeys") as caught:
        ann.say(client.owner, SECRET)
    assert caught.value.hint


def test_a_contact_hears_each_message_once(client: Client, ann: Contact) -> None:
    incoming = client.incoming("1", SECRET, ann)
    heard = ann.hear(incoming)
    assert heard is not None
    assert heard.text == SECRET
    assert ann.hear(incoming) is None
    assert len(ann.heard) == 1


def test_the_same_ciphertext_under_another_id_is_not_opened(client: Client, ann: Contact) -> None:
    incoming = client.incoming("1", SECRET, ann)
    ann.hear(incoming)
    with pytest.raises(Undecryptable):
        ann.hear(Incoming("2", incoming.sender, incoming.sealed))


@pytest.mark.parametrize("damage", [Damage.ONCE, Damage.ALWAYS, Damage.UNANSWERED])
def test_a_damaged_message_opens_only_if_its_sender_makes_it_anew(
    client: Client, ann: Contact, damage: Damage
) -> None:
    (delivery,) = ann.say(client.owner, SECRET, manner=Manner(damage=damage)).deliveries.values()
    with pytest.raises(Undecryptable):
        client.opened(delivery.node)
    again = None if delivery.renew is None else delivery.renew(1)
    assert (again is None) is (damage is Damage.UNANSWERED)
    if again is not None and damage is Damage.ONCE:
        assert [each.text for each in client.opened(again)] == [SECRET]
    elif again is not None:
        with pytest.raises(Undecryptable):
            client.opened(again)


def test_a_sender_key_is_told_to_each_client_once(client: Client, ann: Contact) -> None:
    group = Group(Jid("120363000000000001", "g.us"), "Group", [ann, client.owner])
    kinds = []
    for _ in range(2):
        (delivery,) = group.say(ann, SECRET).deliveries.values()
        kinds.append([each.text("type") for each in delivery.node.children])
    assert kinds == [["pkmsg", "skmsg"], ["skmsg"]]


def test_nothing_said_and_nobodys_number_is_in_a_repr(client: Client, ann: Contact) -> None:
    group = Group(Jid("120363000000000001", "g.us"), "Group", [ann, client.owner])
    said = ann.say(client.owner, SECRET, mentions=[ann])
    heard = ann.hear(client.incoming("1", SECRET, ann))
    assert heard is not None
    reply = ann.reply(heard, SECRET)
    file = Media(MediaKind.IMAGE, "a/b", 1, "/v/path", b"k", b"s", b"e", SECRET, SECRET)
    shown = [ann, group, client.owner, client.device, said, heard, heard.content, reply, file]
    shown += [*said.deliveries.values(), *(each.node for each in said.deliveries.values())]
    shown += [group.say(ann, SECRET), client.incoming("2", SECRET, ann)]
    text = "\n".join(repr(each) for each in shown)
    for secret in (SECRET, NUMBER, LID.user, client.owner.number, client.owner.lid.user, "path"):
        assert secret not in text
