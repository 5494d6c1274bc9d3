"""Inspection's schemas and tables as data: what the agency would refuse is refused, and the tables fit the schemas."""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "xsd" / "inspection"
TABLES = ROOT / "mappings" / "inspection"
APPLICATION = SCHEMAS / "2015" / "ITF_DCL_IO_DECL.xsd"
ANSWER = SCHEMAS / "2015" / "DCL_RESPONSE.xsd"

CODES = ["0", "1", "0000", "10", "20", "30", "40", "50", "51", "52", "53", "60", "65", "70", "80", "85", "90"]
"""Every answer code of goods-facts 5.3."""

MESSAGE = """<ROOT><ITF_DCL_IO_DECL>
<EntDeclNo>SWSH2015B00000002</EntDeclNo><AplKind>I</AplKind><DeclCode>13</DeclCode><DeclDate>2015-10-22</DeclDate>
<DeclCustm>2225</DeclCustm><OrgCode>310200</OrgCode><InspOrgCode>310200</InspOrgCode><PurpOrgCode>310000</PurpOrgCode>
<VsaOrgCode>310200</VsaOrgCode><DeclRegNo>3100910043</DeclRegNo><DeclRegName>上海汇桥报关有限公司</DeclRegName>
<DeclPersnCertNo>3100123456</DeclPersnCertNo><DeclPersonName>周宁</DeclPersonName><Contactperson>周宁</Contactperson>
<ContTel>021-55500172</ContTel><ConsigneeCode>3100617725</ConsigneeCode><ConsigneeCname>上海馥曼贸易有限公司</ConsigneeCname>
<ConsignorEname>OLIVARES DEL SUR SA</ConsignorEname><ConsignorAddr>CALLE MAYOR 1, JAEN</ConsignorAddr>
<CustmRegNo>3122960457</CustmRegNo><ContractNo>BM-ES-2015-088</ContractNo><MarkNo>N/M</MarkNo>
<TradeModeCode>11</TradeModeCode><TradeCountryCode>724</TradeCountryCode><TransModeCode>1</TransModeCode>
<ConvynceName>COSCO FAITH</ConvynceName><TransMeanNo>046E</TransMeanNo><BillLadNo>COSU6108812345</BillLadNo>
<SplitBillLadNo>SH15090077</SplitBillLadNo><DeliveryOrder>DO1</DeliveryOrder><CreditNo>LC1</CreditNo>
<DespCtryCode>724</DespCtryCode><DespPortCode>ESBCN</DespPortCode><PortStopCode>ESBCN</PortStopCode>
<EntyPortCode>310101</EntyPortCode><DespDate>2015-09-20</DespDate><GdsArvlDate>2015-10-20</GdsArvlDate>
<CmplDschrgDt>2015-10-21</CmplDschrgDt><CounterClaim>2016-01-20</CounterClaim><DestCode>310115</DestCode>
<GoodsPlace>外高桥四期</GoodsPlace><CorrelationDeclNo>310200115000001</CorrelationDeclNo>
<CorrelationReasonFlag>3</CorrelationReasonFlag><SpeclInspQuraRe>含木质包装</SpeclInspQuraRe><TotalValUs>9000.00</TotalValUs>
<ITF_DCL_IO_DECL_CERT><AppCertCode>16</AppCertCode><ApplOri>1</ApplOri><ApplCopyQuan>2</ApplCopyQuan></ITF_DCL_IO_DECL_CERT>
<ITF_DCL_IO_DECL_ATT><AttDocTypeCode>102001</AttDocTypeCode></ITF_DCL_IO_DECL_ATT>
<ITF_DCL_IO_DECL_GOODS>
<GoodsNo>1</GoodsNo><ProdHsCode>1509100000</ProdHsCode><CiqCode>1509100000101</CiqCode><CiqName>初榨橄榄油</CiqName>
<DeclGoodsCname>初榨橄榄油</DeclGoodsCname><DeclGoodsEname>Virgin olive oil</DeclGoodsEname>
<GoodsSpec>500毫升/瓶</GoodsSpec><GoodsBrand>OLIVARES</GoodsBrand><Qty>3000</Qty><QtyMeasUnit>142</QtyMeasUnit><StdWeight>1374.00</StdWeight>
<StdWeightUnitCode>035</StdWeightUnitCode><Weight>1374.00</Weight><PricePerUnit>3.0000</PricePerUnit>
<GoodsTotalVal>9000.00</GoodsTotalVal><Currency>840</Currency><OriCtryCode>724</OriCtryCode><Purpose>12</Purpose>
<GoodsAttr>14,17</GoodsAttr><Stuff>橄榄油</Stuff><ProduceDate>20150801;20150802</ProduceDate><ProdBatchNo>L1</ProdBatchNo>
<ProdValidDt>2017-08-01</ProdValidDt><EngManEntCnm>OLIVARES DEL SUR SA</EngManEntCnm><NoDangFlag>1</NoDangFlag>
<ITF_DCL_IO_DECL_GOODS_CONT><GoodsNo>1</GoodsNo><ContNo>CCLU7318464</ContNo><CntnrModeCode>21</CntnrModeCode></ITF_DCL_IO_DECL_GOODS_CONT>
<ITF_DCL_IO_DECL_GOODS_LIMIT><LicTypeCode>517</LicTypeCode><LicenceNo>BA-1</LicenceNo></ITF_DCL_IO_DECL_GOODS_LIMIT>
<ITF_DCL_IO_DECL_GOODS_PACK><PackTypeCode>2</PackTypeCode><PackQty>250</PackQty><IsMainPack>1</IsMainPack></ITF_DCL_IO_DECL_GOODS_PACK>
</ITF_DCL_IO_DECL_GOODS>
<ITF_DCL_IO_DECL_GOODS>
<GoodsNo>2</GoodsNo><ProdHsCode>0001</ProdHsCode><CiqCode>0001</CiqCode><DeclGoodsCname>木质包装</DeclGoodsCname><Qty>10</Qty>
<QtyMeasUnit>011</QtyMeasUnit><StdQty>10</StdQty><StdQtyUnitCode>011</StdQtyUnitCode><Weight>250</Weight>
<GoodsTotalVal>0</GoodsTotalVal><Currency>840</Currency><OriCtryCode>724</OriCtryCode><Purpose>99</Purpose>
</ITF_DCL_IO_DECL_GOODS>
<ITF_DCL_IO_DECL_LIMIT><EntQualifTypeCode>509</EntQualifTypeCode><EntQualifNo>3100-SP-1</EntQualifNo></ITF_DCL_IO_DECL_LIMIT>
<ITF_DCL_IO_DECL_CONT><CntnrModeCode>21</CntnrModeCode><Qty>1</Qty>
<ITF_DCL_IO_DECL_CONT_DETAIL><ContNo>CCLU7318464</ContNo><CntnrModeCode>21</CntnrModeCode><LclFlag>0</LclFlag></ITF_DCL_IO_DECL_CONT_DETAIL>
</ITF_DCL_IO_DECL_CONT>
</ITF_DCL_IO_DECL></ROOT>"""

