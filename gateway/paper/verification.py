"""Whether a PDF is a certificate as the window signed it: offline, by the window's public keys alone.

pyHanko's validator judges the signature (intact, valid, trusted, over the whole file, nothing added afterwards); beside it stands
what it does not know: whose key this is, and that the file's signature is written as ours is.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import orjson
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from adapters.algorithms import key_id
from adapters.keyfiles import Key
from adapters.keys import WINDOW
from declarations.errors import BadSignature, ExpiredKey, UnknownKey, WrongAlgorithm
from declarations.signatureterms import ECDSA_P256
from gateway.paper.content import CertificateContent
from gateway.paper.signature import FIELD, is_as_written

# the reader's complaints about a file go to whoever asked, not into a log
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
LARGEST = 5_000_000
"""Bytes of a file that is looked at."""
RECORD = "certificate.json"


@dataclass(frozen=True, slots=True)
class Verified:
    """A certificate that is as it was signed."""

    content: CertificateContent
    key: Key
    signed_at: datetime


def verified(pdf: bytes, keys: dict[str, Key]) -> Verified:
    """What the certificate says and who signed it; `keys` by id, as `keyfiles.from_public` reads them.

    Raises BadSignature for a file that is altered or no certificate of the window, UnknownKey, WrongAlgorithm, ExpiredKey. A key
    that was revoked is for the caller to judge: `Verified.key` says when.
    """
    if len(pdf) > LARGEST:
        raise _altered("it is larger than any certificate", "文件过大")
    try:
        reader = PdfFileReader(BytesIO(pdf))
        signatures = reader.embedded_signatures
        if len(signatures) != 1 or signatures[0].field_name != FIELD or signatures[0].signer_cert is None:
            raise _altered("it has no signature of the window", "文件中没有单一窗口的签名")
        key = _key(signatures[0].signer_cert, keys)
        at = _judged(pdf, signatures[0])
        content = CertificateContent.of(orjson.loads(_attached(reader.root)[RECORD]))
    except (BadSignature, UnknownKey, WrongAlgorithm):
        raise
    except Exception as error:  # a file that somebody changed may break a reader anywhere
        raise _altered("it is damaged or was altered", "文件损坏或被改动") from error
    if not key.not_before <= at <= key.not_after:
        raise ExpiredKey(f"key {key.id} was not in force at {at:%Y-%m-%d %H:%M}", f"密钥 {key.id} 当时不在有效期内")
    if at != content.issued_at:
        raise _altered("its times do not agree", "时间不一致")
    return Verified(content, key, at)


def _key(certificate: asn1_x509.Certificate, keys: dict[str, Key]) -> Key:
    public: Any = x509.load_der_x509_certificate(certificate.dump()).public_key()
    key = keys.get(key_id(public))
    if key is None:
        raise UnknownKey("it is signed by a key that is not the window's", "签名所用密钥不是单一窗口的密钥")
    if key.owner != WINDOW or key.algorithm != ECDSA_P256:
        raise WrongAlgorithm(f"key {key.id} of {key.owner} signs no certificates", f"密钥 {key.id} 不用于签发证书")
    return key


def _judged(pdf: bytes, signature: EmbeddedPdfSignature) -> datetime:
    """When it was signed; raises BadSignature unless all of the file is signed, and signed as the window signs."""
    at = signature.self_reported_timestamp
    own = signature.signer_cert
    trust = ValidationContext(trust_roots=[own], moment=at, allow_fetching=False)
    # it runs an event loop of its own, which is not allowed where one runs already
    with ThreadPoolExecutor(1) as apart:
        status = apart.submit(validate_pdf_signature, signature, signer_validation_context=trust).result()
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    if at is None or not (status.bottom_line and status.intact and status.valid and status.trusted and whole):
        raise _altered("it was altered after it was signed", "签发后被改动")
    start, length, end, _ = (int(each) for each in signature.byte_range)
    gap = pdf[start + length : end]
    contents = bytes.fromhex(gap[1:-1].decode("ascii"))
    information = signature.signer_info
    digest = next(
        each["values"][0].native for each in information["signed_attrs"] if each["type"].native == "message_digest"
    )
    if gap != b"<" + contents.hex().upper().encode() + b">" or not is_as_written(
        contents, own.dump(), digest, information["signature"].native
    ):
        raise _altered("its signature is not written as the window writes it", "签名格式与单一窗口所签不同")
    return at


def _attached(root: Any) -> dict[str, bytes]:
    """The files inside, by name."""
    names = root["/Names"]["/EmbeddedFiles"]["/Names"]
    return {str(names[at]): names[at + 1]["/EF"]["/F"].data for at in range(0, len(names), 2)}


def _altered(en: str, zh: str) -> BadSignature:
    return BadSignature(f"not a valid certificate: {en}", f"不是有效的许可证：{zh}")
