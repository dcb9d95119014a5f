"""Secrets in frames: shown by no `repr`, no dump and no error, and revealed on the wire alone."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import Field, PlainSerializer, SecretStr, SerializationInfo

ON_THE_WIRE: Final = object()
"""The context of a serialization that reveals secrets."""

MAX_SECRET: Final = 4096
"""Characters; a QR payload has about 350, a variable of the environment may have more."""

MAX_LONG_SECRET: Final = 8 * 1024 * 1024
"""Characters; a message with a thumbnail that is quoted has some ten thousand."""


def _reveal(secret: SecretStr, info: SerializationInfo) -> str:
    return secret.get_secret_value() if info.context is ON_THE_WIRE else str(secret)


AnySecret: TypeAlias = Annotated[SecretStr, PlainSerializer(_reveal, when_used="json")]
Secret: TypeAlias = Annotated[AnySecret, Field(max_length=MAX_SECRET)]
LongSecret: TypeAlias = Annotated[AnySecret, Field(max_length=MAX_LONG_SECRET)]
