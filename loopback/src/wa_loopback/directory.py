"""Who has which address."""

from __future__ import annotations

from .chat import Chat
from .newsletter import Newsletter
from .nodes import Jid
from .person import Person


class Directory:
    """The people, chats and newsletters of one server, by address."""

    def __init__(self) -> None:
        self._people: dict[tuple[str, str], Person] = {}
        self._chats: dict[tuple[str, str], Chat] = {}
        self._newsletters: dict[tuple[str, str], Newsletter] = {}

    def add_person(self, person: Person) -> None:
        """Give a person both addresses."""
        self._people[_place(person.jid)] = self._people[_place(person.lid)] = person

    def add_chat(self, chat: Chat) -> None:
        """Give a chat its address."""
        self._chats[_place(chat.jid)] = chat

    def add_newsletter(self, newsletter: Newsletter) -> None:
        """Give a newsletter its address."""
        self._newsletters[_place(newsletter.jid)] = newsletter

    def person(self, jid: Jid) -> Person | None:
        """Return who has an address, whatever the device in it."""
        return self._people.get(_place(jid))

    def chat(self, jid: Jid) -> Chat | None:
        """Return the chat with an address."""
        return self._chats.get(_place(jid))

    def newsletter(self, jid: Jid) -> Newsletter | None:
        """Return the newsletter with an address."""
        return self._newsletters.get(_place(jid))

    @property
    def chats(self) -> tuple[Chat, ...]:
        """All chats, oldest first."""
        return tuple(self._chats.values())


def _place(jid: Jid) -> tuple[str, str]:
    return jid.user, jid.server
