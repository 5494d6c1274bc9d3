"""What tests of printed papers build on: the record of a certificate, and the window's keys in a folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.keys import WINDOW, KeyRing
from declarations.signatureterms import ECDSA_P256

ISSUED = datetime(2015, 10, 23, 8, 30, tzinfo=UTC)
ADDRESS = "https://window.example"
RECORD: dict[str, Any] = {
    "number": "SHA2015000001",
    "code": "K7QMWX4TB2HRN9CZ",
    "kind": "exit",
    "issued_at": "2015-10-23T08:30:00+00:00",
    "sail_by": "2015-10-24T08:30:00+00:00",
    "valid_until": "",
    "replaces": "",
    "office": {"code": "310100", "name_zh": "上海海事局", "name_en": "Shanghai Maritime Safety Administration"},
    "officer": "李建国 LI JIANGUO",
    "call": {
        "id": "V01KAHJ3R6V0N7E9QK2M4T8WXYZ", "ship_stay_reference": "", "port": "CNSHA", "port_name_zh": "上海",
        "port_name_en": "Shanghai", "voyage": "1542W",
    },
    "declaration": {
        "id": "D01KAHJ3R6V0N7E9QK2M4T8WXYZ", "reference": "SHV201510230004", "version": 2, "sha256": "0" * 64,
        "step": "departure",
    },
    "ship": {
        "name_en": "EASTERN HARBINGER", "name_zh": "东方先驱", "imo_number": "9900019", "call_sign": "3FAB7",
        "mmsi_number": "352999001", "flag": "PA", "flag_name_zh": "巴拿马", "flag_name_en": "Panama", "type": "151",
        "gross_tonnage": "54005", "net_tonnage": "28100",
    },
    "master": {"family_name": "ZHANG", "given_name": "WEI", "nationality": "CHN"},
    "persons": {"crew": "22", "passengers": "0"},
    "cargo": {
        "description": "集装箱货物 Containerised general cargo, 512 containers", "discharged_t": "", "loaded_t": "6120.5",
        "transit_t": "18250",
    },
    "bound_for": {"code": "SGSIN", "name_zh": "新加坡", "name_en": "Singapore", "eta": "2015-10-29T22:00:00+00:00"},
    "departure": {"etd": "2015-10-23T12:00:00+00:00"},
    "agent": {"id": "O01", "name": "上海示范船舶代理有限公司"},
    "releases": [
        {
            "agency": agency, "name_zh": zh, "name_en": en, "at": f"2015-10-23T{at}:00+00:00", "reference": reference,
            "version": 2, "code": "REX",
        }
        for agency, zh, en, at, reference in (
            ("customs", "海关", "Customs", "07:10", "2225201500031"),
            ("inspection", "检验检疫", "Inspection and quarantine", "07:42", "310200115000771"),
            ("border", "边检", "Border inspection", "08:05", "SHBJ1510230019"),
            ("maritime", "海事", "Maritime safety", "08:29", "HS15102300012"),
        )
    ],
}  # fmt: skip


def keys_in(folder: Path) -> KeyRing:
    """A key ring with the one key that papers of RECORD's day are signed with."""
    keys = KeyRing(folder)
    keys.create(WINDOW, ECDSA_P256, ISSUED.replace(hour=0))
    return keys