RECORD = (
    "<DCL_RESPONSE><RspNo>7</RspNo><RspCodes>60</RspCodes><RspInfo>通关单已签发</RspInfo><DeclNo>SWSH2015B00000002</DeclNo>"
    "<DeclGetNo>310200115000002</DeclGetNo><AddInfo>310200115000002000</AddInfo>"
    "<RspGenTime>2015-10-22 10:20:30</RspGenTime>"
    "<OperTime>2015-10-22 10:20:00</OperTime><ResponseId>R-0007</ResponseId></DCL_RESPONSE>"
)


def faults(schema: Path, text: str) -> str:
    """What the schema says against a document: '' when it is valid."""
    judge = etree.XMLSchema(etree.parse(schema))
    return "" if judge.validate(etree.fromstring(text)) else str(judge.error_log)


def table(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def meta(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("schema", sorted(SCHEMAS.rglob("*.xsd")), ids=lambda path: path.name)
def test_schema_compiles_and_says_that_it_is_ours(schema: Path) -> None:
    etree.XMLSchema(etree.parse(schema))
    assert "OUR RECONSTRUCTION" in schema.read_text(encoding="utf-8")


def test_a_full_application_is_valid() -> None:
    assert faults(APPLICATION, MESSAGE) == ""


MANDATORY = re.findall(
    r"\w+",
    """
    EntDeclNo AplKind DeclCode DeclDate DeclCustm OrgCode InspOrgCode VsaOrgCode DeclRegNo DeclRegName
    Contactperson ContTel ContractNo MarkNo TradeModeCode TransModeCode DespCtryCode EntyPortCode GoodsPlace
    AppCertCode AttDocTypeCode GoodsNo ProdHsCode CiqCode DeclGoodsCname Qty QtyMeasUnit
    Weight GoodsTotalVal Currency OriCtryCode Purpose ContNo LicTypeCode LicenceNo PackTypeCode
    PackQty IsMainPack EntQualifTypeCode EntQualifNo ITF_DCL_IO_DECL_CONT_DETAIL ITF_DCL_IO_DECL_GOODS
    """,
)


@pytest.mark.parametrize("name", MANDATORY)
def test_a_mandatory_element_may_not_be_missing(name: str) -> None:
    document = etree.fromstring(MESSAGE)
    elements = document.findall(f".//{name}")
    assert elements
    for element in elements:
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
    assert name in faults(APPLICATION, etree.tostring(document, encoding="unicode"))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("<AplKind>I<", "<AplKind>E<"),  # the form's letter for exports, not inspection's
        ("<DeclCode>13<", "<DeclCode>16<"),
        ("<TransModeCode>1<", "<TransModeCode>8<"),  # a customs mode passed through
        ("<TradeModeCode>11<", "<TradeModeCode>0110<"),
        ("<DeclDate>2015-10-22<", "<DeclDate>2015-02-30<"),
        ("<GdsArvlDate>2015-10-20<", "<GdsArvlDate>20151020<"),
        ("<DeclRegNo>3100910043<", "<DeclRegNo>31009A0043<"),
        ("<CorrelationDeclNo>310200115000001<", "<CorrelationDeclNo>31020011500000<"),
        ("<EntDeclNo>SWSH2015B00000002<", "<EntDeclNo>SWSH2015B000000002X<"),
        ("<CiqName>初榨橄榄油<", f"<CiqName>{'油' * 26}<"),
        ("<ContTel>021-55500172<", "<ContTel><"),
        ("<ProdHsCode>1509100000<", "<ProdHsCode>15091000<"),
        ("<ProdHsCode>0001<", "<ProdHsCode>0003<"),
        ("<Qty>3000<", "<Qty>3000.000001<"),
        ("<Qty>3000<", "<Qty>-1<"),
        ("<GoodsTotalVal>9000.00<", "<GoodsTotalVal>9,000.00<"),
        ("<PackQty>250<", "<PackQty>0<"),
        ("<NoDangFlag>1<", "<NoDangFlag>Y<"),
        ("<ContNo>CCLU7318464<", "<ContNo>CCLU731846<"),
        ("<Currency>840<", "<Currency>USD<"),
        ("<AplKind>I</AplKind><DeclCode>13</DeclCode>", "<DeclCode>13</DeclCode><AplKind>I</AplKind>"),
        ("</ITF_DCL_IO_DECL>", "<CusCiqNo>I201500000000000001</CusCiqNo></ITF_DCL_IO_DECL>"),  # the later dialect
    ],
)
def test_a_wrong_value_or_place_is_refused(good: str, bad: str) -> None:
    assert good in MESSAGE
    assert re.findall(r"<(\w+)", bad)[0] in faults(APPLICATION, MESSAGE.replace(good, bad, 1))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("<StdWeight>1374.00</StdWeight>", ""),
        ("<StdWeightUnitCode>035</StdWeightUnitCode>", ""),
        ("<StdWeight>1374.00<", "<StdQty>3000</StdQty><StdQtyUnitCode>142</StdQtyUnitCode><StdWeight>1374.00<"),
    ],
)
def test_a_line_has_a_statutory_quantity_or_a_weight_with_its_unit(good: str, bad: str) -> None:
    assert good in MESSAGE
    assert "StdQty_or_StdWeight" in faults(APPLICATION, MESSAGE.replace(good, bad, 1))


