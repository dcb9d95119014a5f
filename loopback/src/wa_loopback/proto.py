"""The few protobuf messages of the handshake and the pairing.

Field numbers are those of whatsmeow's `proto/waWa6` (handshake, client payload), `proto/waCert`
and `proto/waAdv` (device identity).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import wire


def server_hello(ephemeral: bytes, static: bytes, payload: bytes) -> bytes:
    """HandshakeMessage with a ServerHello."""
    hello = wire.message([(1, ephemeral), (2, static), (3, payload)])
    return wire.message([(3, hello)])


def client_hello(data: bytes) -> bytes:
    """Return the ephemeral key of a HandshakeMessage with a ClientHello."""
    return wire.Fields(data).sub(2).raw(1)


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

    @classmethod
    def decode(cls, data: bytes) -> ClientPayload:
        """Decode; raises `Malformed` when neither a login nor a registration is in it."""
        fields = wire.Fields(data)
        if 1 in fields:
            return cls(username=fields.integer(1), device=fields.integer(18), identity=None)
        return cls(username=None, device=0, identity=fields.sub(19).raw(3))
