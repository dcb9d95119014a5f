"""Every name, word and text of neonize, whatsmeow and Go that this package goes by.

Read from neonize 0.5.2 (goneonize/main.go, neonize/events.py), whatsmeow and Go's runtime; what
they mean to a session is in `child/adapter.py`. When a new release says something in another way,
this is the file to change. Nothing here imports neonize: the supervisor reads it too.
"""

from __future__ import annotations

import enum
import re
from typing import Final

# -- events: the names of the messages in neonize.proto.Neonize_pb2 --------------------------------


class Event(enum.StrEnum):
    """The events of a lifecycle."""

    PAIR_STATUS = "PairStatus"
    CONNECTED = "Connected"
    KEEPALIVE_TIMEOUT = "KeepAliveTimeout"
    KEEPALIVE_RESTORED = "KeepAliveRestored"
    LOGGED_OUT = "LoggedOut"
    STREAM_REPLACED = "StreamReplaced"
    TEMPORARY_BAN = "TemporaryBan"
    CONNECT_FAILURE = "ConnectFailure"
    CLIENT_OUTDATED = "ClientOutdated"
    STREAM_ERROR = "StreamError"
    DISCONNECTED = "Disconnected"


class MessageEvent(enum.StrEnum):
    """The events of what flows through a session."""

    MESSAGE = "Message"
    UNDECRYPTABLE = "UndecryptableMessage"
    LATE_BEGINS = "OfflineSyncPreview"
    """What follows waited at WhatsApp while we were away."""
    LATE_ENDS = "OfflineSyncCompleted"


REDIALLED: Final = frozenset({Event.DISCONNECTED, Event.KEEPALIVE_TIMEOUT})
"""After these whatsmeow redials by itself, as long as it takes, and says Connected at the end."""

GOES_ON: Final = REDIALLED | {
    Event.PAIR_STATUS,
    Event.CONNECTED,
    Event.KEEPALIVE_RESTORED,
    Event.STREAM_ERROR,
}
"""After these there still is a connection, or there will be; after the others there is none."""

# neonize encodes WhatsApp's numbers as its own enum (utils/encoder.go); these are the numbers.
FAILURES: Final = {
    "GENERIC": 400,
    "LOGGED_OUT": 401,
    "TEMP_BANNED": 402,
    "MAIN_DEVICE_GONE": 403,
    "CLIENT_OUTDATED": 405,
    "UNKNOWN_LOGOUT": 406,
    "BAD_USER_AGENT": 409,
    "INTERNAL_SERVER_ERROR": 500,
    "EXPERIMENTAL": 501,
    "SERVICE_UNAVAILABLE": 503,
}
BANS: Final = {
    "SEND_TO_TOO_MANY_PEOPLE": 101,
    "BLOCKED_BY_USERS": 102,
    "CREATED_TOO_MANY_GROUPS": 103,
    "SENT_TOO_MANY_SAME_MESSAGE": 104,
    "BROADCAST_LIST": 106,
}

FIRST_QR_LIFETIME: Final = 60.0
"""Seconds; whatsmeow qrchan.go, for a list of exactly six codes."""
QR_LIFETIME: Final = 20.0
"""Seconds; for every other one."""
PAIR_CODE_LIFETIME: Final = 160.0
"""Seconds; of the QR list it rides on: 60 + 5 x 20."""


# -- login status: what the private hook is called with (whatsmeow qrchan.go) ----------------------

LOGIN_STATUS_HOOK: Final = "_NewClient__onLoginStatus"
"""The private method of NewClient; without it the end of a pairing would go unseen."""


class LoginStatus(enum.StrEnum):
    """The words that mean more than that pairing failed."""

    SUCCESS = "success"
    TIMEOUT = "timeout"
    OUTDATED = "err-client-outdated"
    NO_MULTIDEVICE = "err-scanned-without-multidevice"
    PASSKEY = "passkey-request"
    PASSKEY_CONFIRMATION = "passkey-confirmation"


# -- logs ------------------------------------------------------------------------------------------

