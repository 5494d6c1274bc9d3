"""Reading agencies' answers by the real tables: what is there is read exactly, what is not is never guessed."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarations.answers import AnswerTables, Response
from declarations.bundle import Bundle
from declarations.dateforms import DateForms
from declarations.errors import BadConfiguration, UnreadableResponse
from declarations.limits import MAX_ANSWER

BUNDLE = Bundle.read(Path(__file__).parents[2])
CUSTOMS = AnswerTables.load(BUNDLE, "customs")
INSPECTION = AnswerTables.load(BUNDLE, "inspection")
SHANGHAI = ZoneInfo("Asia/Shanghai")

RESULT = """<DEC_RESULT>
  <CUS_CIQ_NO>I20150000000000001</CUS_CIQ_NO>
  <ENTRY_ID>223320151000000762</ENTRY_ID>
  <NOTICE_DATE>2015-06-02T07:30:05</NOTICE_DATE>
  <CHANNEL>Z</CHANNEL>
  <NOTE>DecLists/DecList[2]/GQty: 数量与舱单不符</NOTE>
  <CUSTOM_MASTER>2248</CUSTOM_MASTER>
</DEC_RESULT>"""
RECEIPT = """<DecImportResponse xmlns="http://www.chinaport.gov.cn/dec">
  <ResponseCode>0</ResponseCode><ErrorMessage/><ClientSeqNo>OW20150601000001</ClientSeqNo><SeqNo>I20150000000000001</SeqNo>
