"""XML signatures: the small profile verifies, everything beside it is refused, and only what was signed is given back."""

from __future__ import annotations

import base64
import copy
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from adapters import xmldsig
from adapters.algorithms import pem_of
from adapters.keyfiles import Key
from adapters.keys import WINDOW, KeyRing
from adapters.signatures import Trust
from declarations.errors import SignatureRefused
from declarations.signatureterms import ECDSA_P256, ENVELOPED, RSA_SHA256, Profile
from tests.support.wrapping import WRAPS, parsed, signed_by_id

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DS = "http://www.w3.org/2000/09/xmldsig#"
BODY = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<DEC_RESULT xmlns="urn:a" xmlns:b="urn:b" Id="r1"><!-- note -->'
    '<CHANNEL b:kind="1">退单</CHANNEL><NOTE>不予放行</NOTE></DEC_RESULT>'
).encode()
GENUINE, FORGED = "退单", "放行"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    made = KeyRing(tmp_path)
    made.create_missing("customs", [ECDSA_P256, RSA_SHA256], NOW)
    made.create_missing("inspection", [ECDSA_P256], NOW)
    return made


def trust(algorithm: str = ECDSA_P256) -> Trust:
    return Trust("customs", WINDOW, Profile(ENVELOPED, algorithm), timedelta(hours=72))


def key_of(ring: KeyRing, algorithm: str = ECDSA_P256, owner: str = "customs") -> Key:
    return ring.signing(owner, algorithm, NOW)


def signed(ring: KeyRing, algorithm: str = ECDSA_P256) -> bytes:
    return xmldsig.embed(BODY, xmldsig.sign(key_of(ring, algorithm), BODY))


def refused(ring: KeyRing, body: bytes, algorithm: str = ECDSA_P256) -> str:
    with pytest.raises(SignatureRefused) as caught:
        xmldsig.verify(ring, trust(algorithm), body)
    assert any("\u4e00" <= character <= "\u9fff" for character in caught.value.message_zh)
    return caught.value.code