CLIENT_LOGGER: Final = "whatsmeow.Client"
"""The logger to which neonize hands what whatsmeow's client logs."""
LEVEL_LOGGER: Final = "neonize.utils.log"
"""neonize hands this logger's level to Go. At DEBUG, QRs and whole stanzas are logged."""
FFMPEG_LOGGER: Final = "neonize.utils.ffmpeg"
"""Says at every start that there is no ffmpeg; media operations that miss it say so themselves."""
LOGGERS: Final = ("neonize", "whatsmeow", "Whatsmeow")

# whatsmeow connectionevents.go, at INFO: said before the device is deleted.
LOGGED_OUT_LINE: Final = re.compile(
    r"Got (?:(?P<code>\d+): .* connect failure|device removed stream error), "
    r"sending LoggedOut event and deleting session"
)


# -- errors ----------------------------------------------------------------------------------------

# goneonize cannot encode an event whose enum has a value it does not know, and connect() ends.
UNENCODABLE: Final = re.compile(r"required field (?:\w+\.)*(?P<event>\w+)\.(?P<field>\w+) not set")

UNREACHABLE: Final = ("failed to dial", "noise handshake failed")
"""Parts of the errors of a dial."""

STORAGE_BUSY: Final = (
    "database is locked",  # SQLite waited 5 s and gave up
    # Of a Postgres server: it is away, starts, or is full.
    "dial tcp",
    "dial unix",
    "pq: the database system is",
    "pq: sorry, too many clients",
)
"""Parts of the errors of a database that may answer later. Look for UNREACHABLE first."""

STORAGE_BROKEN: Final = (
    "failed to open database",
    "unable to open database file",
    "file is not a database",
    "disk image is malformed",
    "readonly database",
    "disk I/O error",
    "unsupported database schema version",
    "foreign keys are not enabled",
    "failed to upgrade database",
    "failed to scan session",
    "invalid length",
)
"""Parts of the errors of a database that waiting does not mend."""

CODE_LIMITED: Final = ("429", "rate-overlimit")
"""Parts of the error of PairPhone when WhatsApp hands out no more codes for now."""

# glibc elf/dl-load.c; strerror of ENOMEM, EMFILE and ENFILE.
NO_ROOM: Final = (
    "failed to map segment",
    "annot allocate memory",
    "cannot create shared object descriptor",
    "oo many open files",
)
"""Parts of what the dynamic loader says when there is no memory or descriptor for the library."""


# -- what is printed -------------------------------------------------------------------------------

_GO_ABORTS: Final = ("panic:", "fatal error:", "runtime:")  # runtime/panic.go
# goneonize/main.go prints these whatever happens; they say nothing to who runs a bot.
_GO_CHATTER: Final = re.compile(r"Press Ctrl\+C to exit|Login event: .*")


def go_aborts(line: str) -> bool:
    """Tell whether Go says in this line that it aborts the process."""
    return line.startswith(_GO_ABORTS)


def go_died(printed: str) -> bool:
    """Tell whether Go says in what a process printed that it aborts it."""
    return any(map(go_aborts, printed.splitlines()))


def is_chatter(line: str) -> bool:
    """Tell whether this line is what neonize's Go library prints of itself at every start."""
    return not line.strip() or _GO_CHATTER.fullmatch(line.strip()) is not None


# -- in the errors of what is sent (goneonize/main.go passes on the errors of whatsmeow's send.go)

SERVER_ERROR: Final = r"server returned error (\d+)"
SEND_TIMED_OUT: Final = "timed out waiting for message send response"
NO_SOCKET: Final = "websocket not connected"
NO_LID: Final = "no LID found for"


# -- in the errors of downloads (whatsmeow's errors.go and download.go)

MEDIA_GONE: Final = r"download failed with status code (403|404|410)"
MEDIA_DAMAGED: Final = (
    "hash of media ciphertext doesn't match",
    "hash of media plaintext doesn't match",
    "invalid media hmac",
    "file length does not match",
    "file too short",
    "failed to decrypt",
)
