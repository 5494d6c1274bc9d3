"""The electronic signature in a PDF: PAdES baseline B (ETSI EN 319 142-1), by the window's own ECDSA P-256 key.

A PDF signature names its signer by a certificate. The window's is made from its key, and says no more than the key does: whoever
trusts the key (`GET /api/v1/keys`) needs no further authority. pyHanko writes and reads; what it would compute anew for each
signature by the same key, the CMS structure (RFC 5652), is made by it once and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from asn1crypto.parser import emit
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import as_signing_certificate_v2, simple_cms_attribute
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko_certvalidator.registry import SimpleCertificateStore

from adapters.keyfiles import Key
from declarations.errors import BadConfiguration
from declarations.signatureterms import ECDSA_P256

FIELD = "PortClearance"
NAME = "onewindow"
"""Common name in the certificate; with it stands the key's id."""
_DIGEST = "sha256"
_RESERVED = 4096
"""Hex digits kept free for the signature; it takes about 1,900."""
_NO_DIGEST = bytes(32)
_SIGNED_DATA = cms.ContentType("signed_data").dump()
# tags of DER (X.690)
_UNIVERSAL, _CONTEXT = 0, 2
_PRIMITIVE, _CONSTRUCTED = 0, 1
_OCTET_STRING, _SEQUENCE, _SET = 4, 16, 17
_TAG_0 = b"\xa0"
_patterns: dict[str, _Pattern] = {}
"""By key id: there are as many as the window has keys."""


def certificate_of(key: Key) -> bytes:
    """The X.509 certificate (DER) of one of the window's keys, signed by the key itself.

    It follows from the key alone — number, times, and a deterministic signature —, so that programs that share the key have the
    same one without a file. Raises BadConfiguration for a key that is not ECDSA P-256 or not ours.
    """
    if not isinstance(key.private, ec.EllipticCurvePrivateKey) or key.algorithm != ECDSA_P256:
        raise BadConfiguration(f"key {key.id} cannot sign papers", f"密钥 {key.id} 不能签署文件")
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"{NAME} {key.id}"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Electronic papers 电子单证"),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public)
        .serial_number(int(key.id, 16) or 1)
        .not_valid_before(key.not_before)
        .not_valid_after(key.not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public), critical=False)
    )  # fmt: skip
    made = builder.sign(key.private, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.DER)


def signed(pdf: bytes, key: Key, at: datetime, reason: str, location: str) -> bytes:
    """The PDF with the window's signature over all of it; nothing may be added afterwards (certification, DocMDP level 1)."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    steps = PdfCMSEmbedder().write_cms(FIELD, writer)
    next(steps)
    blank = SignatureObject(
        timestamp=at, subfilter=SigSeedSubFilter.PADES, reason=reason, location=location, bytes_reserved=_RESERVED
    )
    certification = SigMDPSetup(md_algorithm=_DIGEST, certify=True, docmdp_perms=MDPPerm.NO_CHANGES)
    steps.send(SigObjSetup(sig_placeholder=blank, mdp_setup=certification))
    prepared, output = steps.send(SigIOSetup(md_algorithm=_DIGEST))
    steps.send(_cms(key, prepared.document_digest))
    made: bytes = output.getvalue()
    return made


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The CMS of any signature by one key (RFC 5652), as DER in the pieces between which the signature's own parts stand."""

    head: bytes
    signer_head: bytes
    attributes: bytes
    """The set of signed attributes, its message digest zero."""
    signer_tail: bytes

    def signed_part(self, digest: bytes) -> bytes:
        """What the key signs for a document with this digest."""
        return self.attributes.replace(_NO_DIGEST, digest, 1)

    def filled(self, digest: bytes, signature: bytes) -> bytes:
        """The CMS of this signature over a document with this digest."""
        # signed is the set as such; inside of the structure it has another tag (RFC 5652, 5.4)
        attributes = _TAG_0 + self.signed_part(digest)[1:]
        value = emit(_UNIVERSAL, _PRIMITIVE, _OCTET_STRING, signature)
        signer = _sequence(self.signer_head + attributes + self.signer_tail + value)
        content = _sequence(self.head + emit(_UNIVERSAL, _CONSTRUCTED, _SET, signer))
        return _sequence(_SIGNED_DATA + emit(_CONTEXT, _CONSTRUCTED, 0, content))


def _cms(key: Key, digest: bytes) -> bytes:
    pattern = _patterns.get(key.id)
    if pattern is None:
        pattern = _patterns[key.id] = _pattern(certificate_of(key))
    return pattern.filled(digest, key.sign(pattern.signed_part(digest)))


def is_as_written(contents: bytes, certificate: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a signature field's content is, to the byte, what `signed` writes for these parts, padded with zeros.

    Readers forgive much in a CMS structure; with this a certificate of which one byte was changed anywhere is not the window's.
    """
    return _pattern(certificate).filled(digest, signature).ljust(_RESERVED // 2, b"\0") == contents


def _pattern(certificate: bytes) -> _Pattern:
    own = asn1_x509.Certificate.load(certificate)
    signer = signers.SimpleSigner(own, None, SimpleCertificateStore())
    attributes = cms.CMSAttributes(
        [
            simple_cms_attribute("content_type", "data"),
            simple_cms_attribute("message_digest", _NO_DIGEST),
            simple_cms_attribute("signing_certificate_v2", as_signing_certificate_v2(own)),
        ]
    )
    told = signer.signer_info(_DIGEST, attributes, b"")
    digests = cms.DigestAlgorithms((told["digest_algorithm"],))
    certificates = cms.CertificateSet([cms.CertificateChoices(name="certificate", value=own)])
    return _Pattern(
        head=cms.CMSVersion("v1").dump() + digests.dump() + cms.EncapsulatedContentInfo({"content_type": "data"}).dump()
        + _TAG_0 + certificates.dump()[1:],
        signer_head=told["version"].dump() + told["sid"].dump() + told["digest_algorithm"].dump(),
        attributes=attributes.dump(),
        signer_tail=told["signature_algorithm"].dump(),
    )  # fmt: skip


def _sequence(content: bytes) -> bytes:
    made: bytes = emit(_UNIVERSAL, _CONSTRUCTED, _SEQUENCE, content)
    return made