def by_id(ring: KeyRing, **changes: object) -> etree._Element:
    """The document signed by its Id, as other software would, and perhaps not in our profile."""
    kinds: dict[str, object] = {
        "algorithm": SignatureMethod.ECDSA_SHA256,
        "digest": DigestAlgorithm.SHA256,
        "c14n": CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        "owner": "customs",
        "key": ECDSA_P256,
        "info": True,
        **changes,
    }
    key = key_of(ring, str(kinds["key"]), str(kinds["owner"]))
    signer = XMLSigner(SignatureConstructionMethod.enveloped, kinds["algorithm"], kinds["digest"], kinds["c14n"])  # type: ignore[arg-type]
    info = etree.Element(f"{{{DS}}}KeyInfo", nsmap={"ds": DS})
    etree.SubElement(info, f"{{{DS}}}KeyName").text = key.id
    root = etree.fromstring(BODY, etree.XMLParser(remove_comments=True))
    given = {"key_info": info} if kinds["info"] else {}
    return signer.sign(root, key=key.private, reference_uri="#r1", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", [ECDSA_P256, RSA_SHA256])
def test_a_signed_document_verifies_and_only_what_was_signed_is_given_back(ring: KeyRing, algorithm: str) -> None:
    body = signed(ring, algorithm)
    key, content = xmldsig.verify(ring, trust(algorithm), body)
    assert key.id == key_of(ring, algorithm).id
    assert content == xmldsig.content(body), "read again later it is the same"
    root = etree.fromstring(content)
    assert [etree.QName(child).localname for child in root] == ["CHANNEL", "NOTE"]
    assert body == xmldsig.embed(BODY, body[body.index(b"<ds:Signature") : body.index(b"</DEC_RESULT>")].decode())


def test_a_document_signed_by_its_own_id_verifies(ring: KeyRing) -> None:
    _, content = xmldsig.verify(ring, trust(), etree.tostring(by_id(ring)))
    assert GENUINE in content.decode()


def test_any_change_is_refused(ring: KeyRing) -> None:
    body = signed(ring)
    assert refused(ring, body.replace(GENUINE.encode(), FORGED.encode())) == "bad_signature"
    assert refused(ring, body.replace(b'b:kind="1"', b'b:kind="2"')) == "bad_signature"
    assert refused(ring, body.replace(b"<NOTE>", b"<EXTRA/><NOTE>")) == "bad_signature"
    assert refused(ring, BODY) == "unsigned"
    assert refused(ring, b"not xml") == refused(ring, b"<!DOCTYPE a [<!ENTITY e 'e'>]>" + body[39:]) == "bad_signature"


def test_a_comment_cannot_split_what_is_read(ring: KeyRing) -> None:
    """Canonical form leaves comments out, so they are out of what is given back too."""
    body = signed(ring).replace("不予放行".encode(), "不予<!-- x -->放行".encode())
    _, content = xmldsig.verify(ring, trust(), body)
    assert "<NOTE>不予放行</NOTE>" in content.decode()


def test_whose_key_and_which_algorithm_is_decided_by_the_ring(ring: KeyRing, tmp_path: Path) -> None:
    assert refused(ring, etree.tostring(by_id(ring, owner="inspection"))) == "wrong_agency"
    assert refused(ring, signed(ring, RSA_SHA256)) == "wrong_algorithm", "RSA where ECDSA is pinned"
    assert refused(ring, etree.tostring(by_id(ring, algorithm=SignatureMethod.ECDSA_SHA512))) == "wrong_algorithm"
    stranger = KeyRing(tmp_path / "another").create("customs", ECDSA_P256, NOW)
    assert refused(ring, xmldsig.embed(BODY, xmldsig.sign(stranger, BODY))) == "unknown_key"
    body = signed(ring)
    ring.revoke(key_of(ring).id, NOW)
    assert refused(ring, body) == "revoked_key"


def test_a_key_in_the_message_is_never_believed(ring: KeyRing) -> None:
    """A KeyValue beside or in place of the name, as a forger would send with his own key."""
    assert refused(ring, etree.tostring(by_id(ring, info=False))) == "bad_signature"
    root = by_id(ring)
    info = root.find(f".//{{{DS}}}KeyInfo")
    assert info is not None
    value = etree.SubElement(etree.SubElement(info, f"{{{DS}}}X509Data"), f"{{{DS}}}X509Certificate")
    value.text = pem_of(key_of(ring).public)
    assert refused(ring, etree.tostring(root)) == "bad_signature"


def test_the_profile_is_the_only_one(ring: KeyRing) -> None:
    inclusive = CanonicalizationMethod.CANONICAL_XML_1_0
    assert refused(ring, etree.tostring(by_id(ring, c14n=inclusive))) == "bad_signature"
    assert refused(ring, etree.tostring(by_id(ring, digest=DigestAlgorithm.SHA512))) == "bad_signature"
    for change in (_second_signature, _second_reference, _other_transform, _object, _prefixes, _no_uri, _same_id_twice):
        root = by_id(ring)
        change(root)
        assert refused(ring, etree.tostring(root)) == "bad_signature", change.__name__


def _part(root: etree._Element, name: str) -> etree._Element:
    found = next(root.iter(f"{{{DS}}}{name}"))
    assert found is not None
    return found


def _second_signature(root: etree._Element) -> None:
    root.append(copy.deepcopy(_part(root, "Signature")))


def _second_reference(root: etree._Element) -> None:
    reference = _part(root, "Reference")
    reference.addnext(copy.deepcopy(reference))


def _other_transform(root: etree._Element) -> None:
    etree.SubElement(
        _part(root, "Transforms"), f"{{{DS}}}Transform", Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"
    )


def _object(root: etree._Element) -> None:
    etree.SubElement(_part(root, "Signature"), f"{{{DS}}}Object")


def _prefixes(root: etree._Element) -> None:
    ec = "http://www.w3.org/2001/10/xml-exc-c14n#"
    etree.SubElement(_part(root, "CanonicalizationMethod"), f"{{{ec}}}InclusiveNamespaces", PrefixList="b")


def _no_uri(root: etree._Element) -> None:
    del _part(root, "Reference").attrib["URI"]


def _same_id_twice(root: etree._Element) -> None:
    root[0].set("ID", "r1")


EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED_TRANSFORM = f"{DS}enveloped-signature"
SHA256, SHA512 = "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmlenc#sha512"


def by_hand(
    ring: KeyRing,
    body: bytes = BODY,
    *,
    canonical: str = EXCLUSIVE,
    transforms: tuple[str, ...] = (ENVELOPED_TRANSFORM, EXCLUSIVE),
    digest: str = SHA256,
    uri: str = "",
    inside: str = "",
) -> bytes:
    """A document whose signature is good by the standard, though perhaps not in our profile. `inside`: an element put into the
    method of canonicalization."""
    root = etree.fromstring(body, etree.XMLParser(remove_comments=True))
    exclusive = transforms[-1] != INCLUSIVE
    hashed = hashlib.new("sha256" if digest == SHA256 else "sha512", _c14n(root, exclusive)).digest()
    steps = "".join(f'<ds:Transform Algorithm="{each}"/>' for each in transforms)
    key = key_of(ring)
    signature = etree.fromstring(
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{canonical}">{inside}'
        f'</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{SignatureMethod.ECDSA_SHA256.value}"/>'
        f'<ds:Reference URI="{uri}"><ds:Transforms>{steps}</ds:Transforms><ds:DigestMethod Algorithm="{digest}"/>'
        f"<ds:DigestValue>{base64.b64encode(hashed).decode()}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        f"<ds:SignatureValue/><ds:KeyInfo><ds:KeyName>{key.id}</ds:KeyName></ds:KeyInfo></ds:Signature>"
    )
    root.append(signature)
    raw = key.sign(_c14n(signature[0], canonical != INCLUSIVE))
    r, s = decode_dss_signature(raw)
    signature[1].text = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    return etree.tostring(root)


def _c14n(element: etree._Element, exclusive: bool) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=exclusive)


