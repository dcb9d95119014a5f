"""Who we are and who others are, as neonize's client has stored it, for the gate before the bot."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ...gate import Identity, Lid, Phone, parse
from . import questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..shared import protocol

log = logging.getLogger(__name__)


class Addresses:
    """Asks the client, while `can_ask` says so: neonize dies of a question without a client."""

    def __init__(self, client: Any, can_ask: Callable[[], bool]) -> None:
        self._client = client
        self._can_ask = can_ask
        self._own: Identity | None = None

    def own(self) -> Identity | None:
        """Return who we are, None while nobody knows."""
        if self._own is None:
            self._own = self._known("who_am_i")
        return self._own

    def phone_of(self, lid: Lid) -> Phone | None:
        """Return the phone number of a LID, None if nobody knows."""
        found = self._known("phone_of", SecretStr(lid.reveal()))
        return None if found is None else found.phone

    def _known(
        self, question: protocol.Question, about: SecretStr | None = None
    ) -> Identity | None:
        if not self._can_ask():
            return None
        try:
            answers = questions.ANSWERS[question](self._client, about)
        except Exception as error:  # noqa: BLE001 - its text would name people; nobody knows
            log.warning("The client could not say an address: %s", type(error).__name__)
            return None
        return Identity.of(*(parse(each.get_secret_value()) for each in answers))
