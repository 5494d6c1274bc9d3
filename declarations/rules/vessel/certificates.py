"""Rules of the ship's certificates. (That they are valid at departure is a table: R-DAT-11.)"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from declarations.codelists import Code
from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, known, optional, rows
from declarations.rules.vessel.tables import Context, vessel_rule


@vessel_rule("R-CRT-01", rows("ship_certificates", "certificate_type_code", "certificate_number"))
def certificates_stand_once(certificates: Sequence[Row]) -> list[Finding] | None:
    """No certificate is listed twice."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for position, row in enumerate(certificates, 1):
        key = (row.get("certificate_type_code", ""), row.get("certificate_number", ""))
        if all(key) and seen.setdefault(key, position) != position:
            found.append(Finding("certificate_number", row, key[1], first=seen[key]))
    return found or None


@vessel_rule("R-CRT-02", "sanitation_certificate_issue_date", "eta", CONTEXT)
def sanitation_certificate_holds(issued: date, eta: datetime, context: Context) -> bool | Finding:
    """A ship sanitation certificate holds six months (IHR Art. 39); after that she is inspected."""
    months = context.tables.numbers["sanitation_months"]
    ends = after_months(issued, months)
    return eta.date() <= ends or Finding("sanitation_certificate_issue_date", value=issued, months=months, ends=ends)


@vessel_rule(
    "R-CRT-03",
    "gross_tonnage",
    optional("ship_type_code"),
    rows("ship_certificates", "certificate_type_code"),
    ROW,
    CONTEXT,
)
def needed_certificates_are_listed(
    gross: Decimal, ship_type: str | None, certificates: Sequence[Row], header: Row, context: Context
) -> list[Finding] | None:
    """Certificates that ships of this type and size carry are in the list (table of certificates)."""
    if not certificates:
        return None
    listed = {row.get("certificate_type_code") for row in certificates}
    code_list = context.form.items["certificate_type_code"].code_list
    found = []
    for need in context.tables.certificates:
        concerned = not need.ship_types or (ship_type or "").startswith(need.ship_types)
        if concerned and gross >= need.lowest and need.certificate_type not in listed and need.item not in header:
            name = context.code_name(code_list, need.certificate_type)
            found.append(Finding(group="ship_certificates", value=gross, certificate=name))
    return found or None


@vessel_rule(
    "R-CRT-04",
    "bunker_certificate_number",
    rows("ship_certificates", "certificate_type_code", "certificate_number"),
    CONTEXT,
)
def bunker_certificate_is_the_listed_one(number: str, certificates: Sequence[Row], context: Context) -> bool | Finding:
    """The bunker certificate named in the form is the one in the list."""
    types = {need.certificate_type for need in context.tables.certificates if need.item == "bunker_certificate_number"}
    listed = [row.get("certificate_number") for row in certificates if row.get("certificate_type_code") in types]
    return not listed or number in listed or Finding("bunker_certificate_number", value=number, listed=listed[0])


@vessel_rule(
    "R-SEC-03",
    optional("gross_tonnage"),
    optional("issc_number"),
    optional("issc_absence_reason"),
    optional("security_plan_indicator"),
    CONTEXT,
)
def security_certificate_or_reason(
    gross: Decimal | None, number: str | None, reason: str | None, plan: str | None, context: Context
) -> list[Finding] | None:
    """A ship of 500 gross tonnage or more has an ISSC or says why not, and has a security plan (SOLAS XI-2, ISPS A/19)."""
    if gross is None or gross < context.tables.numbers["security_gross_tonnage"]:
        return None
    found = []
    if number is not None and reason is not None:
        found.append(Finding("issc_absence_reason", value=number))
    if plan == "0":
        found.append(Finding("security_plan_indicator", value=plan, words="plan"))
    return found or None


@vessel_rule("R-SEC-04", "current_security_level_code", optional("security_other_matters"))
def higher_level_is_explained(level: str, other: str | None) -> bool | Finding:
    """A ship at security level 2 or 3 says what is the matter: the port answers with its own measures."""
    return level not in ("2", "3") or other is not None or Finding("current_security_level_code", value=level)


@vessel_rule("R-CRT-05", known("certificate_type_code"), optional("certificate_expiry_date"), ROW)
def terms_are_given(certificate: Code, expiry: date | None, row: Row) -> bool | Finding:
    """A certificate says when it expires, unless its kind does not (code list: `expires` no)."""
    if expiry is not None or certificate.attributes.get("expires") == "no":
        return True
    return Finding("certificate_expiry_date", row, certificate=(certificate.name_zh, certificate.name_en))


def after_months(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
