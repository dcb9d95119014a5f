"""A certificate authority of our own, and a certificate for WhatsApp's host name signed by it.

Go trusts it when the client's process is started with `SSL_CERT_FILE` pointing at the CA.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)


class Authority:
    """A certificate authority, made on the spot; its key lives no longer than this object."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("wa-supervisor loopback CA")

    def certificate(self) -> bytes:
        """Return its own certificate, as PEM."""
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        own = self._builder(self._name, self._key, until=_DAY)
        signed = own.add_extension(constraints, critical=True).sign(self._key, SHA256())
        return signed.public_bytes(Encoding.PEM)

    def server(self, directory: Path, host: str, *, expired: bool = False) -> ssl.SSLContext:
        """Return the TLS context of a server for `host`; it needs `directory` for a moment."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            self._builder(_name(host), key, until=-_DAY if expired else _DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, SHA256())
        )
        file = directory / "leaf.pem"
        file.write_bytes(
            leaf.public_bytes(Encoding.PEM)
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        file.unlink()  # the context holds the key now
        return context

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, until: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _DAY)
            .not_valid_after(now + until)
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
