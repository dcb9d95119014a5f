"""Every form in which WhatsApp names a sender and a chat, through the gate, on the real client.

One session is shared by all rows; each has people of its own, whom the client does not know yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from e2e.fork_servers import CA_FILE
from e2e.processes import until
from wa_loopback import (
    Addressing,
    Contact,
    Damage,
    Group,
    LoopbackServer,
    Manner,
    MediaKind,
    Phone,
    Said,
)
from wa_supervisor import PairingSettings, Settings, State, Supervisor
from wa_supervisor.gate import GatePolicy, parse
from wa_supervisor.session.parent.link import Endpoint, SessionLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from wa_supervisor.messages.delivery import Delivery
    from wa_supervisor.session.parent.fork_servers import ForkServers

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
]

ADMITTED = "admitted"
LID, LID_WITHOUT_MODE, LID_ALONE = Addressing.LID, Addressing.LID_WITHOUT_MODE, Addressing.LID_ALONE
NUMBER, NUMBER_ALONE = Addressing.NUMBER, Addressing.NUMBER_ALONE


class Gate:
    """A session, those who write to it, and what the gate makes of it."""

    def __init__(self, server: LoopbackServer, session: Supervisor) -> None:
        self.server, self.session = server, session
        self.phone = server.phone("15550001111")
        self.handed: list[Delivery] = []
        self._reader = session.messages("gate")

    async def read(self) -> None:
        async for message in self._reader:
            self.handed.append(message)

    async def begin(self) -> None:
        await self._reader.begin()

    def people(self) -> People:
        ann, eve = self.server.contact("Ann"), self.server.contact("Eve")
        return People(self, ann, eve, self.server.group(self.phone, ann, eve))

    async def verdict(self, write: Callable[[], object], count: int = 1) -> list[str]:
        """Have something written, and return what became of so many messages."""
        handed, refused = len(self.handed), self._refused()

        def judged() -> bool:
            return len(self.handed) - handed + (self._refused() - refused).total() >= count

        write()
        await until(judged, 20)
        await self.server.wait_acknowledged(self.phone)
        found = [ADMITTED] * (len(self.handed) - handed)
        return found + list((self._refused() - refused).elements())

    def _refused(self) -> Counter[str]:
        received = self.session.status.received
        assert received is not None
        return Counter(received.refused)


@dataclass
class People:
    """Two contacts and the group that they have with us."""

    gate: Gate
    ann: Contact
    eve: Contact
    group: Group
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.phone = self.gate.phone
        self.server = self.gate.server
        self.names = {
            "number": f"+{self.ann.number}",
            "lid": str(self.ann.lid),
            "eve": f"+{self.eve.number}",
            "eve's lid": str(self.eve.lid),
            # The same digits, of the other kind: somebody else.
            "number as lid": f"{self.ann.number}@lid",
            "lid as number": f"{self.ann.lid.user}@s.whatsapp.net",
            "group": str(self.group.jid),
            "*": "*",
            "*@g.us": "*@g.us",
        }

    def use(self, *allow: str, **policy: Any) -> None:
        names = [self.names[each] for each in allow]
        self.gate.session.update_gate(GatePolicy.model_validate({"allow": names, **policy}))

    async def admit(self, write: Callable[[], object]) -> None:
        assert await self.gate.verdict(write) == [ADMITTED]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate(
    tmp_path_factory: pytest.TempPathFactory, fork_servers: ForkServers
) -> AsyncIterator[Gate]:
    async with LoopbackServer(ca_file=CA_FILE) as server:
        directory: Path = tmp_path_factory.mktemp("gate")
        endpoint = server.endpoint
        settings = Settings(
            session="gate",
            data_dir=directory,
            pairing=PairingSettings(qr=[]),
            endpoint=Endpoint(
                proxy=SecretStr(endpoint.proxy),
                ca_file=endpoint.ca_file,
                noise_root=endpoint.noise_root,
            ),
        )

        def make(post: Any, **options: Any) -> SessionLink:
            return SessionLink(post, launcher=fork_servers, **options)

        class Scan:
            async def show_qr(self, payload: SecretStr, lifetime: float) -> None:
                del lifetime
                await server.phone("15550001111").scan(payload)

            async def show_code(self, code: SecretStr, lifetime: float) -> None:
                raise NotImplementedError

            async def hide(self) -> None:
                pass

            async def close(self) -> None:
                pass

        async with Supervisor(settings, sinks=[Scan()], link=make) as session:
            gate = Gate(server, session)
            await gate.begin()
            reading = asyncio.create_task(gate.read())
            await session.wait_for(State.CONNECTED, timeout=30)
            yield gate
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading


DIRECT: Sequence[tuple[Addressing, str, str]] = [
    (form, allowed, ADMITTED)
    for form in (LID, LID_WITHOUT_MODE, NUMBER)
    for allowed in ("number", "lid", "*")
] + [
    *((form, "eve", "not_listed") for form in (LID, LID_WITHOUT_MODE, NUMBER, NUMBER_ALONE)),
    *((form, "number as lid", "not_listed") for form in (LID, LID_ALONE, NUMBER, NUMBER_ALONE)),
    (LID, "lid as number", "not_listed"),
    (NUMBER, "lid as number", "not_listed"),
    (LID_ALONE, "lid", ADMITTED),
    (LID_ALONE, "number", "unresolved_lid"),
    (LID_ALONE, "lid as number", "unresolved_lid"),
    (LID_ALONE, "eve's lid", "not_listed"),
    (NUMBER_ALONE, "number", ADMITTED),
    (NUMBER_ALONE, "lid", "not_listed"),
]


@pytest.mark.parametrize(("form", "allowed", "wanted"), DIRECT, ids=str)
async def test_a_direct_message_of_somebody_unknown(
    gate: Gate, form: Addressing, allowed: str, wanted: str
) -> None:
    people = gate.people()
    people.use(allowed)
    manner = Manner(form)
    assert await gate.verdict(lambda: people.ann.say(gate.phone, "hi", manner=manner)) == [wanted]


@pytest.mark.parametrize(("form", "allowed"), [(LID_ALONE, "number"), (NUMBER_ALONE, "lid")])
async def test_a_direct_message_of_somebody_whose_other_address_came_before(
    gate: Gate, form: Addressing, allowed: str
) -> None:
    people = gate.people()
    people.use(allowed)
    if form is LID_ALONE:  # nobody knows the number, at first
        written = await gate.verdict(
            lambda: people.ann.say(gate.phone, "who am I?", manner=Manner(form))
        )
        assert written == ["unresolved_lid"]
    await people.admit(lambda: people.ann.say(gate.phone, "both"))
    await people.admit(lambda: people.ann.say(gate.phone, "one", manner=Manner(form)))


async def test_an_empty_list_is_nobody_and_open_is_everybody(gate: Gate) -> None:
    people = gate.people()
    people.use()
    assert await gate.verdict(lambda: people.ann.say(gate.phone, "hi")) == ["nobody_listed"]
    people.use(direct="open")
    await people.admit(lambda: people.ann.say(gate.phone, "hi"))
    await people.admit(lambda: people.eve.say(gate.phone, "hi", manner=Manner(LID_ALONE)))


async def test_who_is_taken_off_the_list_is_refused_at_the_next_message(gate: Gate) -> None:
    people = gate.people()
    people.use("number")
    await people.admit(lambda: people.ann.say(gate.phone, "hi"))
    people.use("eve")
    assert await gate.verdict(lambda: people.ann.say(gate.phone, "hi")) == ["not_listed"]


@pytest.mark.parametrize("form", [LID, NUMBER])
async def test_another_device_of_somebody_allowed(gate: Gate, form: Addressing) -> None:
    people = gate.people()
    people.use("number")
    tablet = people.ann.add_device()
    manner = Manner(form, device=tablet)
    await people.admit(lambda: people.ann.say(gate.phone, "hi", manner=manner))


GROUP: Sequence[tuple[Addressing, tuple[str, ...], dict[str, str], str]] = [
    (LID, ("number",), {}, "groups_off"),
    (LID, ("number", "group"), {"groups": "off"}, "groups_off"),
    (LID, ("number",), {"groups": "allowlist"}, "group_not_listed"),
    (LID, ("group",), {"groups": "allowlist"}, "nobody_listed"),
    (LID, ("group", "eve"), {"groups": "allowlist"}, "not_listed"),
    (LID, ("group", "number as lid"), {"groups": "allowlist"}, "not_listed"),
    *(
        (form, ("group", allowed), {"groups": "allowlist"}, ADMITTED)
        for form in (LID, LID_WITHOUT_MODE, NUMBER)
        for allowed in ("number", "lid")
    ),
    (LID_ALONE, ("group", "lid"), {"groups": "allowlist"}, ADMITTED),
    (LID_ALONE, ("group", "number"), {"groups": "allowlist"}, "unresolved_lid"),
    (NUMBER_ALONE, ("group", "number"), {"groups": "allowlist"}, ADMITTED),
    (NUMBER_ALONE, ("group", "lid"), {"groups": "allowlist"}, "not_listed"),
    (LID_ALONE, ("group",), {"groups": "allowlist", "group_senders": "open"}, ADMITTED),
    (LID, ("*@g.us", "*"), {"groups": "allowlist"}, ADMITTED),
    (LID, ("*",), {"groups": "allowlist"}, "group_not_listed"),
    (LID, ("*@g.us", "number"), {"groups": "mention"}, "not_mentioned"),
    (LID, ("group",), {"groups": "mention", "direct": "open"}, "nobody_listed"),
]


@pytest.mark.parametrize(("form", "allow", "policy", "wanted"), GROUP, ids=str)
async def test_a_message_in_a_group(
    gate: Gate, form: Addressing, allow: tuple[str, ...], policy: dict[str, str], wanted: str
) -> None:
    people = gate.people()
    people.use(*allow, **policy)
    manner = Manner(form)
    found = await gate.verdict(lambda: people.group.say(people.ann, "hi all", manner=manner))
    assert found == [wanted]


async def test_being_allowed_in_a_group_opens_no_direct_messages(gate: Gate) -> None:
    people = gate.people()
    people.use("group", groups="allowlist", group_senders="open")
    await people.admit(lambda: people.group.say(people.ann, "hi all"))
    assert await gate.verdict(lambda: people.ann.say(gate.phone, "hi")) == ["nobody_listed"]


async def test_in_a_group_with_mention_only_what_is_meant_for_us(gate: Gate) -> None:
    people = gate.people()
    ann, eve, group = people.ann, people.eve, people.group
    people.use("group", "number", groups="mention")
    sent = await gate.session.send_text(parse(str(group.jid)), "a word of ours")
    ours = await ann.next_message()
    assert ours.id == sent.id
    said: list[Said] = []

    def say(words: str, *mentions: Phone) -> Callable[[], None]:
        return lambda: said.append(ann.say(group, words, mentions=mentions))

    await people.admit(say("hey you", gate.phone))
    await people.admit(lambda: ann.reply(ours, "an answer"))
    await people.admit(lambda: ann.react(ours, "+"))
    await people.admit(lambda: ann.edit(said[0], "hey you all"))
    await people.admit(lambda: ann.delete(said[0]))
    refused: list[Callable[[], object]] = [
        say("not for you"),
        lambda: ann.edit(said[1], "nor this"),
        lambda: ann.react(said[1], "-"),
        lambda: ann.delete(said[1]),
    ]
    for act in refused:
        assert await gate.verdict(act) == ["not_mentioned"]
    mention = await gate.verdict(lambda: eve.say(group, "me too", mentions=[gate.phone]))
    assert mention == ["not_listed"]


OWN: Sequence[tuple[Addressing, tuple[str, ...], str, str]] = [
    *((form, ("*",), "off", "own_message") for form in (LID, NUMBER)),
    (LID, ("lid",), "chats", ADMITTED),
    (NUMBER, ("number",), "chats", ADMITTED),
    (LID, ("eve",), "chats", "own_message"),
    (NUMBER, ("eve",), "chats", "own_message"),
    (NUMBER, ("number as lid",), "chats", "own_message"),
    (LID, ("*",), "chats", ADMITTED),
]


@pytest.mark.parametrize(("form", "allow", "own", "wanted"), OWN, ids=str)
async def test_what_the_owner_writes_on_the_phone(
    gate: Gate, form: Addressing, allow: tuple[str, ...], own: str, wanted: str
) -> None:
    people = gate.people()
    people.use(*allow, own=own)
    manner = Manner(form)
    assert await gate.verdict(lambda: gate.phone.say(people.ann, "me", manner=manner)) == [wanted]
    if wanted == ADMITTED:
        assert gate.handed[-1].from_me


async def test_what_the_phone_writes_is_a_sign_of_it(gate: Gate) -> None:
    people = gate.people()
    people.use("*")

    device = gate.session.status.device
    assert device.paired_at is not None
    # WhatsApp's times are whole seconds: what is written in the next one is later.
    await asyncio.sleep(1 - device.paired_at.microsecond / 1e6)
    await gate.verdict(lambda: gate.phone.say(people.ann, "me"))
    seen = gate.session.status.device.phone_seen_at
    assert seen is not None
    assert seen > device.paired_at


@pytest.mark.parametrize(
    ("allow", "policy", "wanted"),
    [
        (("group",), {"groups": "allowlist", "own": "chats"}, ADMITTED),
        (("number",), {"groups": "allowlist", "own": "chats"}, "own_message"),
        (("group",), {"groups": "allowlist"}, "own_message"),
    ],
    ids=str,
)
async def test_what_the_owner_writes_in_a_group(
    gate: Gate, allow: tuple[str, ...], policy: dict[str, str], wanted: str
) -> None:
    people = gate.people()
    people.use(*allow, **policy)
    assert await gate.verdict(lambda: people.group.say(gate.phone, "me")) == [wanted]


async def test_newsletters_status_and_broadcasts_are_off_until_they_are_opened(gate: Gate) -> None:
    people = gate.people()
    news = gate.server.newsletter(gate.phone)
    updates = gate.server.status_updates(gate.phone)
    everybody = gate.server.broadcast_list(gate.phone, people.eve)
    ways: dict[str, Callable[[], object]] = {
        "newsletters": lambda: news.say("extra"),
        "status": lambda: people.ann.say(updates, "look"),
        "broadcasts": lambda: people.ann.say(everybody, "to all"),
    }
    for name, write in ways.items():
        people.use("*", direct="open", groups="allowlist", group_senders="open")
        assert await gate.verdict(write) == [f"{name}_off"]
    people.use(newsletters="open")
    await people.admit(ways["newsletters"])
    for name in ("status", "broadcasts"):
        people.use("number", **{name: "direct"})
        await people.admit(ways[name])
        people.use("eve", **{name: "direct"})
        assert await gate.verdict(ways[name]) == ["not_listed"]


async def test_edits_reactions_revokes_and_files_pass_the_same_gate(gate: Gate) -> None:
    people = gate.people()
    file = gate.server.media.add(b"a picture", MediaKind.IMAGE, caption="look")
    people.use("number")

    async def write_all(who: Contact, wanted: str) -> None:
        said: list[Said] = []
        acts: list[Callable[[], object]] = [
            lambda: said.append(who.say(gate.phone, "first")),
            lambda: who.edit(said[0], "second"),
            lambda: who.react(said[0], "+"),
            lambda: who.delete(said[0]),
            lambda: who.send_media(gate.phone, file),
        ]
        for act in acts:
            assert await gate.verdict(act) == [wanted]

    await write_all(people.ann, ADMITTED)
    await write_all(people.eve, "not_listed")
    kinds = [message.kind.value for message in gate.handed[-5:]]
    assert kinds == ["text", "edit", "reaction", "revoke", "image"]


async def test_what_is_decrypted_late_passes_the_same_gate(gate: Gate) -> None:
    people = gate.people()
    people.use("number")
    manner = Manner(damage=Damage.ONCE)
    await people.admit(lambda: people.ann.say(gate.phone, "at the second try", manner=manner))
    assert (gate.handed[-1].text, gate.handed[-1].late) == ("at the second try", True)
    found = await gate.verdict(lambda: people.eve.say(gate.phone, "me too", manner=manner))
    assert found == ["not_listed"]


async def test_what_waited_at_whatsapp_passes_the_same_gate(gate: Gate) -> None:
    people = gate.people()
    people.use("number")
    await people.admit(lambda: people.ann.say(gate.phone, "here"))
    connection = await gate.server.wait_connected(gate.phone)
    gate.server.refuse()
    await connection.drop()

    def while_away() -> None:
        people.eve.say(gate.phone, "let me in")
        people.ann.say(gate.phone, "while you were away")
        gate.server.accept()

    assert await gate.verdict(while_away, 2) == [ADMITTED, "not_listed"]
    assert (gate.handed[-1].text, gate.handed[-1].late) == ("while you were away", True)


async def test_nobody_who_was_refused_has_heard_of_us(gate: Gate) -> None:
    people = gate.people()
    people.use("number")
    assert await gate.verdict(lambda: people.eve.say(gate.phone, "hello?")) == ["not_listed"]
    assert not people.eve.heard
