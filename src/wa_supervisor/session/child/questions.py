"""What the supervisor may ask the client, and how neonize is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answers: TypeAlias = tuple[SecretStr, ...]
    Ask: TypeAlias = Callable[[Any, SecretStr | None], Answers]


def _probe(client: Any, _: SecretStr | None) -> Answers:
    """Make a round trip to WhatsApp: ask for the blocked contacts, which changes nothing."""
    client.get_blocklist()
    return ()


def _who_am_i(client: Any, _: SecretStr | None) -> Answers:
    """Return the account's own addresses: by phone number, and by LID if it has one."""
    me = client.get_me()
    return tuple(SecretStr(_text(jid)) for jid in (me.JID, me.LID) if jid.User)


def _phone_of(client: Any, lid: SecretStr | None) -> Answers:
    """Return the phone number of a LID, nothing if whatsmeow has not learnt it yet."""
    from neonize.utils.jid import build_jid  # noqa: PLC0415 - never in the supervisor

    assert lid is not None
    user, _, server = lid.get_secret_value().partition("@")
    phone = client.get_pn_from_lid(build_jid(user, server))
    return (SecretStr(_text(phone)),) if phone.User else ()


def _text(jid: Any) -> str:
    return f"{jid.User}@{jid.Server}"


ANSWERS: Final[Mapping[str, Ask]] = {
    "probe": _probe,
    "who_am_i": _who_am_i,
    "phone_of": _phone_of,
}
"""By the question's name, see `protocol.Question`."""
