"""What becomes of what is logged in a session process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ...redaction import redact
from ..shared import protocol
from ..shared.neonize_texts import CLIENT_LOGGER, FFMPEG_LOGGER, LEVEL_LOGGER, LOGGERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel


class Forward(logging.Handler):
    """Sends records to the supervisor, redacted."""

    def __init__(self, channel: Channel, generation: int) -> None:
        super().__init__()
        self._channel = channel
        self._generation = generation

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record; one that cannot be sent is reported as logging reports such."""
        try:
            frame = protocol.Log(
                generation=self._generation,
                level=record.levelno,
                logger=record.name,
                message=redact(record.getMessage())[: protocol.MAX_MESSAGE],
            )
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)
        else:
            self._channel.log(frame)


class Listen(logging.Handler):
    """Calls a function with every line of a log."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        """Call it."""
        self._hear(record.getMessage())


def capture(channel: Channel, generation: int, on_line: Callable[[str], None]) -> None:
    """Send what neonize and we log to the supervisor; `on_line` hears whatsmeow's lines."""
    forward = Forward(channel, generation)
    forward.setLevel(logging.WARNING)
    for name in (*LOGGERS, __name__.partition(".")[0]):
        logger = logging.getLogger(name)
        logger.addHandler(forward)
        logger.propagate = False
    logging.getLogger(LEVEL_LOGGER).setLevel(logging.INFO)
    logging.getLogger(CLIENT_LOGGER).setLevel(logging.INFO)
    logging.getLogger(CLIENT_LOGGER).addHandler(Listen(on_line))
    logging.getLogger(FFMPEG_LOGGER).setLevel(logging.ERROR)
