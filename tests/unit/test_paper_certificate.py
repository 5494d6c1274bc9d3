"""The port clearance certificate as a PDF: what it says, that it is signed, and that any change of it is seen."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from pypdf import PdfReader

from adapters.keyfiles import Key
from adapters.keys import WINDOW, KeyRing
from declarations.errors import BadConfiguration, BadSignature, ExpiredKey, SignatureRefused, UnknownKey, WrongAlgorithm
from declarations.signatureterms import ECDSA_P256, RSA_SHA256
from gateway.paper import certificate, proof, signature
from gateway.paper.content import CertificateContent
from gateway.paper.typesetting import typeset
from gateway.paper.verification import verified
from tests.support.papers import ADDRESS, ISSUED, RECORD, keys_in


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return keys_in(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def pdf(keys: KeyRing) -> bytes:
    return certificate.make(RECORD, keys, ADDRESS)


def public(keys: KeyRing) -> dict[str, Key]:
    return {key.id: key for key in keys.of(WINDOW)}


def text_of(pdf: bytes) -> str:
    """What a reader takes out of it, without blanks: where it sees some depends on the setting."""
    return plain("".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages))


def plain(text: str) -> str:
    return re.sub(r"\s", "", text)


def changed(**parts: Any) -> dict[str, Any]:
    """RECORD with members of its members replaced."""
    return {
        **RECORD,
        **{name: {**RECORD[name], **part} if isinstance(part, dict) else part for name, part in parts.items()},
    }


def test_it_says_everything_in_both_languages(pdf: bytes) -> None:
    said = text_of(pdf)
    for wanted in (
        "国际航行船舶出口岸许可证", "PORT CLEARANCE", "SHA2015000001", "东方先驱 EASTERN HARBINGER", "巴拿马 Panama (PA)",
        "3FAB7", "9900019", "ZHANG WEI", "54005", "28100", "22", "集装箱货物", "6120.5 t", "上海 Shanghai (CNSHA)",
        "新加坡 Singapore (SGSIN)",
        "准予离港", "is permitted to leave port", "上海海事局", "Shanghai Maritime Safety Administration", "李建国 LI JIANGUO",
        "SHV201510230004", "2225201500031", "SHBJ1510230019", "海关 Customs", "K7QM-WX4T-B2HR-N9CZ", f"{ADDRESS}/verify",
        "船长 Master", "驶往港 Bound for", "电子签发",
    ):  # fmt: skip
        assert plain(wanted) in said, wanted
    # Shanghai's time: intended departure, the four releases, issued, to be reported if not sailed
    for shown in ("2015-10-23 20:00", "15:10", "15:42", "16:05", "16:29", "2015-10-23 16:30", "2015-10-24 16:30"):
        assert plain(shown) in said, shown


def test_it_is_one_page_with_fonts_and_record_inside(pdf: bytes) -> None:
    reader = PdfReader(BytesIO(pdf))
    assert len(reader.pages) == 1
    assert [round(float(side)) for side in reader.pages[0].mediabox[2:]] == [595, 842]
    fonts = [font.get_object() for font in reader.pages[0]["/Resources"]["/Font"].values()]
    assert fonts and all("/FontFile3" in font["/DescendantFonts"][0]["/FontDescriptor"] for font in fonts)
    record = orjson.loads(reader.attachments["certificate.json"][0])
    assert record == {**RECORD, "type": "onewindow-port-clearance/1"}
    assert reader.trailer["/Root"]["/AF"][0]["/AFRelationship"] == "/Data"
    assert b"pdfaid:part" in reader.trailer["/Root"]["/Metadata"].get_data()


def test_it_verifies_with_the_public_keys_alone(pdf: bytes, keys: KeyRing) -> None:
    found = verified(pdf, public(keys))
    assert (found.content.number, found.key.id, found.signed_at) == ("SHA2015000001", keys.of(WINDOW)[0].id, ISSUED)
    assert found.content.releases[0].at == datetime(2015, 10, 23, 7, 10, tzinfo=UTC)


def test_a_byte_changed_anywhere_is_seen(pdf: bytes, keys: KeyRing) -> None:
    contents = pdf.index(b"/Contents <")
    places = {*range(0, len(pdf), 1499), *range(contents, contents + 4110, 97), *range(len(pdf) - 700, len(pdf), 41)}
    # what no signature covers: the zeros that pad it, and how its digits are written
    padding = pdf.index(b"0" * 200, contents)
    places |= {padding + 100, contents + len(b"/Contents ")}
    for place in sorted(places):
        altered = bytearray(pdf)
        altered[place] ^= 1
        with pytest.raises(SignatureRefused):
            verified(bytes(altered), public(keys))


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7", b"\0" * 1000, b"<html>", b"%PDF-1.7\n" + b"<<" * 5000, b"x" * 5_000_001]
)
def test_what_is_no_certificate_is_refused(content: bytes, keys: KeyRing) -> None:
    with pytest.raises(BadSignature):
        verified(content, public(keys))


def test_an_addition_behind_the_signature_is_seen(pdf: bytes, keys: KeyRing) -> None:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer, out = IncrementalPdfFileWriter(BytesIO(pdf)), BytesIO()
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()
    writer.write(out)
    for more in (out.getvalue(), pdf + b"\n"):
        with pytest.raises(BadSignature):
            verified(more, public(keys))


def test_another_key_is_not_the_windows(tmp_path: Path, pdf: bytes, keys: KeyRing) -> None:
    own = keys_in(tmp_path)
    with pytest.raises(UnknownKey):
        verified(certificate.make(RECORD, own, ADDRESS), public(keys))
    # an agency's key that is known, but not the window's
    theirs = {key.id: Key(**{**vars(key), "owner": "maritime"}) for key in own.of(WINDOW)}
    with pytest.raises(WrongAlgorithm):
        verified(certificate.make(RECORD, own, ADDRESS), public(keys) | theirs)


def test_a_key_that_was_not_in_force_then_does_not_count(pdf: bytes, keys: KeyRing) -> None:
    [key] = keys.of(WINDOW)
    later = Key(**{**vars(key), "not_before": ISSUED.replace(year=2016)})
    with pytest.raises(ExpiredKey):
        verified(pdf, {key.id: later})


def test_pages_that_are_only_marked_are_not_certificates(keys: KeyRing) -> None:
    void = certificate.marked(RECORD, "作废", "VOID")
    assert "作废" in text_of(void) and "VOID" in text_of(void)
    assert not PdfReader(BytesIO(void)).attachments
    with pytest.raises(BadSignature):
        verified(void, public(keys))


def test_a_page_typeset_but_not_signed_by_us_is_refused(keys: KeyRing) -> None:
    content = CertificateContent.of(RECORD)
    page = typeset("certificate.typ", certificate._page(content, ADDRESS), ISSUED, record=content.record.decode())
    with pytest.raises(BadSignature):
        verified(page, public(keys))


def test_the_certificate_of_a_key_follows_from_the_key(keys: KeyRing) -> None:
    [key] = keys.of(WINDOW)
    made = signature.certificate_of(key)
    assert made == signature.certificate_of(key)
    own = x509.load_der_x509_certificate(made)
    own.verify_directly_issued_by(own)
    assert (own.not_valid_before_utc, own.not_valid_after_utc) == (key.not_before, key.not_after)
    assert own.public_key() == key.public


def test_a_key_of_another_kind_cannot_sign_papers(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration):
        signature.certificate_of(KeyRing(tmp_path).create(WINDOW, RSA_SHA256, ISSUED))


def test_the_qr_code_proves_number_and_digest(keys: KeyRing) -> None:
    content, [key] = CertificateContent.of(RECORD), keys.of(WINDOW)
    told = proof.text(content, key)
    assert proof.verified(content.number, told, [key]) == (key, content.digest)
    digest, _, signed = told.partition(".")
    for wrong in ("", digest, f"{digest}.", f".{signed}", f"{digest}.{signed[:-2]}", f"{'A' * 43}.{signed}", "é.ß"):
        with pytest.raises(BadSignature):
            proof.verified(content.number, wrong, [key])
    with pytest.raises(BadSignature):
        proof.verified("SHA2015000002", told, [key])
    with pytest.raises(BadSignature):
        proof.verified(content.number, told, [Key(**{**vars(key), "owner": "maritime"})])


@pytest.mark.parametrize(
    "record",
    [
        changed(ship={"name_zh": "", "name_en": "M" * 70}, cargo={"description": "货" * 512}),
        changed(agent={"name": "有" * 256}, office={"name_zh": "中华人民共和国防城港海事局东兴办事处", "name_en": "O" * 90}),
        changed(ship={"name_zh": "", "name_en": '#panic("x") $ \\ ] <a> @b *c*'}, officer="= _heading_"),
        changed(
            releases=RECORD["releases"] + RECORD["releases"][:2], kind="periodic", replaces="SHA2015000000",
            valid_until="2015-10-30T08:30:00+00:00",
        ),
    ],
    ids=["long-names", "long-authority", "markup", "periodic-and-many"],
)  # fmt: skip
def test_whatever_the_values_are_it_is_one_page_and_genuine(record: dict[str, Any], keys: KeyRing) -> None:
    made = certificate.make(record, keys, ADDRESS)
    assert len(PdfReader(BytesIO(made)).pages) == 1
    assert verified(made, public(keys)).content.ship_name_en == record["ship"]["name_en"]
    for word in (record["ship"]["name_en"], record["replaces"], record["officer"]):
        assert plain(word) in text_of(made)


def test_letters_that_no_font_has_do_not_keep_a_ship_in_port(keys: KeyRing) -> None:
    made = certificate.make(changed(master={"family_name": "தமிழ்", "given_name": "🚢"}), keys, ADDRESS)
    assert verified(made, public(keys)).content.master == "தமிழ் 🚢"


@pytest.mark.parametrize(
    "record", [{}, {**RECORD, "number": ""}, {**RECORD, "code": None}, {**RECORD, "issued_at": "2015-10-23T08:30:00"},
               {**RECORD, "sail_by": "tomorrow"}, {**RECORD, "ship": {}}, {**RECORD, "releases": [{"agency": "customs"}]},
               {**RECORD, "kind": "forever"}],
)  # fmt: skip
def test_half_a_record_gets_no_signature(record: dict[str, Any], keys: KeyRing) -> None:
    with pytest.raises(BadConfiguration):
        certificate.make(record, keys, ADDRESS)


def test_the_algorithm_of_papers_is_made_when_it_is_missing(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    certificate.make(RECORD, ring, ADDRESS)
    assert [key.algorithm for key in ring.of(WINDOW)] == [ECDSA_P256]
