"""Numbers that enterprises are registered under: their structure and check digits, as pure functions.

Unified social credit code (统一社会信用代码): GB 32100-2015. Customs registration (海关注册编码): ten characters, which are
region (4 digits), economic zone, enterprise nature and serial (海关报关单位注册登记管理规定, 2014). Inspection registration
(报检单位登记号): ten digits.
"""

from __future__ import annotations

import re
from enum import Enum

USCC_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Signs of a unified social credit code in the order of their values 0 to 30 (GB 32100-2015: no I O S V Z)."""
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
"""3 to the power of the position, modulo 31 (GB 32100-2015)."""
_USCC = re.compile(f"[{USCC_SIGNS}]{{18}}")
_CUSTOMS_ID = re.compile(r"[0-9]{4}[0-9A-Z]{6}")
_INSPECTION_ID = re.compile(r"[0-9]{10}")


class Wrong(Enum):
    """What is wrong with a number."""

    FORM = "form"
    """It cannot be one: too short, too long, or with signs it does not have."""
    CHECK = "check"
    """It has the right form; its check digit says that a sign is wrong or two changed places."""


def uscc_check_sign(first_seventeen: str) -> str:
    """The 18th sign of a unified social credit code (GB 32100-2015)."""
    total = sum(USCC_SIGNS.index(sign) * weight for sign, weight in zip(first_seventeen, USCC_WEIGHTS, strict=True))
    return USCC_SIGNS[(31 - total % 31) % 31]


def social_credit_code(code: str) -> Wrong | None:
    """Registering authority and kind (2), region (6 digits), organisation code (9), check sign."""
    if _USCC.fullmatch(code) is None:
        return Wrong.FORM
    return None if code[17] == uscc_check_sign(code[:17]) else Wrong.CHECK


def customs_registration_id(number: str) -> Wrong | None:
    """It has no check digit: only its structure can be told."""
    return None if _CUSTOMS_ID.fullmatch(number) else Wrong.FORM


def inspection_registration_id(number: str) -> Wrong | None:
    """It has no check digit: only its structure can be told."""
    return None if _INSPECTION_ID.fullmatch(number) else Wrong.FORM