</DecImportResponse>"""
RECORD = """<DCL_RESPONSE><RspCodes>{code}</RspCodes><RspInfo>{info}</RspInfo><DeclNo>OW20150601000001</DeclNo>
  <DeclGetNo>310000150012345</DeclGetNo><AddInfo>{add}</AddInfo>
  <RspGenTime>2015-06-02 09:00:00</RspGenTime>{id}</DCL_RESPONSE>"""


def record(code: str = "20", info: str = "", add: str = "", own_id: str = "") -> str:
    return RECORD.format(code=code, info=info, add=add, id=f"<ResponseId>{own_id}</ResponseId>" if own_id else "")


def one(tables: AnswerTables, text: str | bytes, name: str | None = None) -> Response:
    (response,) = tables.read(text.encode() if isinstance(text, str) else text, name)
    return response


def refused(tables: AnswerTables, data: str | bytes) -> UnreadableResponse:
    with pytest.raises(UnreadableResponse) as caught:
        tables.read(data.encode() if isinstance(data, str) else data)
    error = caught.value
    assert error.message_zh
    assert error.message_en
    assert error.message_zh != error.message_en
    assert error.faults
    assert all(fault.message_zh and fault.message_en for fault in error.faults)
    return error


# What is read


def test_a_business_receipt_reads_whole() -> None:
    response = one(CUSTOMS, RESULT)
    assert (response.agency, response.message, response.code) == ("customs", "DEC_RESULT", "Z")
    assert response.at == datetime(2015, 6, 1, 23, 30, 5, tzinfo=UTC), "Shanghai is eight hours ahead"
    assert response.at.utcoffset() == UTC.utcoffset(None)
    assert (response.unified_number, response.agency_reference) == ("I20150000000000001", "223320151000000762")
    assert (response.pointer, response.text) == ("DecLists/DecList[2]/GQty", "数量与舱单不符")
    assert response.place == "2248"
    assert (response.refers_to, response.clearance_form_id) == (None, None)


def test_a_business_receipt_inside_its_wrapping_is_the_same_answer() -> None:
    wrapped = one(CUSTOMS, f"<DEC_DATA>{RESULT}<RESULT_INFO>see counter 3</RESULT_INFO></DEC_DATA>")
    assert (wrapped.code, wrapped.at, wrapped.key) == ("Z", one(CUSTOMS, RESULT).at, one(CUSTOMS, RESULT).key)
    assert wrapped.channel_note == "see counter 3"


@pytest.mark.parametrize("code", ["C", "c", "#", "SpL", "Q"])
def test_codes_come_through_exactly_known_or_not(code: str) -> None:
    assert one(CUSTOMS, RESULT.replace(">Z<", f">{code}<")).code == code


def test_a_technical_receipt_has_no_time_and_is_told_apart_by_its_file() -> None:
    first = one(CUSTOMS, RECEIPT, "Successed_OW20150601000001_1_aaaa.xml")
    assert (first.at, first.refers_to, first.unified_number) == (None, "OW20150601000001", "I20150000000000001")
    assert first.refers_to_file == "Successed_OW20150601000001_1_aaaa.xml"
    second_version = one(CUSTOMS, RECEIPT, "Successed_OW20150601000001_2_bbbb.xml")
    assert first.key != second_version.key, "else the receipt of a corrected declaration would pass for a double"
    assert first.key == one(CUSTOMS, RECEIPT, "in/Successed_OW20150601000001_1_aaaa.xml").key
    received = datetime(2015, 6, 1, 12, tzinfo=UTC)
    assert first.answer(received).at == received
    assert one(CUSTOMS, RESULT).answer(received).at == one(CUSTOMS, RESULT).at


@pytest.mark.parametrize("prefix", ["", "ns2:"])
def test_namespaces_and_schema_hints_make_no_difference(prefix: str) -> None:
    tagged = re.sub(r"<(/?)(\w)", rf"<\1{prefix}\2", RESULT)
    hints = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" xsi:type="x"'
    namespace = f'xmlns{":ns2" if prefix else ""}="http://www.chinaport.gov.cn/dec"'
    tagged = tagged.replace("DEC_RESULT>", f"DEC_RESULT {namespace} {hints}>", 1)
    assert one(CUSTOMS, tagged) == one(CUSTOMS, RESULT)


@pytest.mark.parametrize(
    "data",
    [
        RESULT.encode(),
        b"\xef\xbb\xbf" + RESULT.encode(),
        ('<?xml version="1.0" encoding="UTF-8"?>' + RESULT).encode(),
        b"\xef\xbb\xbf" + ('<?xml version="1.0" encoding="utf-8"?>' + RESULT).encode(),
        ('<?xml version="1.0" encoding="GB18030"?>' + RESULT).encode("gb18030"),
        ("<?xml version='1.0' encoding='gbk'?>" + RESULT).encode("gbk"),
        ('<?xml version="1.0" encoding="GB2312" standalone="yes"?>' + RESULT).encode("gb2312"),
    ],
)
def test_every_encoding_agencies_use_reads_alike(data: bytes) -> None:
    assert one(CUSTOMS, data) == one(CUSTOMS, RESULT)


def test_comments_and_instructions_never_split_a_value() -> None:
    assert one(CUSTOMS, RESULT.replace("数量与", "数量<!--x-->与<?y z?>")).text == "数量与舱单不符"


def test_a_plain_note_points_nowhere_and_keeps_its_words() -> None:
    plain = one(CUSTOMS, RESULT.replace("DecLists/DecList[2]/GQty: ", "请注意：10:30 "))
    assert (plain.pointer, plain.text) == (None, "请注意：10:30 数量与舱单不符")


def test_inspection_answers_come_alone_or_together_in_order() -> None:
    together = INSPECTION.read(
        f"<ROOT>{record('20', own_id='a')}{record('60', add='310000115000001000', own_id='b')}</ROOT>".encode()
    )
    assert [(each.code, each.key) for each in together] == [("20", "a"), ("60", "b")]
    assert one(INSPECTION, record("20", own_id="a")) == together[0]
    assert together[0].agency_reference == "310000150012345"


def test_the_clearance_form_number_is_read_from_its_answer_only() -> None:
    issued = one(INSPECTION, record("60", add="310000115000001000"))
    assert (issued.clearance_form_id, issued.place) == ("310000115000001000", None)
    ordered = one(INSPECTION, record("50", add="外高桥查验场"))
    assert (ordered.clearance_form_id, ordered.place) == (None, "外高桥查验场")


def test_without_an_id_the_key_is_what_identifies_the_answer() -> None:
    base = one(CUSTOMS, RESULT)
    assert one(CUSTOMS, RESULT, "another_file.xml").key == base.key
    different = [
        RESULT.replace(">Z<", ">E<"),
        RESULT.replace("07:30:05", "07:30:06"),
        RESULT.replace("I20150000000000001", "I20150000000000002"),
        RESULT.replace("舱单", "合同"),
        RESULT.replace("DecList[2]", "DecList[3]"),
    ]
    assert len({base.key, *(one(CUSTOMS, text).key for text in different)}) == 6


# What is refused


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "A-MALFORMED", 1),
        (b"not xml", "A-MALFORMED", 1),
        (RESULT[:-20].encode(), "A-MALFORMED", 7),
        (b"\n<!DOCTYPE DEC_RESULT [<!ENTITY a 'b'>]>" + RESULT.encode(), "A-DOCTYPE", 2),
        (RESULT.replace("数量", "&a;").encode(), "A-MALFORMED", 6),
        (RESULT.encode("utf-16"), "A-ENCODING", 1),
        (('<?xml version="1.0" encoding="Big5"?>' + RESULT).encode(), "A-ENCODING", 1),
        (('<?xml version="1.0" encoding="GBK"?>' + RESULT).encode("gbk") + b"\xff\xff", "A-ENCODING", 8),
        (RESULT.encode("gbk"), "A-ENCODING", 6),
        (b"<DCL_RESPONSE/>", "A-ROOT", 1),
        (b"<dec_result/>", "A-ROOT", 1),
        (RESULT.replace("  <CHANNEL>Z</CHANNEL>\n", "").encode(), "A-SCHEMA", 5),
        (RESULT.replace("<NOTE>", "<NOTE2>").replace("</NOTE>", "</NOTE2>").encode(), "A-SCHEMA", 6),
        (RESULT.replace("223320151000000762", "２２３３20151000000762").encode(), "A-SCHEMA", 3),
        (RESULT.replace("2015-06-02", "2015-02-30").encode(), "A-DATE", 1),
        (RESULT.replace("07:30:05", "24:30:05").encode(), "A-DATE", 1),
        (RESULT.replace("2015-06-02T07:30:05", "0001-01-01T00:00:00").encode(), "A-DATE", 1),
        (b"<a>" * 300 + b"</a>" * 300, "A-MALFORMED", 1),
        (b"<DEC_RESULT>" + b" " * MAX_ANSWER, "A-SIZE", None),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_and_where(data: bytes, code: str, line: int | None) -> None:
    fault = refused(CUSTOMS, data).faults[0]
    assert (fault.code, fault.line, fault.agency) == (code, line, "customs")


def test_words_name_the_place_and_the_value() -> None:
    error = refused(CUSTOMS, RESULT.replace("2015-06-02", "2015-02-30"))
    for words in (error.message_zh, error.message_en):
        assert "NOTICE_DATE" in words
        assert "2015-02-30" in words
    unknown = refused(INSPECTION, RESULT)
    assert "DEC_RESULT" in unknown.message_zh
    assert "DCL_RESPONSE" in unknown.message_en


def test_one_bad_record_refuses_the_whole_file() -> None:
    """Half an answer is no answer: the operator sees the file as it came."""
    refused(INSPECTION, f"<ROOT>{record('20')}{record('60').replace('09:00:00', '09:61:00')}</ROOT>")
    refused(INSPECTION, "<ROOT/>")


SOUP = st.sampled_from(["<", ">", "&", "]]>", "<!--", "\x00", "é", "中", "<CHANNEL>", "</NOTE>", "xmlns='u'", "-", "9"])


@given(st.lists(st.tuples(st.integers(0, len(RESULT)), st.integers(0, 6), SOUP), min_size=1, max_size=4))
def test_damaged_answers_are_read_or_refused_never_anything_else(damage: list[tuple[int, int, str]]) -> None:
    text = RESULT
    for position, length, insert in damage:
        text = text[:position] + insert + text[position + length :]
    responses: list[Response] = []
    with contextlib.suppress(UnreadableResponse):
        responses = CUSTOMS.read(text.encode())
    assert all(response.at is not None and response.code in text for response in responses)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_in_words(data: bytes) -> None:
    refused(CUSTOMS, data)


# Dates


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("yyyyMMddHHmmss", "20150602073005", "2015-06-02T07:30:05+08:00"),
        ("yyyyMMdd|yyyy-MM-dd", "2015-06-02", "2015-06-02T00:00:00+08:00"),
        ("yyyyMMddTHHmmssff", "20180208T15032250", "2018-02-08T15:03:22.500000+08:00"),
        ("yyyy-MM-ddTHH:mm:ssXXX", "2015-06-02T07:30:05Z", "2015-06-02T07:30:05+00:00"),
        ("yyyy-MM-ddTHH:mm:ssXXX", "2015-06-02T07:30:05+09:00", "2015-06-02T07:30:05+09:00"),
    ],
)
def test_dates_of_every_form(form: str, text: str, expected: str) -> None:
    assert DateForms(form, SHANGHAI).read(text).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["2015-6-2", "2015-06-31", "15-06-02", "2015-06-02 ", "２０１５-06-02", "2015-０６-02", "2015-06-02T00:00:00", ""],
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the value stands in the message of the caller
        DateForms("yyyy-MM-dd", SHANGHAI).read(text)


# Tables that contradict themselves

MAP, META = "mappings/customs/DEC_RESULT/2015/map.csv", "mappings/customs/DEC_RESULT/2015/meta.toml"


@pytest.mark.parametrize(
    ("path", "old", "new", "pointer"),
    [
        (MAP, ",code,1,,CHANNEL |", ",codes,1,,CHANNEL |", f"{MAP}#target"),
        (MAP, ",,CHANNEL |", ",,CHANEL |", f"{MAP}#source"),
        (MAP, "yyyyMMddHHmmss|", "yyyyMMddhhmmss|", f"{MAP}#arg"),
        (MAP, ",date,", ",copy,", f"{MAP}#how"),
        (MAP, "fn:text_of_note", "fn:text_of_nothing", f"{MAP}#how"),
        (MAP, "ssff,error,", "ssff,omit,", f"{MAP}#empty"),
        (META, "2015/DEC_RESULT.xsd", "2016/DEC_RESULT.xsd", f"{META}#schema"),
        ("xsd/customs/2015/DEC_RESULT.xsd", "<xs:choice>", "<xs:choice >", f"{META}#schema_sha256"),
        (
            "mappings/customs/agency.toml",
            '"DEC_RESULT", ',
            '"DEC_RESULT", "DEC_TAX", ',
            "mappings/customs/agency.toml#answers",
        ),
    ],
)
def test_a_broken_table_stops_the_start_and_is_named(path: str, old: str, new: str, pointer: str) -> None:
    text = BUNDLE.text(path)
    assert old in text
    with pytest.raises(BadConfiguration) as caught:
        AnswerTables.load(Bundle({**BUNDLE.files, path: text.replace(old, new, 1).encode()}), "customs")
    assert pointer in {fault.pointer for fault in caught.value.faults}


def with_version_2016(map_csv: str, schema: str) -> AnswerTables:
    """Customs' tables with a second version of DEC_RESULT, valid from 2016: a folder and its schema, no code."""
    meta = BUNDLE.text(META).replace('valid_from = "2015', 'valid_from = "2016')
    old = tomllib.loads(meta)
    meta = meta.replace('version = "2015"', 'version = "2016"').replace(old["schema"], "xsd/customs/2016/new.xsd")
    folder = "mappings/customs/DEC_RESULT/2016"
    added = {
        f"{folder}/meta.toml": meta.replace(old["schema_sha256"], hashlib.sha256(schema.encode()).hexdigest()).encode(),
        f"{folder}/map.csv": map_csv.encode(),
        "xsd/customs/2016/new.xsd": schema.encode(),
    }
    return AnswerTables.load(Bundle({**BUNDLE.files, **added}), "customs")


