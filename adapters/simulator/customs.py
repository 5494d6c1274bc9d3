"""Simulated customs: reads DecMessage, answers with DecImportResponse (one per file) and DEC_RESULT (one per step)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lxml import etree

from adapters.simulator.documents import document, local_time, text, texts
from adapters.simulator.engine import Copy, Filing, Planned

AGENCY = "customs"
MESSAGE = "DecMessage"
MESSAGES = {MESSAGE: "xsd/customs/2015/DecMessage.xsd"}
NAMESPACE = "http://www.chinaport.gov.cn/dec"
REFUSAL = ("receipt", "1")
CLEARANCE_FORMS = frozenset({"A", "B"})


def read(root: etree._Element, key: str) -> Filing:
    """What customs needs of a valid DecMessage; `key` is its file name."""
    direction = text(root, "DecHead/IEFlag")
    facts = {"import" if direction == "I" else "export"}
    if CLEARANCE_FORMS.intersection(texts(root, "DecLicenseDocus/LicenseDocu/DocuCode")):
        facts.add("clearance_form")
    return Filing(
        key=key,
        reference=text(root, "DecSign/ClientSeqNo"),
        kind=MESSAGE,
        facts=frozenset(facts),
        commodities=frozenset(texts(root, "DecLists/DecList/CodeTS")),
        values={
            "direction": direction,
            "office": text(root, "DecHead/CustomMaster"),
            "date": text(root, "DecHead/IEDate"),
        },
    )


def numbers(
    filing: Filing, year: int, of_reference: Callable[[str], int], fresh: Callable[[str], int]
) -> dict[str, str]:
    """Unified number (stays with the reference) and entry number (one per message): forms of facts, section 2."""
    direction, office = filing.values["direction"], filing.values["office"]
    side = "1" if direction == "I" else "0"
    return {
        "unified": f"{direction}{year}0000{of_reference('unified'):09d}",
        "entry": f"{office}{year}{side}{fresh(f'entry {office}{year}{side}'):09d}",
        "office": office,
    }


def answer(planned: Planned, filing: Filing, given: dict[str, str], at: datetime) -> tuple[str, bytes]:
    """File name and bytes of one answer. The name holds that of the message's file, which leads back to it."""
    if planned.answer == "receipt":
        return _receipt(planned, filing, given)
    body = document(
        "DEC_RESULT",
        [
            ("CUS_CIQ_NO", given["unified"]),
            ("ENTRY_ID", given["entry"] if "entry" in planned.carries else ""),
            ("NOTICE_DATE", local_time(at)),
            ("CHANNEL", planned.code),
            ("NOTE", planned.text.format(**given)),
            ("CUSTOM_MASTER", given["office"]),
            ("I_E_DATE", filing.values["date"]),
            ("D_DATE", f"{local_time(at)[:10]}"),
        ],
    )
    return f"Receipt_{filing.key}_{planned.step:02d}{planned.copy.value}.xml", body


def _receipt(planned: Planned, filing: Filing, given: dict[str, str]) -> tuple[str, bytes]:
    stored = planned.code == "0"
    body = document(
        "DecImportResponse",
        [
            ("ResponseCode", planned.code),
            ("ErrorMessage", planned.text.format(**given)),
            # a file that cannot be read has no client number: its own name stands for it
            ("ClientSeqNo", (filing.reference or filing.key)[:18]),
            ("SeqNo", given.get("unified", "") if stored else ""),
        ],
        NAMESPACE,
    )
    # a repeated receipt keeps its name: it is the one receipt of that file
    mark = planned.copy.value if planned.copy is Copy.DAMAGED else ""
    return f"{'Successed' if stored else 'Failed'}_{filing.key}{mark}.xml", body
