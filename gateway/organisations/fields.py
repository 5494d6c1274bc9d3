"""What people type about organisations and themselves, judged field by field: every fault at once, each at its own field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from declarations import registration
from declarations.errors import BadRequest
from declarations.faults import Fault
from declarations.registration import Wrong

if TYPE_CHECKING:
    from gateway.wiring import Window

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_SHAPES: dict[str, tuple[Callable[[str], Wrong | None], str, str]] = {
    "social_credit_code": (
        registration.social_credit_code,
        "应为 18 位数字或大写字母（不含 I、O、S、V、Z）",
        "18 digits or capital letters without I, O, S, V, Z",
    ),
    "customs_registration_id": (
        registration.customs_registration_id,
        "应为 10 位：前 4 位为数字，后 6 位为数字或大写字母",
        "10 characters: 4 digits, then 6 digits or capital letters",
    ),
    "inspection_registration_id": (registration.inspection_registration_id, "应为 10 位数字", "10 digits"),
}
"""Number -> how it is judged, and its form in words."""


def fault(pointer: str, zh: str, en: str, code: str = "bad_parameter") -> Fault:
    return Fault(code, None, pointer, None, zh, en)


def refuse(faults: Sequence[Fault]) -> NoReturn:
    """Raises BadRequest with all of them."""
    en = "; ".join(f"{each.pointer}: {each.message_en}" for each in faults)
    zh = "；".join(f"{each.pointer}：{each.message_zh}" for each in faults)
    raise BadRequest(en, zh, faults=faults)


def text_faults(pointer: str, value: str | None, *, required: bool = False) -> list[Fault]:
    """Of a name or an address: something to read, in one line."""
    if value is None or not value.strip():
        return [fault(pointer, "必填", "required")] if required else []
    # a name that turns the reading direction, or holds line breaks, shows something else than it is
    if value != value.strip() or any(
        unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for sign in value
    ):
        return [
            fault(
                pointer, "不得含首尾空格、换行或控制字符", "no blanks at its ends, no line breaks or control characters"
            )
        ]
    return []


def email_faults(pointer: str, value: str | None, *, required: bool = False) -> list[Fault]:
    if value is None:
        return [fault(pointer, "必填", "required")] if required else []
    return [] if _EMAIL.fullmatch(value) else [fault(pointer, "不是电子邮箱地址", "this is no e-mail address")]


def number_faults(pointer: str, field: str, value: str | None) -> list[Fault]:
    """Of a number that enterprises are registered under: its structure, and its check digit where it has one."""
    if value is None:
        return []
    judge, zh, en = _SHAPES[field]
    wrong = judge(value)
    if wrong is None:
        return []
    if wrong is Wrong.FORM:
        return [fault(pointer, zh, en, "wrong_form")]
    return [
        fault(
            pointer,
            "校验位不正确，请与证照核对",
            "the check digit is wrong; compare it with the licence",
            "wrong_check_digit",
        )
    ]


def roles_faults(window: Window, kinds: str, roles: Sequence[str]) -> list[Fault]:
    """Of roles that an organisation of these kinds gives to one of its people."""
    if not roles:
        return [fault("/roles", "至少一个角色", "at least one role")]
    return [
        fault(f"/roles/{place}", f"该单位没有角色 {role}", f"organisations of this kind have no role {role!r}")
        for place, role in enumerate(roles)
        if role not in window.access.roles or not window.access.roles[role].organisations & set(kinds.split())
    ]


def kinds_faults(pointer: str, kinds: Sequence[str], allowed: Collection[str]) -> list[Fault]:
    """Of what an organisation says it is."""
    if not kinds:
        return [fault(pointer, "至少一种单位类型", "at least one kind of organisation")]
    return [
        fault(f"{pointer}/{place}", f"不能登记为 {kind}", f"{kind!r} is none of {', '.join(sorted(allowed))}")
        for place, kind in enumerate(kinds)
        if kind not in allowed
    ]


def joined(values: Iterable[str]) -> str:
    """As a column keeps them: each once, blanks between."""
    return " ".join(dict.fromkeys(values))