def test_two_versions_of_an_answer_are_read_side_by_side() -> None:
    schema = BUNDLE.text("xsd/customs/2015/DEC_RESULT.xsd").replace('name="CHANNEL"', 'name="STEP"')
    tables = with_version_2016(BUNDLE.text(MAP).replace("CHANNEL", "STEP"), schema)
    assert one(tables, RESULT.replace("CHANNEL", "STEP")).code == one(tables, RESULT).code == "Z"


def test_what_fits_two_versions_is_read_by_the_newer() -> None:
    newer = BUNDLE.text(MAP) + "CUS-RES-0990,due,0..1,,I_E_DATE,,date,yyyy-MM-dd,omit,error,,\n"
    tables = with_version_2016(newer, BUNDLE.text("xsd/customs/2015/DEC_RESULT.xsd"))
    dated = RESULT.replace("</CUSTOM_MASTER>", "</CUSTOM_MASTER><I_E_DATE>2015-06-09</I_E_DATE>")
    assert one(tables, dated).due == "2015-06-09T00:00:00+08:00"
    assert one(CUSTOMS, dated).due is None


def test_of_rows_for_one_field_the_first_that_applies_wins() -> None:
    path = "mappings/inspection/DCL_RESPONSE/2015/map.csv"
    text = BUNDLE.text(path) + "INR-0990,place,0..1,,SenderAddr,,copy,,omit,error,,otherwise the sender\n"
    tables = AnswerTables.load(Bundle({**BUNDLE.files, path: text.encode()}), "inspection")
    sent = "<SenderAddr>浦东机场</SenderAddr></DCL_RESPONSE>"
    assert one(tables, record("50", add="外高桥").replace("</DCL_RESPONSE>", sent)).place == "外高桥"
    assert one(tables, record("20", add="外高桥").replace("</DCL_RESPONSE>", sent)).place == "浦东机场"
