"""The short proof in the QR code: the certificate's digest and the window's signature over it and the number.

It stands behind the `#` of the address, which a browser never sends. A paper can thus be checked without the PDF and without the
network: the number and the digest printed at its foot are the window's, or they are not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from adapters.keyfiles import Key
from adapters.keys import WINDOW
from declarations.errors import BadSignature
from declarations.signatureterms import ECDSA_P256
from gateway.paper.content import CertificateContent

HALF = 32
"""Bytes of each of the two numbers of an ECDSA P-256 signature, as JOSE writes them (RFC 7518, 3.4)."""


def text(content: CertificateContent, key: Key) -> str:
    """`<digest>.<signature>`, base64url: SHA-256 of the record, ES256 over number and digest."""
    r, s = decode_dss_signature(key.sign(_block(content.number, content.digest)))
    return f"{_encoded(content.digest)}.{_encoded(r.to_bytes(HALF) + s.to_bytes(HALF))}"


def verified(number: str, proof: str, keys: Iterable[Key]) -> tuple[Key, bytes]:
    """The window's key that signed this proof of this number, and the digest it is about. Raises BadSignature."""
    digest, point, signature = proof.partition(".")
    try:
        told, numbers = _decoded(digest), _decoded(signature)
    except (binascii.Error, ValueError):
        point = ""
    if not point or len(numbers) != 2 * HALF:
        raise BadSignature("the QR code holds no proof", "二维码中没有签名")
    whole = encode_dss_signature(int.from_bytes(numbers[:HALF]), int.from_bytes(numbers[HALF:]))
    for key in keys:
        if (key.owner, key.algorithm) == (WINDOW, ECDSA_P256) and key.verify(whole, _block(number, told)):
            return key, told
    raise BadSignature("the proof in the QR code is not the window's", "二维码中的签名不是单一窗口所签")


def _block(number: str, digest: bytes) -> bytes:
    return f"onewindow port clearance v1\nnumber: {number}\nsha256: {digest.hex()}\n".encode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
