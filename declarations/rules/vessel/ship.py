"""Rules of the ship's identity and particulars."""

from __future__ import annotations

import re
from decimal import Decimal

from declarations.registration import Wrong
from declarations.rules.rule import CONTEXT, Finding, optional
from declarations.rules.vessel.tables import Context, vessel_rule
from declarations.shipnumbers import imo_company_number, imo_ship_number, ship_check_digit, ship_station_mmsi

_CUSTOMS_ID = re.compile(r"(UN(?P<imo>[0-9]{7})|CN[0-9]{7})(/[0-9]{4})?")
_LOCAL_ID = re.compile(r"CN[0-9]{11}")
_CALL_SIGN = re.compile(r"[A-Z0-9]{4,7}")


@vessel_rule("R-SHP-01", "ship_imo_number")
def imo_number_checks(number: str) -> bool | Finding:
    """Seven digits, the last a check digit (IMO A.1117(30)); it does not prove that the ship exists."""
    wrong = imo_ship_number(number)
    if wrong is Wrong.FORM:
        return Finding(words="form")
    return wrong is None or Finding(value=number, check=ship_check_digit(number[:6]))


@vessel_rule("R-SHP-02", "ship_customs_id", optional("ship_imo_number"))
def customs_id_names_the_ship(customs_id: str, imo: str | None) -> bool | Finding:
    """`UN` and the IMO number, or `CN` and 7 digits, and perhaps `/` and the customs district (filling rules of ships)."""
    found = _CUSTOMS_ID.fullmatch(customs_id)
    if found is None:
        return Finding(words="form")
    return found["imo"] is None or imo is None or found["imo"] == imo or Finding(value=customs_id, imo=imo)


@vessel_rule("R-SHP-03", "ship_call_sign", optional("ship_flag_state_code"), CONTEXT)
def call_sign_fits_the_flag(call_sign: str, flag: str | None, context: Context) -> bool | Finding:
    """4 to 7 capital letters and digits that begin with one of the flag State's series (ITU)."""
    if not _CALL_SIGN.fullmatch(call_sign):
        return Finding(words="form")
    known = context.tables.flags.get(flag or "")
    if known is None or any(low <= call_sign[: len(low)] <= high for low, high in known.call_signs):
        return True
    return Finding(
        value=call_sign, flag=context.code_name(context.form.items["ship_flag_state_code"].code_list, flag or "")
    )


@vessel_rule("R-SHP-04", "ship_mmsi_number", optional("ship_flag_state_code"), CONTEXT)
def mmsi_fits_the_flag(mmsi: int, flag: str | None, context: Context) -> bool | Finding:
    """Nine digits, the first three those of the flag State (ITU); it has no check digit."""
    number = str(mmsi)
    if ship_station_mmsi(number) is not None:
        return Finding(words="form", severity="error")
    known = context.tables.flags.get(flag or "")
    if known is None or number[:3] in known.mid:
        return True
    name = context.code_name(context.form.items["ship_flag_state_code"].code_list, flag or "")
    return Finding(value=number, flag=name, mid=number[:3])


@vessel_rule("R-SHP-05", "net_tonnage", "gross_tonnage")
def net_within_gross(net: Decimal, gross: Decimal) -> bool | Finding:
    """Net tonnage is not more than gross tonnage (1969 tonnage convention)."""
    return net <= gross or Finding("net_tonnage", value=net, gross=gross)


@vessel_rule("R-SHP-06", optional("owner_imo_number"), optional("company_imo_number"))
def company_numbers_check(owner: str | None, company: str | None) -> list[Finding] | None:
    """Numbers of the registered owner and the company: seven digits with their own check digit (MSC.160(78))."""
    given = (("owner_imo_number", owner), ("company_imo_number", company))
    wrong = [(item, number) for item, number in given if number is not None and imo_company_number(number) is not None]
    return [Finding(item, value=number) for item, number in wrong] or None


@vessel_rule("R-SHP-07", "length_overall", "breadth")
def longer_than_broad(length: Decimal, breadth: Decimal) -> bool | Finding:
    """A ship is longer than broad."""
    return breadth < length or Finding("breadth", value=breadth, other=length)


@vessel_rule("R-SHP-07", "moulded_depth", "summer_draught")
def draught_within_depth(depth: Decimal, draught: Decimal) -> bool | Finding:
    """A ship does not lie deeper than she is high."""
    return draught <= depth or Finding("summer_draught", value=draught, other=depth)


@vessel_rule("R-SHP-08", "ship_local_id")
def local_id_is_well_formed(number: str) -> bool:
    """The China ship identification number: CN and 11 digits."""
    return _LOCAL_ID.fullmatch(number) is not None


@vessel_rule("R-SHP-09", optional("draught_forward"), optional("draught_aft"), "summer_draught")
def draughts_within_the_load_line(
    forward: Decimal | None, aft: Decimal | None, summer: Decimal
) -> list[Finding] | None:
    """She does not lie deeper than her summer load line: the mean of both draughts counts (Load Lines Convention)."""
    if forward is None or aft is None or (forward + aft) / 2 <= summer:
        return None
    deeper = "draught_forward" if forward > aft else "draught_aft"
    return [Finding(deeper, value=max(forward, aft), summer=summer)]
