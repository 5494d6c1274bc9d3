"""Which certificates people may log in with: issued by a configured authority, valid now, not revoked, made to log in with.

The authorities file holds each authority that issues people's certificates directly, intermediates too: every one in it is
trusted as it is, and there is no chain to build. The list of revoked certificates must be there for each authority, and be
current: where one is configured and too old, nobody gets in by certificate (RFC 5280, 6.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from declarations.errors import BadConfiguration
from declarations.loginerrors import (
    CertificateExpired,
    CertificateNotTrusted,
    CertificateNotYetValid,
    CertificateRevoked,
    LoginMethodOff,
    RevocationUnknown,
)

log = structlog.get_logger(__name__)
UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
"""Extensions that may be critical: a certificate with another one means something that we would not heed."""


@dataclass(frozen=True)
class Revoked:
    """The lists of one state of the file, by the subject of their authority."""

    seen: tuple[int, int]
    lists: dict[x509.Name, x509.CertificateRevocationList]


class Authorities:
    """The authorities and their revocation lists. Raises BadConfiguration for files that are none."""

    def __init__(self, certificates: Path | None, revoked: Path | None) -> None:
        self._certificates = _authorities(certificates) if certificates is not None else []
        self._path = revoked
        self._revoked: Revoked | None = None
        if revoked is not None:
            if certificates is None:
                raise BadConfiguration(
                    "ONEWINDOW_TLS_CLIENT_CRL needs ONEWINDOW_TLS_CLIENT_CA",
                    "设置 ONEWINDOW_TLS_CLIENT_CRL 时必须同时设置 ONEWINDOW_TLS_CLIENT_CA",
                )
            self._revoked = self._read(revoked)

    def require_on(self) -> None:
        """Raises LoginMethodOff where no authority is configured."""
        if not self._certificates:
            raise LoginMethodOff("this window takes no certificates", "本系统未启用数字证书登录")

    def check(self, certificate: x509.Certificate, now: datetime) -> None:
        """Raises CertificateRefused, of the class that says why."""
        self.require_on()
        authority = self._issuer(certificate)
        if authority is None or not _for_people(certificate):
            raise CertificateNotTrusted(
                "the certificate is of no authority that this window trusts, or not made to log in with",
                "该证书不是由受信任的机构签发，或不能用于登录",
            )
        if now > certificate.not_valid_after_utc or now > authority.not_valid_after_utc:
            raise CertificateExpired("the certificate has expired; renew it", "证书已过期，请更新证书")
        if now < certificate.not_valid_before_utc:
            raise CertificateNotYetValid("the certificate is not valid yet", "证书尚未生效")
        self._require_not_revoked(certificate, authority, now)

    def _issuer(self, certificate: x509.Certificate) -> x509.Certificate | None:
        for authority in self._certificates:
            try:
                # by SHA-2 or Ed25519: the library takes nothing weaker
                certificate.verify_directly_issued_by(authority)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return authority
        return None

    def _require_not_revoked(self, certificate: x509.Certificate, authority: x509.Certificate, now: datetime) -> None:
        if self._path is None:
            return
        self._look_again(self._path)
        found = self._revoked.lists.get(authority.subject) if self._revoked is not None else None
        if found is None or found.next_update_utc is None or now > found.next_update_utc:
            raise RevocationUnknown(
                "whether the certificate is revoked is not known: the authority's list is missing or too old",
                "无法确认证书是否已吊销：缺少吊销列表或列表已过期",
            )
        if found.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            raise CertificateRevoked("the certificate is revoked", "证书已被吊销")

    def _look_again(self, path: Path) -> None:
        """Reads the lists again when their file changed; a file that is broken or half written leaves those there were."""
        try:
            if self._revoked is None or _facts(path) != self._revoked.seen:
                self._revoked = self._read(path)
        except (OSError, BadConfiguration) as error:
            log.error("revocation_list_not_taken", path=str(path), reason=str(error))

    def _read(self, path: Path) -> Revoked:
        try:
            seen = _facts(path)
            blocks = _blocks(path.read_bytes(), b"X509 CRL")
            lists = [x509.load_pem_x509_crl(block) for block in blocks]
        except (OSError, ValueError) as error:
            raise _unreadable("ONEWINDOW_TLS_CLIENT_CRL", path, error) from error
        by_authority = {}
        for each in lists:
            authority = next((known for known in self._certificates if _signed_by(each, known)), None)
            if authority is None:
                raise _unreadable("ONEWINDOW_TLS_CLIENT_CRL", path, "a list is signed by no configured authority")
            by_authority[authority.subject] = each
        return Revoked(seen, by_authority)


def _authorities(path: Path) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _unreadable("ONEWINDOW_TLS_CLIENT_CA", path, error) from error
    for certificate in found:
        if not _is_authority(certificate):
            name = certificate.subject.rfc4514_string()
            raise _unreadable("ONEWINDOW_TLS_CLIENT_CA", path, f"{name} is no authority, or has limits not known here")
    return found


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    usage = _usage(certificate)
    return constraints.ca and (usage is None or usage.key_cert_sign) and _all_understood(certificate)


def _for_people(certificate: x509.Certificate) -> bool:
    """Whether it is an end certificate made to log in with, as far as it says."""
    try:
        extensions = {each.oid: each.value for each in certificate.extensions}
    except ValueError:
        return False
    constraints, purposes = (
        extensions.get(ExtensionOID.BASIC_CONSTRAINTS),
        extensions.get(ExtensionOID.EXTENDED_KEY_USAGE),
    )
    usage = _usage(certificate)
    return (
        not (isinstance(constraints, x509.BasicConstraints) and constraints.ca)
        and (usage is None or usage.digital_signature)
        and (
            not isinstance(purposes, x509.ExtendedKeyUsage)
            or ExtendedKeyUsageOID.CLIENT_AUTH in purposes
            or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes
        )
        and _all_understood(certificate)
    )


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _all_understood(certificate: x509.Certificate) -> bool:
    return all(each.oid in UNDERSTOOD for each in certificate.extensions if each.critical)


def _signed_by(revoked: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if revoked.issuer != authority.subject:
        return False
    try:
        return revoked.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except TypeError:
        return False


def _facts(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size


def _blocks(content: bytes, kind: bytes) -> Sequence[bytes]:
    """The PEM blocks of a kind; raises ValueError when there are none."""
    end = b"-----END " + kind + b"-----"
    found = [part + end for part in content.split(end)[:-1]]
    if not found:
        raise ValueError("no PEM block of a revocation list")
    return found


def _unreadable(setting: str, path: Path, reason: object) -> BadConfiguration:
    return BadConfiguration(f"{setting}: {path} cannot be used: {reason}", f"{setting}：无法使用 {path}：{reason}")