def test_a_good_signature_beside_the_profile_is_refused_all_the_same(ring: KeyRing) -> None:
    xmldsig.verify(ring, trust(), by_hand(ring))
    xmldsig.verify(ring, trust(), by_hand(ring, uri="#r1"))
    twice = BODY.replace(b"<NOTE>", b'<NOTE ID="r1">')
    prefixes = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="none"/>'
    for beside in (
        by_hand(ring, canonical=INCLUSIVE),
        by_hand(ring, transforms=(ENVELOPED_TRANSFORM, INCLUSIVE)),
        by_hand(ring, transforms=(ENVELOPED_TRANSFORM, EXCLUSIVE, EXCLUSIVE)),
        by_hand(ring, transforms=(EXCLUSIVE, ENVELOPED_TRANSFORM)),
        by_hand(ring, digest=SHA512),
        by_hand(ring, inside=prefixes),
        by_hand(ring, twice),
    ):
        assert refused(ring, beside) == "bad_signature", beside.decode()


def _forge(root: etree._Element) -> None:
    root[0].text = FORGED


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("reference", ["to its Id", "to the whole document"])
def test_a_wrapped_signature_is_refused(ring: KeyRing, wrap: str, reference: str) -> None:
    genuine = signed_by_id(key_of(ring), BODY) if reference == "to its Id" else parsed(signed(ring))
    xmldsig.verify(ring, trust(), etree.tostring(genuine))
    body = etree.tostring(WRAPS[wrap](genuine, _forge))
    assert FORGED in etree.fromstring(body).xpath("string()")  # type: ignore[operator]
    assert refused(ring, body) == "bad_signature"
