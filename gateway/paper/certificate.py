"""The port clearance certificate as a PDF: its words and values in order, the QR code, the record inside, the signature over all.

What is printed follows the facts of the trade (国际航行船舶出口岸许可证); the layout is ours. Times are printed as in Shanghai.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import segno

from adapters.keys import WINDOW, KeyRing
from declarations.dateforms import SHANGHAI
from declarations.signatureterms import ECDSA_P256
from gateway.paper import proof
from gateway.paper.content import CertificateContent, Named
from gateway.paper.signature import signed
from gateway.paper.typesetting import typeset

TEMPLATE = "certificate.typ"
TITLES = {
    "exit": ("国际航行船舶出口岸许可证", "PORT CLEARANCE"),
    "periodic": ("国际航行船舶定期出口岸许可证", "PERIODIC PORT CLEARANCE"),
}
STATEMENT = (
    "兹证明下列船舶已办妥出口岸手续，准予离港。",
    "This is to certify that the ship named below has completed all formalities for departure and is permitted to leave port.",
)
NOTES = (
    (
        "如情况发生变化，或在 {sail_by} 前未能离港，应当报告海事管理机构，由其商其他查验单位后决定是否重新办理出口岸手续。",
        "If circumstances change, or the ship has not left by {sail_by}, report to the maritime administration, which decides "
        "with the other authorities whether exit formalities are to be done again.",
    ),
    (
        "扫描二维码或访问 {address}，输入证书编号和校验码 {code}，可查询本证当前状态。",
        "Scan the code, or enter the certificate number and the code {code} at {address}, to see whether it is valid now.",
    ),
    (
        "本证由单一窗口电子签发，PDF 文件内含电子签名和数据记录；纸质打印件以在线查询结果为准。",
        "Issued electronically; the PDF file holds the signature and the record. A printed copy is worth what the inquiry shows.",
    ),
)
SEAL = ("电子签发", "ISSUED ELECTRONICALLY")
USUAL_RELEASES, USUAL_CHARACTERS = 4, 400
"""With more than that the lines stand closer, so that it stays one page."""
_LONG_WORD = re.compile(r"\S{24}")
_MASK = 2
"""One of the eight patterns of ISO/IEC 18004. Trying all of them costs 10 ms and gains nothing that a reader needs."""


def make(record: dict[str, Any], keys: KeyRing, address: str) -> bytes:
    """The signed PDF of a frozen record; `address` is where the public reaches the window. Some 22 ms of one core.

    The record is embedded as `certificate.json`. Made anew it says the same, but its bytes differ: store what was made first.
    Raises BadConfiguration for a record that is none.
    """
    content = CertificateContent.of(record)
    key = keys.signing(WINDOW, ECDSA_P256, content.issued_at)
    link = f"{address}/verify/{content.number}?code={content.code}"
    square = segno.make_qr(f"{link}#{proof.text(content, key)}", error="m", boost_error=False, mask=_MASK)
    page = typeset(
        TEMPLATE, _page(content, address), content.issued_at,
        qr=square.svg_inline(scale=4, border=2), record=content.record.decode(),
    )  # fmt: skip
    place = content.port.name_en or content.port.code
    return signed(page, key, content.issued_at, f"Port clearance {content.number}", place)


def marked(record: dict[str, Any], zh: str, en: str) -> bytes:
    """The same page with words across it, for a certificate that does not count (作废, VOID): unsigned, no QR code."""
    content = CertificateContent.of(record)
    page = _page(content, "") | {"mark_zh": zh, "mark_en": en, "seal_zh": zh, "seal_en": en}
    page["notes"] = [(f"本页仅供存查：{zh}。", f"For the file only: {en}. Not a clearance.")]
    return typeset(TEMPLATE, page, content.issued_at)


def _page(content: CertificateContent, address: str) -> dict[str, Any]:
    title = TITLES[content.kind]
    fields = _fields(content)
    dense = len(content.releases) > USUAL_RELEASES or sum(len(each[2]) for each in fields) > USUAL_CHARACTERS
    facts = {"sail_by": shown(content.sail_by), "code": _grouped(content.code), "address": f"{address}/verify"}
    replaces = f"本证替代 This certificate replaces {content.replaces}" if content.replaces else ""
    return {
        "title": f"{title[0]} {title[1]} {content.number}",
        "title_zh": title[0],
        "title_en": title[1],
        "number": content.number,
        "replaces": replaces,
        "statement_zh": STATEMENT[0],
        "statement_en": STATEMENT[1],
        "office_zh": content.office.name_zh or content.office.code,
        "office_en": content.office.name_en,
        "fields": [
            {"zh": zh, "en": en, "value": _breakable(value), "size": _size(value), "wide": wide}
            for zh, en, value, wide in fields
        ],
        "dense": dense,
        "releases": [
            (f"{each.name_zh} {each.name_en}", shown(each.at), each.reference or "—", str(each.version))
            for each in content.releases
        ],
        "verify": f"QR code: {address}/verify/{content.number}",
        "notes": [(zh.format(**facts), en.format(**facts)) for zh, en in NOTES],
        "seal_zh": SEAL[0],
        "seal_en": SEAL[1],
        "officer": content.officer,
        "issued": f"签发 Issued {shown(content.issued_at)}",
        "foot": f"SHA-256 {content.digest.hex()}",
        "mark_zh": "",
        "mark_en": "",
    }


def _fields(content: CertificateContent) -> list[tuple[str, str, str, bool]]:
    """Label in both languages, value, and whether it takes the whole line."""
    cargo = content.cargo
    for zh, en, tonnes in (("装货", "loaded", content.loaded_t), ("过境", "in transit", content.transit_t)):
        if tonnes:
            cargo += f"；{zh} {en} {tonnes} t"
    term = [] if content.valid_until is None else [("有效期至", "Valid until", shown(content.valid_until), True)]
    return [
        ("船名", "Name of ship", f"{content.ship_name_zh} {content.ship_name_en}".strip(), True),
        ("国籍", "Nationality", _place(content.flag), False),
        ("呼号", "Call sign", content.call_sign, False),
        ("IMO 编号", "IMO number", content.imo_number, False),
        ("船长", "Master", content.master, False),
        ("总吨", "Gross tonnage", content.gross_tonnage, False),
        ("净吨", "Net tonnage", content.net_tonnage, False),
        ("船员人数", "Number of crew", content.crew, False),
        ("旅客人数", "Number of passengers", content.passengers, False),
        ("货物种类及数量", "Cargo, kind and quantity", cargo.removeprefix("；"), True),
        ("出口岸", "Port of clearance", _place(content.port), False),
        ("航次", "Voyage", content.voyage, False),
        ("驶往港", "Bound for", _place(content.bound_for), False),
        ("拟离港时间", "Intended departure", shown(content.departure), False),
        *term,
        ("未离港报告时限", "Report if not sailed by", shown(content.sail_by), False),
        ("签发时间", "Issued at", shown(content.issued_at), False),
        ("申报编号", "Declaration", f"{content.reference}（第 {content.version} 版 version {content.version}）", True),
        ("申报单位", "Declared by", content.agent, True),
    ]


def _breakable(value: str) -> str:
    """A name without a blank must not run over the edge: it may be broken after every 24 characters."""
    return _LONG_WORD.sub("\\g<0>\u200b", value)


def _size(value: str) -> float:
    """Points of the letters: long texts are set smaller."""
    return 10 if len(value) <= 60 else 8 if len(value) <= 160 else 6.2


def _place(place: Named) -> str:
    names = f"{place.name_zh} {place.name_en}".strip()
    return f"{names} ({place.code})" if names and place.code else names or place.code


def shown(at: datetime | None) -> str:
    """As people in Shanghai read it; empty when it is not told."""
    return "" if at is None else f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
