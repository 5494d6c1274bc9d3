"""The readers that fuzzers show documents to: all that ever read a stranger's bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from adapters import xmldsig
from adapters.unzipping import Unpackable, unzip
from adapters.workbooks import read_workbook
from declarations.answers import AnswerTables
from declarations.checking import check
from declarations.errors import SignatureRefused, UnreadableResponse, UnreadableSheet
from declarations.faults import LIMIT
from declarations.mrz import read_mrz
from declarations.rulebook import Rulebook
from declarations.sheets.csvtext import read_csv
from declarations.sheets.reading import Sheet, read_sheet
from gateway.login.peers import certificate_of
from gateway.outgoing_urls import require_url
from gateway.sniffing import sniffed
from tests.support import handmade_books, ships

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/data/cases"
_RULEBOOK = Rulebook.load(ROOT)
_CONTEXT = _RULEBOOK.context(datetime(2015, 10, 23, tzinfo=UTC))
_ITEMS = [*_RULEBOOK.forms["goods"].items, *_RULEBOOK.forms["goods"].groups, "filing_scope"]


@dataclass(frozen=True)
class Reader:
    """`read` refuses in its own way and raises nothing else."""

    read: Callable[[bytes], None]
    samples: Sequence[bytes]
    words: Sequence[bytes] = ()
    made: SearchStrategy[bytes] | None = None


def _form(media_type: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        found = check(_RULEBOOK, data, media_type, _CONTEXT)
        assert len(found.faults) <= LIMIT
        assert found.valid or found.faults
        for fault in found.faults:
            assert fault.message_zh
            assert fault.message_en
        # what is kept must be possible to keep and to show
        json.dumps([fault.as_dict() for fault in found.faults], ensure_ascii=False).encode()

    return read


def _answer(tables: AnswerTables) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        try:
            for response in tables.read(data, "answer.xml"):
                assert response.code
                assert response.at is None or response.at.tzinfo is UTC
        except UnreadableResponse as error:
            if not error.faults:
                raise AssertionError("refused without a reason") from error

    return read


def _zip(data: bytes) -> None:
    with suppress(Unpackable):
        for name in unzip(data, members=20, unpacked=5_000_000):
            assert ".." not in name.split("/")


def _signature(data: bytes) -> None:
    with suppress(SignatureRefused):
        xmldsig.content(data)


def _certificate(data: bytes) -> None:
    from declarations.loginerrors import CertificateUnreadable

    with suppress(CertificateUnreadable):
        assert isinstance(certificate_of(data), x509.Certificate)


def _url(data: bytes) -> None:
    from declarations.errors import ForbiddenAddress

    with suppress(ForbiddenAddress):
        assert require_url(data.decode("utf-8", "replace")).scheme == "https"
    sniffed(data)


def _sheet(cells: Callable[[bytes], Sheet]) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        with suppress(UnreadableSheet):
            found = read_sheet(_RULEBOOK, _RULEBOOK.forms["goods"], "containers", cells(data), _CONTEXT, mode="good")
            told = [each.as_dict() for each in found.faults]
            json.dumps([told, found.rows], ensure_ascii=False).encode()
            assert found.count == len(found.rows) + found.refused

    return read


def _zones(data: bytes) -> None:
    for document in read_mrz(data.decode("utf-8", "replace").splitlines(), _CONTEXT.today):
        assert document.readable or document.faults


def _values() -> SearchStrategy[Any]:
    leaf = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.sampled_from(["I", "E", "20151023", "1.5"])
    )  # fmt: skip
    keys = st.one_of(st.sampled_from(_ITEMS), st.text(max_size=10))
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=20
    )


def _json() -> SearchStrategy[bytes]:
    def written(form: dict[str, Any]) -> bytes:
        return json.dumps({"filing_scope": "both", **form}).encode()

    return st.dictionaries(st.sampled_from(_ITEMS), _values(), max_size=12).map(written)


def _xml() -> SearchStrategy[bytes]:
    name = st.sampled_from(_ITEMS)
    element = st.tuples(
        name, st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="<&>"), max_size=20)
    )

    def written(found: list[tuple[str, str]]) -> bytes:
        inside = "".join(f"<{tag}>{text}</{tag}>" for tag, text in found)
        return f'<goods_declaration filing_scope="both">{inside}</goods_declaration>'.encode()

    return st.lists(element, max_size=12).map(written)


def _zipped(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in dict(members).items():
            with suppress(ValueError, UnicodeEncodeError):
                archive.writestr(zipfile.ZipInfo(name or "a"), data)
    return buffer.getvalue()


def _files(*patterns: str) -> list[bytes]:
    return [path.read_bytes() for pattern in patterns for path in sorted(ROOT.glob(pattern))][:60]


def _ship_answers(agency: str) -> list[bytes]:
    return [
        ships.answer(agency, "M01KAHJ3R6V0N7E9QK2M4T8WXYZ", code, _CONTEXT.accepted_at) for code in ("RCV", ships.EXIT)
    ]


_XML_WORDS = (
    b"<!DOCTYPE a>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?a b?>", b"&#0;", b"&#x1F600;", b"&amp;", b"&x;", b"xmlns:a='b'",
    b"xsi:nil='true'", b'encoding="GBK"', b"</", b"/>", b"<a:b>", b"\xd6\xd0", "中".encode(), b"99999999999999999999", b"-", b"0",
)  # fmt: skip
_JSON_WORDS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"-0",
    b"NaN",
    b"null",
    b"true",
    b",",
    b":",
    b"\\",
)
_PEM = (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",)
_URLS = (b"https://example.com/a?b=c#d", b"https://[2001:db8::1]:8443/", b"https://user:secret@127.0.0.1:443//x")
_SIGNED = (
    b'<a><b/><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/><ds:SignatureValue/><ds:KeyInfo/>'
    b"</ds:Signature></a>",
)

READERS: dict[str, Reader] = {
    "xml-form": Reader(_form("application/xml"), _files("tests/data/cases/*/declaration.xml"), _XML_WORDS, _xml()),
    "json-form": Reader(
        _form("application/json"),
        _files("samples/*import*.json", "samples/*export*.json", "tests/data/ships/*.json"),
        _JSON_WORDS,
        _json(),
    ),
    **{
        f"answer-{agency}": Reader(
            _answer(AnswerTables.load(_RULEBOOK.bundle, agency)),
            [*_files(f"tests/data/cases/*/answers/*-{agency}.xml"), *_ship_answers(agency)],
            _XML_WORDS,
        )
        for agency in _RULEBOOK.agencies
    },
    "zip": Reader(
        _zip,
        [*_files("tests/data/attacks/*.zip")[:4], _zipped([("a.xml", b"<a/>"), ("a.xml.sig", b"x" * 100)])],
        (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"../", b"\x01\x00", b"\xff\xff\xff\xff"),
        st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=60)), max_size=5).map(_zipped),
    ),
    "workbook": Reader(
        _sheet(read_workbook),
        [
            *_files("tests/data/attacks/*.xlsx"),
            handmade_books.book(handmade_books.parts(handmade_books.text("A2", "TSTU3054380"))),
        ],
        (b"<f>", b't="s"', b'r="XFD1048576"', b"<v>1e999</v>", b"TargetMode", b"PK\x01\x02", b"<!DOCTYPE", b"\xff\xfe"),
    ),
    "sheet-csv": Reader(
        _sheet(read_csv),
        ['集装箱号,箱内商品项号\r\nTSTU3054380,"1,2"\r\n'.encode(), *_files("tests/data/attacks/*.csv")],
        (b"=", b"'", b'"', b",", b"\r", b"\x00", b"\xd6\xd0", b"container_id", b"\t"),
    ),
    "mrz": Reader(
        _zones,
        [b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"],
        (b"<<", b"\n", b"V<", "\uff1c".encode(), "\u00ab".encode(), b"000000"),
    ),
    "xml-signature": Reader(_signature, _SIGNED, _XML_WORDS),
    "certificate": Reader(_certificate, _PEM),
    "url": Reader(_url, _URLS, (b"@", b"#", b"\\", b"%00", b"0x7f.1", b"[::1]", b":99999", "。".encode())),
}
