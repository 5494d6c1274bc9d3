"""What an offered mandate (电子委托) may say: its two sides and its limits, each fault at its field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NoReturn

from sqlalchemy import Connection

from declarations.errors import BadRequest
from declarations.faults import Fault
from gateway.database.stores import mandates
from gateway.identity import Caller
from gateway.mandates import today

if TYPE_CHECKING:
    from gateway.wiring import Window


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered: one of `principal` and `agent` names the other side, by id or social credit code; empty lists limit
    nothing; both days are included, as Shanghai counts them."""

    principal: str | None
    agent: str | None
    forms: Sequence[str]
    directions: Sequence[str]
    offices: Sequence[str]
    valid_from: date
    valid_until: date


def joined(values: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(values))


def sides(connection: Connection, window: Window, caller: Caller, wish: Offer, faults: list[Fault]) -> dict[str, str]:
    """Both sides' ids, by the column's name; raises BadRequest with these and all other faults."""
    found = list(faults)
    given = {name: named for name in ("principal", "agent") if (named := getattr(wish, name)) is not None}
    if len(given) != 1:
        found.append(
            _fault("agent", "principal 与 agent 只填对方一项", "name the other side, as principal or as agent")
        )
        _refuse(found)
    [(name, named)] = given.items()
    other = mandates.organisation_named(connection, named)
    if other is None:
        found.append(_fault(name, "没有该单位", "there is no such organisation here"))
    elif other.id == caller.organisation_id:
        found.append(_fault(name, "不能委托本单位", "an organisation needs no mandate from itself"))
    own = mandates.organisation_named(connection, caller.organisation_id)
    placed = {name: other, "agent" if name == "principal" else "principal": own}
    for side, row in placed.items():
        if row is not None and not window.mandates.kinds[side] & set(row.kinds.split()):
            kinds = ", ".join(sorted(window.mandates.kinds[side]))
            found.append(
                _fault(
                    name,
                    f"该单位类型不能作为{window.mandates.names_zh[side]}",
                    f"the {side} of a mandate must be one of {kinds}",
                )
            )
    if found or other is None:
        _refuse(found)
    return {f"{name}_id": other.id, f"{'agent' if name == 'principal' else 'principal'}_id": caller.organisation_id}


def scope_faults(window: Window, wish: Offer) -> list[Fault]:
    """What is wrong with the limits: forms, codes and days that are none."""
    faults = []
    rulebook = window.rulebook
    forms = [form for form in wish.forms if form in rulebook.forms]
    faults += [
        _fault(f"forms/{place}", f"没有表单 {form}", f"there is no form {form!r}")
        for place, form in enumerate(wish.forms)
        if form not in rulebook.forms
    ]
    for name, item in (("directions", "direction_item"), ("offices", "office_item")):
        limited = [rulebook.forms[form] for form in forms or rulebook.forms]
        lists = [rulebook.codes.lists[form.items[getattr(form, item)].code_list] for form in limited]
        faults += [
            _fault(f"{name}/{place}", f"代码表中没有 {code}", f"{code!r} is not in its code list")
            for place, code in enumerate(getattr(wish, name))
            if not any(each.get(code, today(window)) for each in lists)
        ]
    if wish.valid_until < wish.valid_from:
        faults.append(_fault("valid_until", "截止日期早于起始日期", "the last day is before the first"))
    elif wish.valid_until < today(window):
        faults.append(_fault("valid_until", "截止日期已过", "the last day is past"))
    return faults


def _fault(pointer: str, zh: str, en: str) -> Fault:
    return Fault("bad_parameter", None, f"/{pointer}", None, zh, en)


def _refuse(faults: list[Fault]) -> NoReturn:
    en = "; ".join(f"{fault.pointer}: {fault.message_en}" for fault in faults)
    zh = "；".join(f"{fault.pointer}：{fault.message_zh}" for fault in faults)
    raise BadRequest(en, zh, faults=faults)
