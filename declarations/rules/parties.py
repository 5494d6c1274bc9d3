"""Rules of the parties' numbers: social credit codes, customs and inspection registrations."""

from __future__ import annotations

import re

from declarations.registration import USCC_SIGNS, uscc_check_sign
from declarations.rules.rule import CONTEXT, Finding, RuleContext, optional, rule
from declarations.rules.values import digits

_USCC = re.compile(f"[{USCC_SIGNS}]{{18}}")
_CUSTOMS_ID = re.compile(r"[0-9]{4}[0-9A-Z]{6}")
_OWNER_ID = re.compile(r"[0-9]{4}[0-9A-Z]{6}|[0-9A-Z]{9}|NO")


@rule("R-PTY-01", "domestic_trader_uscc")
def social_credit_code_checks(code: str) -> bool | Finding:
    """A unified social credit code has 18 signs and the right check sign (GB 32100-2015)."""
    if not _USCC.fullmatch(code):
        return Finding(words="form")
    return code[17] == uscc_check_sign(code[:17])


@rule("R-PTY-02", optional("domestic_trader_customs_id"), optional("declarant_customs_id"), CONTEXT)
def customs_ids_are_well_formed(
    trader: str | None, declarant: str | None, context: RuleContext
) -> list[Finding] | None:
    """10 characters: region (4 digits), zone type, enterprise nature, serial; a broker's nature is for declarants only."""
    found = []
    for item, role, value in (
        ("domestic_trader_customs_id", "domestic_trader", trader),
        ("declarant_customs_id", "declarant", declarant),
    ):
        if value is None:
            continue
        if not _CUSTOMS_ID.fullmatch(value):
            found.append(Finding(item, value=value))
        elif not _may_be(value, role, context):
            found.append(Finding(item, value=value, words="nature", nature=value[5]))
    return found or None


def _may_be(customs_id: str, role: str, context: RuleContext) -> bool:
    """Whether the table lets an enterprise of this nature (6th character) stand in this role; no row, no check."""
    roles = context.tables.natures.get(customs_id[5])
    return roles is None or roles[role]


@rule("R-PTY-03", "owner_customs_id", CONTEXT)
def owner_id_is_well_formed(owner: str, context: RuleContext) -> bool | Finding:
    """A customs id (10), an organisation code (9), or NO."""
    if not _OWNER_ID.fullmatch(owner):
        return False
    if len(owner) == 10 and not _may_be(owner, "owner", context):
        return Finding(words="nature", nature=owner[5])
    return True


@rule("R-PTY-04", optional("declarant_inspection_id"), optional("domestic_trader_inspection_id"))
def inspection_ids_are_well_formed(declarant: str | None, trader: str | None) -> list[Finding] | None:
    """Registrations with inspection have 10 digits."""
    given = (("declarant_inspection_id", declarant), ("domestic_trader_inspection_id", trader))
    return [Finding(item, value=value) for item, value in given if value is not None and not digits(value, 10)] or None