def test_line_numbers_stand_once() -> None:
    assert "GoodsNo" in faults(APPLICATION, MESSAGE.replace("<GoodsNo>2<", "<GoodsNo>1<"))


def test_lengths_count_characters_and_not_bytes() -> None:
    assert faults(APPLICATION, MESSAGE.replace("<CiqName>初榨橄榄油<", f"<CiqName>{'油' * 25}<")) == ""


@pytest.mark.parametrize("document", [RECORD, f"<ROOT>{RECORD}</ROOT>", f"<ROOT>{RECORD}{RECORD}</ROOT>"])
def test_answers_come_alone_or_together(document: str) -> None:
    assert faults(ANSWER, document) == ""


def test_an_unknown_answer_code_can_be_read() -> None:
    assert faults(ANSWER, RECORD.replace(">60<", ">77<")) == ""


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("<RspCodes>60</RspCodes>", ""),
        ("<RspCodes>60<", "<RspCodes><"),
        ("<DeclNo>SWSH2015B00000002</DeclNo>", ""),
        ("<RspGenTime>2015-10-22 10:20:30</RspGenTime>", ""),
        (">2015-10-22 10:20:30<", ">22.10.2015<"),
        (">310200115000002<", ">12345<"),
        ("<RspNo>7</RspNo>", "<RspNo>7</RspNo><RspNo>8</RspNo>"),
        ("<RspNo>7</RspNo>", "<Unheard>7</Unheard>"),
    ],
)
def test_an_unreadable_answer_is_refused(good: str, bad: str) -> None:
    assert good in RECORD
    assert faults(ANSWER, f"<ROOT>{RECORD.replace(good, bad, 1)}</ROOT>") != ""


