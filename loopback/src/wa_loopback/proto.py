"""The few protobuf messages of the handshake and the pairing.

Field numbers are those of whatsmeow's `proto/waWa6` (handshake, client payload), `proto/waCert`
and `proto/waAdv` (device identity).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import wire

_STATIC = 2  # of a ClientHello


def server_hello(ephemeral: bytes, static: bytes | None, payload: bytes) -> bytes:
    """HandshakeMessage with a ServerHello; without the static key it accepts a resumption."""
    shown = [] if static is None else [(2, static)]
    hello = wire.message([(1, ephemeral), *shown, (3, payload)])
    return wire.message([(3, hello)])


@dataclass(frozen=True)
class ClientHello:
    """A client's first message; with a static key it wants to resume (Noise IK)."""

    ephemeral: bytes
    static: bytes | None
    """Encrypted, as the payload is."""
    payload: bytes


def client_hello(data: bytes) -> ClientHello:
    """Read a HandshakeMessage with a ClientHello; raises `Malformed`."""
    hello = wire.Fields(data).sub(2)
    if _STATIC not in hello:
        return ClientHello(hello.raw(1), None, b"")
    return ClientHello(hello.raw(1), hello.raw(_STATIC), hello.raw(3))


def client_finish(data: bytes) -> tuple[bytes, bytes]:
    """Return the encrypted static key and payload of a HandshakeMessage with a ClientFinish."""
    finish = wire.Fields(data).sub(4)
    return finish.raw(1), finish.raw(2)


def signed(details: bytes, signature: bytes) -> bytes:
    """Any message which is bytes in field 1 and their signature or HMAC in field 2."""
    return wire.message([(1, details), (2, signature)])


def certificate_details(
    serial: int, issuer_serial: int, key: bytes, not_before: int, not_after: int
) -> bytes:
    """CertChain.NoiseCertificate.Details; the times are in seconds since 1970."""
    return wire.message(
        [(1, serial), (2, issuer_serial), (3, key), (4, not_before), (5, not_after)]
    )


def device_identity(raw_id: int, timestamp: int, key_index: int) -> bytes:
    """ADVDeviceIdentity."""
    return wire.message([(1, raw_id), (2, timestamp), (3, key_index)])


def signed_device_identity(details: bytes, account_key: bytes, signature: bytes) -> bytes:
    """ADVSignedDeviceIdentity without the device's own signature, which the client adds."""
    return wire.message([(1, details), (2, account_key), (3, signature)])


def device_signature(signed_identity: bytes) -> bytes:
    """Return the signature which the client put into its ADVSignedDeviceIdentity."""
    return wire.Fields(signed_identity).raw(4)


@dataclass(frozen=True)
class ClientPayload:
    """What a client says about itself at the end of the handshake.

    A payload with a user name is a login of a paired device; one without is a registration.
    """

    username: int | None = field(repr=False)
    device: int
    identity: bytes | None = field(repr=False)
    passive: bool = False
    """Whether it will say itself when it is ready for what waits for it."""

    @classmethod
    def decode(cls, data: bytes) -> ClientPayload:
        """Decode; raises `Malformed` when neither a login nor a registration is in it."""
        fields = wire.Fields(data)
        if 1 in fields:
            return cls(
                username=fields.integer(1),
                device=fields.integer(18),
                identity=None,
                passive=bool(fields.integer(3)),
            )
        return cls(username=None, device=0, identity=fields.sub(19).raw(3))
