"""What a filing says of its ship's call: who, where, when. Names of the dictionary's items the window itself looks at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from declarations.dateforms import SHANGHAI, DateForms
from declarations.form import Declaration

IMO, PORT, VOYAGE = "ship_imo_number", "port_of_call_code", "voyage_id"
"""By these a call is known."""
CALL_SIGN = "ship_call_sign"
NAMES = ("ship_name_en", "ship_name_zh")
OFFICE = "maritime_office_code"
MOMENTS = ("eta", "etd", "ata", "atd")
"""Items with a column of the call's of the same name."""
BERTH = "berth_code"
ACTUAL_DEPARTURE = "atd"
LOCAL = DateForms("yyyyMMddHHmm", SHANGHAI)


def live_key(declaration: Declaration) -> str:
    """Ship, port and voyage as one text; none of the three can hold the bar."""
    return "|".join(declaration.header.get(item, "").strip().upper() for item in (IMO, PORT, VOYAGE))


def parts(declaration: Declaration) -> dict[str, str]:
    """imo, port, voyage."""
    imo, port, voyage = live_key(declaration).split("|", 2)
    return {"imo": imo, "port": port, "voyage": voyage}


def told(declaration: Declaration, items: list[str]) -> dict[str, str]:
    """Those of the items that the filing gives."""
    return {item: declaration.header[item] for item in items if item in declaration.header}


def moment(text: str | None) -> datetime | None:
    """A local time as typed, aware; None where there is none that can be read."""
    if not text:
        return None
    try:
        return LOCAL.read(text)
    except ValueError:
        return None


def columns(facts: dict[str, str]) -> dict[str, Any]:
    """The call's columns that repeat what is known."""
    found: dict[str, Any] = {item: moment(facts.get(item)) for item in MOMENTS}
    return {**found, "berth": facts.get(BERTH)}


def ship_name(declaration: Declaration) -> str:
    """As it is searched for."""
    return next((declaration.header[name].upper() for name in NAMES if name in declaration.header), "")
