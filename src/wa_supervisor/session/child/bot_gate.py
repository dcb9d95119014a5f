"""The gate before the bot: what it refuses reaches no handler of a message.

It is asked on the bot's thread, where a handler may ask the client as well. What cannot be judged
is refused.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ...gate import Envelope, GatePolicy, GateReason, Identity, Lid, Phone, decide
from ...messages.admission import Admission
from ...messages.errors import MalformedEvent
from ...messages.parse import parse
from ...messages.record import Header, Record
from ...messages.schema import MESSAGE_EVENT, UNDECRYPTABLE_EVENT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pydantic import SecretStr

log = logging.getLogger(__name__)

_JUDGED: Final = frozenset({MESSAGE_EVENT, UNDECRYPTABLE_EVENT})
_T = TypeVar("_T")


class BotGate:
    """Judges what the bot is about to get, as the supervisor judges what a program gets.

    `own` returns who we are and `phone_of` the number of a LID, both None where nobody knows;
    neither may raise. `refused` hears what was refused and why.
    """

    def __init__(
        self,
        policy: SecretStr | None,
        *,
        own: Callable[[], Identity | None],
        phone_of: Callable[[Lid], Phone | None],
        refused: Callable[[GateReason, Envelope], None],
    ) -> None:
        async def ask(lid: Lid) -> Phone | None:
            return phone_of(lid)

        self._admission = Admission(GatePolicy(), ask, warns=False)
        self._own = own
        self._refused = refused
        self.replace(policy)

    def replace(self, policy: SecretStr | None) -> None:
        """Judge by this policy, in JSON, from now on, on any thread; None admits everything.

        Raises ValidationError if it is no policy.
        """
        if policy is None:
            self._is_closed = False
            return
        self._admission.policy = GatePolicy.model_validate_json(policy.get_secret_value())
        self._is_closed = True

    def admits(self, event: int, data: bytes) -> bool:
        """Say whether the bot may have this event, and tell of a message that it may not."""
        if not self._is_closed or event not in _JUDGED:
            return True
        policy = self._admission.policy
        header = Header(event, 0, 0, time.time_ns(), 0, len(data), 0)
        own = self._own() if policy.groups == "mention" else None
        try:
            message = parse(Record(header, data), own)
        except MalformedEvent as error:
            log.warning("The bot does not get a message that cannot be judged: %s", error)
            return False
        if message is None:
            return decide(policy, _unwritten(data)).admitted
        verdict = _at_once(self._admission.judge(message))
        # What could not be decrypted comes again and is counted then.
        if not verdict.admitted and event == MESSAGE_EVENT:
            self._refused(verdict.reason, _at_once(self._admission.envelope(message)))
        return verdict.admitted


def _unwritten(data: bytes) -> Envelope:
    """Return the envelope of an event that holds nothing for a person, as a sender key."""
    from neonize.proto import Neonize_pb2  # noqa: PLC0415 - never in the supervisor

    return Envelope.of(Neonize_pb2.Message.FromString(data).Info.MessageSource, {})


def _at_once(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    raise RuntimeError("judging a message has waited for something")
