"""Every error of messages, received and sent, as one tree.

SupervisorError
└── MessagesError
    ├── LogError           the log of received events cannot be written or read
    ├── MalformedEvent     bytes that are no event of neonize
    ├── InboxError         the inbox cannot be used as it is
    │   ├── InboxFull      too much is not acknowledged: the client waits on purpose
    │   ├── ReaderBusy     two at once read under one name
    │   └── NoSuchReader   nobody ever read under this name
    ├── OutboxError        the outbox cannot be used as it is
    │   └── KeyReused      one idempotency key for two different messages
    ├── MediaError         the file of a message could not be had
    │   ├── MediaGone      WhatsApp does not have it any more
    │   ├── MediaTooLarge  it is larger than allowed
    │   ├── MediaDamaged   it is not what its sender said
    │   └── MediaUnavailable  it cannot be had now
    └── SendError          a message was not sent, or it is not known whether it was
        ├── NotConnected   there is no connection now; nothing was handed to the client
        ├── NotPaired      the session is linked to no account
        ├── ClientGone     the client ended before the message was handed to it
        ├── NotOnWhatsApp  nobody can be reached at this address
        ├── Restricted     WhatsApp lets this account write to no new contacts (463)
        ├── RateLimited    WhatsApp was asked too often (429, 479)
        ├── Refused        WhatsApp refused the message for another reason
        ├── SendTimeout    WhatsApp did not answer in time: it may have been sent
        └── SendUnknown    the client ended before it answered: it may have been sent

`retriable` says whether the same, done again, can succeed and does nothing twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final

from ..errors import SupervisorError


class MessagesError(SupervisorError):
    """The base of all errors of messages."""

    retriable: ClassVar[bool] = False
    """Whether the same, done again, can succeed and does nothing twice."""


class LogError(MessagesError):
    """Raised when the log of received events cannot be written or read."""

    retriable = True


class MalformedEvent(MessagesError):
    """Raised when bytes are no event of neonize; the message quotes nothing of them."""


class InboxError(MessagesError):
    """Raised when the inbox cannot be used as it is: the disk is full, or does not answer."""

    retriable = True


class InboxFull(InboxError):
    """Raised when so much is not acknowledged that the client waits on purpose."""


class ReaderBusy(InboxError):
    """Raised when a reader's name is in use: its two readers would take each other's messages."""

    retriable = False


class NoSuchReader(InboxError):
    """Raised when nobody ever read under a name, or it was forgotten."""

    retriable = False


class OutboxError(MessagesError):
    """Raised when the outbox cannot be used as it is; nothing was handed to the client."""

    retriable = True


class KeyReused(OutboxError):
    """Raised when an idempotency key was used before, for another message."""

    retriable = False


class MediaError(MessagesError):
    """The base of all errors of the files of messages."""

    code: ClassVar[str]
    """The public name."""


class MediaGone(MediaError):
    """Raised when WhatsApp does not have the file any more; the sender can send it again."""

    code = "media_gone"


class MediaTooLarge(MediaError):
    """Raised when a file is larger than allowed."""

    code = "media_too_large"


class MediaDamaged(MediaError):
    """Raised when a file is not what its sender said, by its checksums, its MAC or its size."""

    code = "media_damaged"


class MediaUnavailable(MediaError):
    """Raised when a file cannot be had now: no connection, no answer in time, no room for it."""

    code = "media_unavailable"
    retriable = True


MEDIA_ERRORS: Final[dict[str, type[MediaError]]] = {
    error.code: error for error in (MediaGone, MediaTooLarge, MediaDamaged, MediaUnavailable)
}
"""Every error of a download, by its code."""


class SendError(MessagesError):
    """The base of all ends of a send but success."""

    code: ClassVar[str]
    """The public name, as `--json` prints it and the outbox keeps it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        if type(self) is SendError:
            raise TypeError("raise a leaf of SendError, not the base")
        super().__init__(message, hint=hint)


class NotConnected(SendError):
    """Raised when there is no connection; nothing was handed to the client."""

    code = "not_connected"
    retriable = True

    def __init__(
        self,
        message: str,
        *,
        state: str | None = None,
        reason: str | None = None,
        until: datetime | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.state = state
        """The session's state when it was asked, such as `Backoff`."""
        self.reason = reason
        """The code of the state's reason, such as `banned`."""
        self.until = until
        """When it may be connected again, if that is known."""


class NotPaired(SendError):
    """Raised when the session is linked to no account: somebody must scan the QR first."""

    code = "not_paired"


class ClientGone(SendError):
    """Raised when the client ended before the message was handed to it."""

    code = "client_gone"
    retriable = True


class NotOnWhatsApp(SendError):
    """Raised when nobody can be reached at this address."""

    code = "not_on_whatsapp"


class Restricted(SendError):
    """Raised when WhatsApp lets this account write to no new contacts (server error 463)."""

    code = "restricted"


class RateLimited(SendError):
    """Raised when WhatsApp was asked too often (server errors 429 and 479); wait before more."""

    code = "rate_limited"
    retriable = True


class Refused(SendError):
    """Raised when WhatsApp refused the message for another reason; the text has its number."""

    code = "refused"


class SendTimeout(SendError):
    """Raised when WhatsApp did not answer in time: the message may have been sent.

    whatsmeow repeats it after a reconnect, under its id; sent again, it may come twice.
    """

    code = "send_timeout"


class SendUnknown(SendError):
    """Raised when the client ended before it answered: the message may have been sent."""

    code = "send_unknown"


SEND_ERRORS: Final[dict[str, type[SendError]]] = {
    error.code: error
    for error in (
        NotConnected,
        NotPaired,
        ClientGone,
        NotOnWhatsApp,
        Restricted,
        RateLimited,
        Refused,
        SendTimeout,
        SendUnknown,
    )
}
"""Every end of a send but success, by its code."""

_OF_THE_SERVER: Final[dict[int, tuple[type[SendError], str, str]]] = {
    463: (
        Restricted,
        "WhatsApp lets this account write to no new contacts for now",
        "answer those who write to you; the restriction ends by itself",
    ),
    429: (RateLimited, "WhatsApp was asked too often", "wait some minutes, and send less often"),
    479: (RateLimited, "WhatsApp was asked too often", "wait some minutes, and send less often"),
}


def error_of_server(number: int) -> SendError:
    """Return the error for a number with which WhatsApp answers a message."""
    kind, text, hint = _OF_THE_SERVER.get(number, (Refused, "WhatsApp refused the message", None))
    return kind(f"{text} (server error {number})", hint=hint)
