"""Rules of the parties' numbers."""

from __future__ import annotations

from declarations.form import Row
from declarations.registration import (
    Wrong,
    customs_registration_id,
    inspection_registration_id,
    social_credit_code,
)
from declarations.rules.rule import ROW, Finding, optional
from declarations.rules.vessel.tables import vessel_rule

USCC_LENGTH = 18


@vessel_rule("R-PTY-11", "agent_code")
def agent_code_checks(code: str) -> bool | Finding:
    """The agent is a Chinese enterprise: its unified social credit code has 18 signs and the right check sign (GB 32100)."""
    wrong = social_credit_code(code)
    return wrong is None or Finding(value=code, words="form" if wrong is Wrong.FORM else "")


@vessel_rule("R-PTY-12", optional("operator_code"), optional("terminal_operator_code"))
def other_codes_check(operator: str | None, terminal: str | None) -> list[Finding] | None:
    """Operators may be foreign; a code of 18 signs is a social credit code and has to check."""
    given = (("operator_code", operator), ("terminal_operator_code", terminal))
    found = [
        Finding(item, value=code)
        for item, code in given
        if code is not None and len(code) == USCC_LENGTH and social_credit_code(code) is not None
    ]
    return found or None


@vessel_rule("R-PTY-12", "supply_company_code", ROW)
def supplier_code_checks(code: str, row: Row) -> bool | Finding:
    """Who supplies a ship here is a Chinese enterprise."""
    return social_credit_code(code) is None or Finding("supply_company_code", row, code)


@vessel_rule("R-PTY-13", optional("agent_customs_code"), optional("agent_inspection_code"))
def registrations_are_well_formed(customs: str | None, inspection: str | None) -> list[Finding] | None:
    """Registrations of the agent: ten characters with customs, ten digits with inspection."""
    found = []
    if customs is not None and customs_registration_id(customs) is not None:
        found.append(Finding("agent_customs_code", value=customs))
    if inspection is not None and inspection_registration_id(inspection) is not None:
        found.append(Finding("agent_inspection_code", value=inspection))
    return found or None
