"""An authority of certificates for tests: real keys, real certificates, real revocation lists."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = Any
YEAR = timedelta(days=365)


def new_key(kind: str = "p256") -> Key:
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p521":
            return ec.generate_private_key(ec.SECP521R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case "rsa1024":
            return rsa.generate_private_key(65537, 1024)
    raise ValueError(kind)


@dataclass(frozen=True)
class Card:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """The files of certificate and key."""
        paths = directory / f"{name}.pem", directory / f"{name}.key"
        paths[0].write_text(self.pem)
        paths[1].write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return paths


@dataclass
class Authority:
    """Issues certificates that are valid from a day before `now` for a year, unless told otherwise."""

    now: datetime
    name: str = "Test authority"
    key: Key = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.certificate = self.certified(_named(self.name), self.key.public_key(), authority=True)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def certified(
        self,
        subject: x509.Name,
        public: Key,
        *,
        authority: bool = False,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        purpose: Any = ExtendedKeyUsageOID.CLIENT_AUTH,
        host: str = "",
        hashed: Any = None,
        more: tuple[x509.ExtensionType, ...] = (),
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_named(self.name))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or self.now - timedelta(days=1))
            .not_valid_after(not_after or self.now + YEAR)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if host:
            named = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([named]), critical=False)
        for each in more:
            builder = builder.add_extension(each, critical=True)
        own = None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashed or hashes.SHA256()
        return builder.sign(self.key, own)

    def card(self, name: str = "李明", key: Key = None, **how: Any) -> Card:
        """A person's certificate."""
        key = key or new_key()
        return Card(self.certified(_named(name), key.public_key(), **how), key)

    def server(self, host: str = "127.0.0.1") -> Card:
        """A server's certificate for that address or name."""
        key = new_key()
        purpose = ExtendedKeyUsageOID.SERVER_AUTH
        return Card(self.certified(_named("window"), key.public_key(), purpose=purpose, host=host), key)

    def revoked(self, *cards: Card, next_update: datetime | None = None) -> bytes:
        """Its revocation list with these certificates, PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_named(self.name))
            .last_update(self.now - timedelta(hours=1))
            .next_update(next_update or self.now + timedelta(days=7))
        )
        for card in cards:
            row = x509.RevokedCertificateBuilder().serial_number(card.certificate.serial_number)
            builder = builder.add_revoked_certificate(row.revocation_date(self.now - timedelta(hours=1)).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def client_tls(authority: Authority, directory: Path, card: Card | None = None) -> ssl.SSLContext:
    """A client that trusts the authority and shows a certificate if it has one."""
    context = ssl.create_default_context(cadata=authority.pem)
    if card is not None:
        context.load_cert_chain(*card.write(directory, f"client-{id(card)}"))
    return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
