"""Which certificate a request's connection proved: to this server, or to a trusted terminator that passes it in a header.

From a trusted terminator only the header counts, from anybody else only the connection itself. The server says who is at the
other end in the request's scope (`gateway/tls.py`); where it does not, nobody is trusted.
"""

from __future__ import annotations

import ipaddress
from functools import cache
from urllib.parse import unquote_to_bytes

from cryptography import x509
from starlette.requests import Request

from declarations.errors import BadConfiguration
from declarations.loginerrors import CertificateHeaderRefused, CertificateMissing, CertificateUnreadable
from gateway.config import Settings

PEER, TLS = "onewindow.peer", "tls"
"""Extensions of the scope: the address at the other end of the connection; what ASGI says about TLS."""
LONGEST = 16_384
"""Characters of a certificate as it comes; those of agencies' cards have about 2,000."""

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def require_complete(settings: Settings) -> None:
    """Raises BadConfiguration for settings about terminators that contradict themselves."""
    networks(settings.trusted_proxies)
    if settings.client_certificate_header and not settings.trusted_proxies:
        raise BadConfiguration(
            "ONEWINDOW_CLIENT_CERTIFICATE_HEADER needs ONEWINDOW_TRUSTED_PROXIES: anybody could send it",
            "设置 ONEWINDOW_CLIENT_CERTIFICATE_HEADER 时必须同时设置 ONEWINDOW_TRUSTED_PROXIES，否则任何人都可伪造该请求头",
        )


@cache
def networks(listed: str) -> Networks:
    """The addresses and networks of a setting; raises BadConfiguration."""
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in listed.split(",") if each.strip())
    except ValueError as error:
        raise BadConfiguration(
            f"ONEWINDOW_TRUSTED_PROXIES: {error}", f"ONEWINDOW_TRUSTED_PROXIES 有误：{error}"
        ) from error


def presented(request: Request, settings: Settings) -> x509.Certificate:
    """The certificate whose private key is at the other end. Raises CertificateMissing, CertificateUnreadable and, for a header
    from somebody else than a terminator, CertificateHeaderRefused."""
    extensions = request.scope.get("extensions") or {}
    name = settings.client_certificate_header
    given = request.headers.getlist(name) if name else []
    if _trusted(extensions.get(PEER), settings):
        if len(given) > 1:
            raise _refused("the header with the certificate came twice", "证书请求头重复出现")
        pem = unquote_to_bytes(given[0][: LONGEST * 3]) if given else b""
    else:
        if given:
            raise _refused(
                "the header with a certificate is taken from trusted terminators only", "证书请求头仅接受来自可信代理"
            )
        pem = "".join(extensions.get(TLS, {}).get("client_cert_chain", ())[:1]).encode()
    if not pem.strip():
        raise CertificateMissing(
            "this connection brought no certificate; choose one when the browser asks for it",
            "此连接未提供数字证书，请在浏览器提示时选择证书",
        )
    return certificate_of(pem)


def certificate_of(pem: bytes) -> x509.Certificate:
    """The one certificate in a PEM text; raises CertificateUnreadable."""
    try:
        if len(pem) > LONGEST:
            raise ValueError("too long")
        (certificate,) = x509.load_pem_x509_certificates(pem)
        certificate.public_key()
        certificate.not_valid_after_utc  # noqa: B018  (times and names are read when asked for)
        certificate.subject.rfc4514_string()
    except Exception as error:
        # the reader raises what its layers raise; whatever it is, this is no certificate to us
        raise CertificateUnreadable("this is not one certificate in PEM", "内容不是一个 PEM 格式的证书") from error
    return certificate


def _trusted(peer: object, settings: Settings) -> bool:
    try:
        address = ipaddress.ip_address(str(peer))
    except ValueError:
        return False
    # an IPv4 address as a socket for both kinds names it
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks(settings.trusted_proxies))


def _refused(en: str, zh: str) -> CertificateHeaderRefused:
    return CertificateHeaderRefused(en, zh)