def test_every_answer_code_of_the_facts_has_its_row_and_says_that_it_is_assumed() -> None:
    rows = table(TABLES / "responses.csv")
    assert [row["code"] for row in rows if row["message"] == "DCL_RESPONSE"] == CODES
    for row in rows:
        assert "[P]" in row["reference"]
        assert all(row[column] for column in ("name_zh", "name_en", "next_zh", "next_en"))


def test_answer_codes_are_ranked_as_the_trade_goes() -> None:
    rows = {row["code"]: row for row in table(TABLES / "responses.csv") if row["message"] == "DCL_RESPONSE"}
    smooth = ["1", "10", "20", "40", "60", "50", "51", "65", "70", "80", "85"]
    assert all(int(rows[before]["rank"]) < int(rows[after]["rank"]) for before, after in pairwise(smooth))
    assert {code for code, row in rows.items() if row["rollback"] == "yes"} == {"0000", "30", "52", "90"}
    assert {code for code, row in rows.items() if row["terminal"] == "yes"} == {"0000", "30", "85", "90"}
    assert [code for code, row in rows.items() if "sell" in row["grants"].split()] == ["85"]
    assert rows["30"]["opens"] == "correct_form"  # the form came back
    assert rows["52"]["opens"] == "treatment"  # the goods failed
    opened = {word for row in rows.values() for word in row["opens"].split()}
    closed = {word for row in rows.values() if row["closes"] != "*" for word in row["closes"].split()}
    assert opened - {"correct_form"} <= closed


@pytest.mark.parametrize("path", sorted(TABLES.glob("*/*/meta.toml")), ids=lambda path: path.parent.parent.name)
def test_a_message_names_its_schema_and_the_schema_it_was_made_for(path: Path) -> None:
    about = meta(path)
    assert (about["message"], about["version"]) == (path.parent.parent.name, path.parent.name)
    assert hashlib.sha256((ROOT / about["schema"]).read_bytes()).hexdigest() == about["schema_sha256"]


@pytest.mark.parametrize("path", sorted(TABLES.glob("*/*/map.csv")), ids=lambda path: path.parent.parent.name)
def test_line_ids_are_unique(path: Path) -> None:
    lines = [row["line"] for row in table(path)]
    assert len(lines) == len(set(lines)) > 0


def leaves(element: Any, path: str = "") -> Iterator[tuple[str, tuple[int, int | None]]]:
    """Every element below one, as (path, occurs), in schema order."""
    for child in element.type.content.iter_elements():
        below = f"{path}/{child.local_name}".lstrip("/")
        yield below, child.occurs
        if child.type.has_complex_content():
            yield from leaves(child, below)


def test_rows_stand_in_schema_order_and_agree_on_how_often() -> None:
    schema = xmlschema.XMLSchema(str(APPLICATION))
    expected = dict(leaves(schema.elements["ROOT"]))
    order = list(expected)
    places = []
    for row in table(TABLES / "ITF_DCL_IO_DECL" / "2015" / "map.csv"):
        path = row["target"].replace("[]", "").replace("[+]", "")
        assert path in expected, row["line"]
        low, high = expected[path]
        assert row["occurs"] == ("1" if (low, high) == (1, 1) else f"{low}..{high or 'n'}"), row["line"]
        places.append(order.index(path))
    assert places == sorted(places)


def test_every_mandatory_element_of_the_application_is_fed() -> None:
    schema = xmlschema.XMLSchema(str(APPLICATION))
    fed = {
        row["target"].replace("[]", "").replace("[+]", "")
        for row in table(TABLES / "ITF_DCL_IO_DECL" / "2015" / "map.csv")
    }
    unsent = (
        "ITF_DCL_IO_DECL_USER",
        "ITF_DCL_MARK_LOB",
        "ITF_DCL_IO_DECL_GOODS_LIMIT_VN",
    )  # the form has no items for these records
    mandatory = {
        path
        for path, (low, _) in leaves(schema.elements["ROOT"])
        if low and not any(part in unsent for part in path.split("/"))
    }
    assert mandatory - fed == {"ITF_DCL_IO_DECL"}  # the wrapper comes with its children


def test_every_item_that_inspection_takes_is_mapped() -> None:
    text = " ".join(
        f" {row['each']} {row['source']} {row['when']} {row['arg']} "
        for row in table(TABLES / "ITF_DCL_IO_DECL" / "2015" / "map.csv")
    )
    words = set(text.replace("(", " ").replace(")", " ").split())
    items = {row["item_id"] for row in table(ROOT / "mappings" / "forms" / "goods.csv") if row["inspection"]}
    assert items - words == set()
