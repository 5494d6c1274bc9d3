"""Enveloped XML signatures (XMLDSig) in one small profile, for channels that demand them; anything beside it is refused.

One `ds:Signature` in the whole document, a child of its root; one reference, to the whole document (URI "") or to the root's own
Id; the transforms enveloped-signature and exclusive C14N, in this order; SHA-256; the signature algorithm of the pinned key;
`KeyInfo` holds one `KeyName`, the id of a key we know. No keys or certificates in the message, no objects, no other transforms,
no Id twice. What is returned is what was signed, and nothing else may be read.

The profile has neither time nor receiver; the caller checks the time that the answer itself bears.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from adapters.algorithms import pem_of
from adapters.keyfiles import Key
from adapters.keys import KeyRing
from adapters.signatures import Trust, require_key
from declarations.errors import BadSignature, Unsigned, WrongAlgorithm
from declarations.parsing import Unparsable, parse_xml
from declarations.signatureterms import ECDSA_P256, RSA_SHA256

_DS = "http://www.w3.org/2000/09/xmldsig#"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = f"{_DS}enveloped-signature"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_METHODS = {ECDSA_P256: SignatureMethod.ECDSA_SHA256, RSA_SHA256: SignatureMethod.RSA_SHA256}
ALWAYS = datetime(2100, 1, 1, tzinfo=UTC)
"""Within the dates of the certificates that pinned keys are wrapped in: whether a key is in force, its own file says."""
_IDS = frozenset({"Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id"})


def sign(key: Key, body: bytes) -> str:
    """The `ds:Signature` element for a document, to be put into it by `embed`; its key is RSA or ECDSA."""
    signer = XMLSigner(
        SignatureConstructionMethod.enveloped,
        _METHODS[key.algorithm],
        DigestAlgorithm.SHA256,
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    info = etree.Element(f"{{{_DS}}}KeyInfo", nsmap={"ds": _DS})
    etree.SubElement(info, f"{{{_DS}}}KeyName").text = key.id
    signed = signer.sign(_parse(body), key=key.private, key_info=info)  # type: ignore[arg-type]  # RSA or EC
    (element,) = signed.iterchildren(f"{{{_DS}}}Signature")
    element.tail = None
    return etree.tostring(element, method="c14n", exclusive=True).decode()


def embed(body: bytes, signature: str) -> bytes:
    """The document with its signature as the last child of its root. The same two give the same bytes."""
    end = body.rindex(b"</")
    return body[:end] + signature.encode("ascii") + body[end:]


def verify(ring: KeyRing, trust: Trust, body: bytes) -> tuple[Key, bytes]:
    """The key that signed, and the document as it was signed (UTF-8, canonical). Raises SignatureRefused."""
    root = _parse(body)
    element = _signature(root)
    method, identity = _require_profile(root, element)
    key = require_key(ring, trust, identity, _algorithm(method))
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset({_METHODS[key.algorithm]}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        verification_time=ALWAYS,
    )
    try:
        result = XMLVerifier().verify(root, x509_cert=_certificate(pem_of(key.public)), expect_config=config)
    except (SignXMLException, InvalidSignature, etree.LxmlError, ValueError, TypeError) as error:
        raise BadSignature(
            f"the signature of key {key.id} does not fit this document", f"密钥 {key.id} 的签名与文件不符"
        ) from error
    assert not isinstance(result, list)
    return key, result.signed_data


def content(body: bytes) -> bytes:
    """The document that a signature, verified when it came, speaks of: for reading stored bytes again."""
    root = _parse(body)
    element = _signature(root)
    _require_profile(root, element)
    _remove(element)
    return etree.tostring(root, method="c14n", exclusive=True, with_comments=False)


def _parse(body: bytes) -> etree._Element:
    try:
        return parse_xml(body, blanks=True)
    except Unparsable as why:
        if why.reason == "DOCTYPE":
            raise BadSignature("it has a DOCTYPE", "含有 DOCTYPE") from None
        raise BadSignature(f"no XML that could be signed: {why.said}", f"不是可验证签名的 XML：{why.said}") from None


def _signature(root: etree._Element) -> etree._Element:
    found = list(root.iter(f"{{{_DS}}}Signature"))
    if not found:
        raise Unsigned("it carries no signature", "没有签名")
    _require(len(found) == 1 and found[0].getparent() is root, "one signature, a child of the root")
    return found[0]


def _require_profile(root: etree._Element, signature: etree._Element) -> tuple[str, str]:
    """The signature method and the key's name of a signature in our profile; raises BadSignature."""
    ids = [value for each in root.iter(etree.Element) for name, value in each.attrib.items() if name in _IDS]
    _require(len(ids) == len(set(ids)), "no Id twice")
    info, _, key_info = _children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    canonical, method, reference = _children(info, "CanonicalizationMethod", "SignatureMethod", "Reference")
    transforms, digest, _ = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    (name,) = _children(key_info, "KeyName")
    first, second = _children(transforms, "Transform", "Transform")
    uri = reference.get("URI")
    own = [value for attribute, value in root.attrib.items() if attribute in _IDS]
    _require(uri == "" or (uri is not None and uri[:1] == "#" and uri[1:] in own), "a reference to the whole document")
    _require(canonical.get("Algorithm") == _EXCLUSIVE, "exclusive C14N")
    _require(
        [first.get("Algorithm"), second.get("Algorithm")] == [_ENVELOPED, _EXCLUSIVE],
        "the transforms enveloped-signature and exclusive C14N",
    )
    _require(digest.get("Algorithm") == _SHA256, "SHA-256")
    for leaf in (canonical, method, first, second, digest, name):
        _require(len(leaf) == 0, "no parameters")
    return str(method.get("Algorithm")), (name.text or "").strip()


def _children(element: etree._Element, *names: str) -> list[etree._Element]:
    """The children of an element, which are exactly these."""
    children = list(element)
    _require([child.tag for child in children] == [f"{{{_DS}}}{name}" for name in names], ", ".join(names))
    return children


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise BadSignature(
            f"the XML signature is not in our profile, which asks for: {what}", f"XML 签名不符合规定的格式：{what}"
        )


def _algorithm(method: str) -> str:
    for algorithm, known in _METHODS.items():
        if known.value == method:
            return algorithm
    raise WrongAlgorithm(f"{method} is no algorithm of ours", f"不支持的签名算法 {method}")


def _remove(element: etree._Element) -> None:
    """Takes an element out of its parent and leaves the text behind it where it is."""
    parent, before = element.getparent(), element.getprevious()
    assert parent is not None
    if element.tail:
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)


@lru_cache(64)
def _certificate(pem: str) -> x509.Certificate:
    """signxml takes pinned keys in certificates: this one holds the key and says nothing else."""
    public = serialization.load_pem_public_key(pem.encode())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pinned key")])
    builder = x509.CertificateBuilder(
        name,
        name,
        public,  # type: ignore[arg-type]
        x509.random_serial_number(),
    )
    builder = builder.not_valid_before(datetime(1990, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2199, 1, 1, tzinfo=UTC)
    )
    return builder.sign(ed25519.Ed25519PrivateKey.generate(), None)
