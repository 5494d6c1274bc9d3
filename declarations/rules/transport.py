"""Rules of transport: documents, offices, countries, and what this form is not for (transit)."""

from __future__ import annotations

import re

from declarations.codelists import Code
from declarations.form import Declaration
from declarations.rules.rule import CONTEXT, DECLARATION, Finding, RuleContext, known, rule
from declarations.rules.semantics import EXPORT, IMPORT

BORDER = "border"
"""kind attribute of the transport modes that cross the border (CL_TRANSPORT_MODE)."""
_SEA_BILL = re.compile(r"[^\s*]+(\*[^\s*]+)?")
_AIR_WAYBILL = re.compile(r"([0-9]{11})(_[^\s_*]+)?")


def waybill_check_digit(serial: str) -> str:
    """The last digit of an air waybill: its seven serial digits modulo 7 (IATA resolution 600a)."""
    return str(int(serial) % 7)


@rule("R-TRN-01", "transport_mode_code", "transport_document_id", CONTEXT)
def transport_document_is_well_formed(mode: str, document: str, context: RuleContext) -> bool | Finding:
    """By table: a sea bill is main or main*house; an air waybill 11 digits with check digit, or main_house."""
    kind = context.tables.transport_documents.get(mode)
    if kind == "sea":
        return _SEA_BILL.fullmatch(document) is not None
    if kind != "air":
        return True
    found = _AIR_WAYBILL.fullmatch(document)
    if found is None:
        return Finding(value=document, words="air")
    check = waybill_check_digit(found[1][3:10])
    return found[1][10] == check or Finding(value=document, words="check", check=check)


@rule("R-TRN-02", known("border_customs_office_code"), known("transport_mode_code"))
def office_serves_the_mode(office: Code, mode: Code) -> Finding | None:
    """By table: an office at a port or an airport serves only its modes; an office without entry is not checked."""
    served = office.attributes["transport_modes"]
    if not served or mode.attributes["kind"] != BORDER or mode.code in served:
        return None
    return Finding(value=office.code, office=(office.name_zh, office.name_en), mode=(mode.name_zh, mode.name_en))


@rule(
    "R-TRN-03",
    "trade_direction_code",
    known("transport_mode_code"),
    "departure_destination_country_code",
    known("trade_mode_code"),
    CONTEXT,
)
def country_is_abroad(
    direction: str, mode: Code, country: str, trade_mode: Code, context: RuleContext
) -> bool | Finding:
    """Goods that cross the border come from or go to another country; returned goods may come from home."""
    if mode.attributes["kind"] != BORDER or country != context.tables.settings["home_country"]:
        return True
    home, item = context.code_name("CL_COUNTRY", country), "departure_destination_country_code"
    if direction == IMPORT:
        return trade_mode.attributes["returned"] == "yes" or Finding(value=country, words="departure", country=home)
    return Finding(item, value=country, country=home)


@rule("R-TRN-03", "final_destination_country_code", "trade_direction_code", known("transport_mode_code"), CONTEXT)
def exports_end_abroad(destination: str, direction: str, mode: Code, context: RuleContext) -> bool | Finding:
    """The final destination of an export is another country."""
    if (
        destination != context.tables.settings["home_country"]
        or direction != EXPORT
        or mode.attributes["kind"] != BORDER
    ):
        return True
    return Finding(value=destination, country=context.code_name("CL_COUNTRY", destination))


@rule("R-TRN-04", "transit_destination_port_code", known("departure_destination_country_code"))
def port_is_in_the_country(port: str, country: Code) -> Finding | None:
    """The port's country (first two letters of its UN/LOCODE) is mostly the country of departure or arrival."""
    if not country.attributes["alpha2"] or port[:2] == country.attributes["alpha2"]:
        return None
    return Finding(value=port, country=(country.name_zh, country.name_en))


@rule("R-TRN-05", DECLARATION, CONTEXT)
def transit_is_refused(declaration: Declaration, context: RuleContext) -> list[Finding] | None:
    """Transit (转关, 过境) uses other messages: by table, values that mean it are refused, never accepted silently."""
    found = []
    for item, values in context.tables.transit.items():
        group = context.form.items[item].group
        for row in declaration.rows(group) if group else [declaration.header]:
            if row.get(item) in values:
                found.append(Finding(item, row, row[item]))
    return found or None


@rule("R-TRN-05", "final_destination_country_code", "trade_direction_code", CONTEXT)
def imports_end_at_home(destination: str, direction: str, context: RuleContext) -> Finding | None:
    """An import whose final destination is another country may be transit (过境): a warning, for nobody can be sure."""
    if direction != IMPORT or destination == context.tables.settings["home_country"]:
        return None
    home = context.code_name("CL_COUNTRY", context.tables.settings["home_country"])
    return Finding(value=destination, words="through", country=home)
