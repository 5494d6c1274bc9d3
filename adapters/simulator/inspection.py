"""Simulated inspection and quarantine: reads ROOT/ITF_DCL_IO_DECL, answers with one DCL_RESPONSE per step."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from lxml import etree

from adapters.simulator.documents import document, local_time, text, texts
from adapters.simulator.engine import Filing, Planned

AGENCY = "inspection"
MESSAGE = "ITF_DCL_IO_DECL"
MESSAGES = {"ROOT": "xsd/inspection/2015/ITF_DCL_IO_DECL.xsd"}
REFUSAL = ("response", "0000")
# what AddInfo is for (xsd/inspection/2015/DCL_RESPONSE.xsd)
ADDED = ("place", "clearance")
_ANSWER_IDS = uuid.UUID("5a7f0a3e-4b0e-5b8c-9d53-2c1f6f1c8a10")


def read(root: etree._Element, key: str) -> Filing:
    """What inspection needs of a valid application; `key` is its message id."""
    head = "ITF_DCL_IO_DECL"
    facts = {"import" if text(root, f"{head}/AplKind") == "I" else "export"}
    if texts(root, f"{head}/ITF_DCL_IO_DECL_CERT/AppCertCode"):
        facts.add("certificates")
    return Filing(
        key=key,
        reference=text(root, f"{head}/EntDeclNo"),
        kind=MESSAGE,
        facts=frozenset(facts),
        commodities=frozenset(texts(root, f"{head}/ITF_DCL_IO_DECL_GOODS/ProdHsCode")),
        values={
            "office": text(root, f"{head}/OrgCode"),
            "place": text(root, f"{head}/GoodsPlace"),
            "registration": text(root, f"{head}/DeclRegNo"),
        },
    )


def numbers(
    filing: Filing, year: int, of_reference: Callable[[str], int], fresh: Callable[[str], int]
) -> dict[str, str]:
    """Application number (15 digits, stays with the reference) and clearance-form number (18): facts, section 2."""
    office = "".join(filter(str.isdigit, filing.values["office"]))[:6].ljust(6, "0")
    return {
        "inspection": f"{office}{year % 100:02d}{of_reference('application'):07d}",
        "clearance": f"{office}{year}{fresh(f'clearance {year}'):08d}",
        "place": filing.values["place"],
    }


def answer(planned: Planned, filing: Filing, given: dict[str, str], at: datetime) -> tuple[str, bytes]:
    """The answer's id and bytes. A duplicate bears the same id: it is the same answer."""
    identity = str(uuid.uuid5(_ANSWER_IDS, f"{filing.key}/{planned.step}"))
    body = document(
        "ROOT/DCL_RESPONSE",
        [
            ("RspNo", f"{planned.step}"),
            ("RspCodes", planned.code),
            ("RspInfo", planned.text.format(**given)),
            ("DeclNo", filing.reference[:18]),
            ("DeclGetNo", given["inspection"] if "inspection" in planned.carries else ""),
            ("DeclRegNo", filing.values["registration"]),
            ("AddInfo", next((given[name] for name in ADDED if name in planned.carries), "")),
            ("RspGenTime", local_time(at)),
            ("ResponseId", identity),
            ("EntUuid", filing.key[:64]),
        ],
    )
    return identity, body
