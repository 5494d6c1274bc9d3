"""The eight ways of signature wrapping (Somorovsky and others, "On Breaking SAML", 2012): the signature stays good for the
genuine part, and a reader who looks elsewhere reads the forged one."""

from __future__ import annotations

import copy
from collections.abc import Callable

from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from adapters.keyfiles import Key

DS = "http://www.w3.org/2000/09/xmldsig#"
NAME = "genuine"
"""The Id of the genuine document where it is signed by its Id."""
Forge = Callable[[etree._Element], None]
Wrap = Callable[[etree._Element, Forge], etree._Element]
WRAPS: dict[str, Wrap] = {}
"""XSW1 to XSW8."""


def wrapping(wrap: Wrap) -> Wrap:
    WRAPS[wrap.__name__.upper()] = wrap
    return wrap


def parsed(body: bytes) -> etree._Element:
    return etree.fromstring(body, etree.XMLParser(remove_comments=True))


def signed_by_id(key: Key, body: bytes) -> etree._Element:
    """The document signed by its own Id, as other software would: good in our profile."""
    root = parsed(body)
    root.set("Id", NAME)
    signer = XMLSigner(
        SignatureConstructionMethod.enveloped,
        SignatureMethod.ECDSA_SHA256,
        DigestAlgorithm.SHA256,
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    info = etree.Element(f"{{{DS}}}KeyInfo", nsmap={"ds": DS})
    etree.SubElement(info, f"{{{DS}}}KeyName").text = key.id
    return signer.sign(root, key=key.private, reference_uri=f"#{NAME}", key_info=info)  # type: ignore[arg-type]


def signature_of(root: etree._Element) -> etree._Element:
    return next(root.iter(f"{{{DS}}}Signature"))


def _parts(genuine: etree._Element, forge: Forge) -> tuple[etree._Element, etree._Element, etree._Element]:
    """The signature, the genuine document without it, and a forged one."""
    signature, bare = copy.deepcopy(signature_of(genuine)), copy.deepcopy(genuine)
    bare.remove(signature_of(bare))
    forged = copy.deepcopy(bare)
    forge(forged)
    forged.set("Id", "forged")
    return signature, bare, forged


@wrapping
def xsw1(genuine: etree._Element, forge: Forge) -> etree._Element:
    """The forged document holds the signature, which holds the genuine document in an object."""
    signature, bare, forged = _parts(genuine, forge)
    etree.SubElement(signature, f"{{{DS}}}Object").append(bare)
    forged.append(signature)
    return forged


@wrapping
def xsw2(genuine: etree._Element, forge: Forge) -> etree._Element:
    """The forged document holds the genuine one, then the signature."""
    signature, bare, forged = _parts(genuine, forge)
    forged.append(bare)
    forged.append(signature)
    return forged


@wrapping
def xsw3(genuine: etree._Element, forge: Forge) -> etree._Element:
    """Both side by side below a new root, the forged one first."""
    _, _, forged = _parts(genuine, forge)
    root = etree.Element(genuine.tag)
    root.append(forged)
    root.append(copy.deepcopy(genuine))
    return root


@wrapping
def xsw4(genuine: etree._Element, forge: Forge) -> etree._Element:
    """The forged document around the genuine one, which keeps its signature."""
    _, _, forged = _parts(genuine, forge)
    forged.append(copy.deepcopy(genuine))
    return forged


@wrapping
def xsw5(genuine: etree._Element, forge: Forge) -> etree._Element:
    """The signature moved into the forged document, the genuine one behind it."""
    signature, bare, forged = _parts(genuine, forge)
    forged.append(signature)
    forged.append(bare)
    return forged


@wrapping
def xsw6(genuine: etree._Element, forge: Forge) -> etree._Element:
    """As 1, with the genuine document straight inside the signature."""
    signature, bare, forged = _parts(genuine, forge)
    signature.append(bare)
    forged.append(signature)
    return forged


@wrapping
def xsw7(genuine: etree._Element, forge: Forge) -> etree._Element:
    """The forged one in an extension before the genuine content, under the same Id."""
    _, _, forged = _parts(genuine, forge)
    forged.set("Id", genuine.get("Id", NAME))
    root = copy.deepcopy(genuine)
    extension = etree.Element("{urn:b}Extensions")
    extension.append(forged)
    root.insert(0, extension)
    return root


@wrapping
def xsw8(genuine: etree._Element, forge: Forge) -> etree._Element:
    """The genuine document in an extension of the forged one, both under the same Id."""
    signature, bare, forged = _parts(genuine, forge)
    forged.set("Id", genuine.get("Id", NAME))
    etree.SubElement(forged, "{urn:b}Extensions").append(bare)
    forged.append(signature)
    return forged
