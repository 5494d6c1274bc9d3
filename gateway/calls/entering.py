"""How a filing comes into a ship's call: the call found or made, the step in order, before anything is stored and again under the
call's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.callerrors import CallCancelled, CallDeparted, CallOfAnother, StepFiledTwice, StepOutOfOrder
from declarations.errors import StorageUnavailable
from declarations.faults import Fault
from gateway import ids, tenancy
from gateway.calls import facts
from gateway.calls.tables import Step
from gateway.database.stores import calls
from gateway.database.types import AnyRow
from gateway.filing import Form
from gateway.identity import Caller

if TYPE_CHECKING:
    from gateway.wiring import Window

GONE = frozenset({"cancelled"})
"""Combined statuses of a filing that is there no more."""
NOT_FILED = GONE | {"rejected"}
"""Those of one that no later step can build on."""
GRANTED = frozenset({"released", "closed"})
ATTEMPTS = 3
HANDOVERS = "/api/v1/calls/handovers"


@dataclass(slots=True)
class Found:
    """Where a filing belongs: its call (None: it begins one, or stands alone), and what to tell the filer."""

    step: Step
    call: AnyRow | None
    alone: bool = False
    """It is taken, but joins no call: an emergency of a ship another agent has."""
    warnings: list[dict[str, Any]] = field(default_factory=list)


def has_calls(window: Window, form: Form) -> bool:
    """Whether filings of this form are steps of ships' calls."""
    return form.declaration.form in window.calls.forms


def look(connection: Connection, window: Window, caller: Caller, form: Form) -> Found:
    """Where this filing belongs as things are now. Raises CallOfAnother, CallDeparted, CallCancelled, StepOutOfOrder,
    StepFiledTwice."""
    step = window.calls.step(form.declaration.form, form.declaration.scope)
    parts = facts.parts(form.declaration)
    call = calls.live(connection, facts.live_key(form.declaration))
    if call is not None and not tenancy.holds(caller, call):
        if step.any_state:
            return Found(step, None, True, [_warning(window, "another")])
        raise CallOfAnother(
            "another agent has a live call of this ship, port and voyage; ask for a handover, or check the voyage number",
            "该船此航次由其他代理办理；可申请变更代理，或核对航次号",
            details={**parts, "handover_url": HANDOVERS},
        )
    if call is not None:
        found = Found(step, call)
        filings = calls.filings(connection, call.id)
        _require_order(window, form, caller, step, filings)
        found.warnings += _missing(window, form, step, filings)
    else:
        found = _none_live(connection, window, caller, form, step)
    found.warnings += _early(window, form, step)
    return found


def _none_live(connection: Connection, window: Window, caller: Caller, form: Form, step: Step) -> Found:
    last = calls.last_of(connection, caller.organisation_id, **facts.parts(form.declaration))
    if last is not None and last.state != calls.OPEN:
        if step.any_state:
            return Found(step, last)
        if not step.begins:
            raise _ended(last)
    elif not step.begins:
        raise StepOutOfOrder(
            f"there is no call of this ship, port and voyage yet that {step.name_en} could belong to",
            f"该船此航次尚无申报，不能先办理{step.name_zh}",
            details={"step": step.name, "after": " ".join(sorted(step.after))},
        )
    warnings = _missing(window, form, step, [])
    return Found(step, None, False, warnings if last is None else [*warnings, _warning(window, "again")])


def enter(connection: Connection, window: Window, caller: Caller, form: Form) -> Found:
    """The call of a filing that is being stored, found or made, and locked until this transaction has ended."""
    for _ in range(ATTEMPTS):
        found = look(connection, window, caller, form)
        if found.alone:
            return found
        known = found.call
        call = calls.make(connection, _new(caller, form)) if known is None else calls.lock(connection, known.id)
        # under the lock nobody changes it any more
        again = look(connection, window, caller, form)
        if call is not None and again.call is not None and again.call.id == call.id:
            return Found(again.step, call, False, found.warnings)
    raise StorageUnavailable("this call is being changed by others; try again", "该航次正由他人变更，请重试")


def _new(caller: Caller, form: Form) -> dict[str, Any]:
    parts = facts.parts(form.declaration)
    return {
        "id": ids.new_id(ids.CALL, form.at),
        "organisation_id": caller.organisation_id,
        "principal_id": caller.for_id,
        "form": form.declaration.form,
        "imo_number": parts["imo"],
        "call_sign": form.declaration.header.get(facts.CALL_SIGN, ""),
        "ship_name": facts.ship_name(form.declaration),
        "port": parts["port"],
        "voyage": parts["voyage"],
        "live_key": facts.live_key(form.declaration),
        "state": calls.OPEN,
        "facts": {},
        "filed_by": caller.name,
        "created_at": form.at,
        "updated_at": form.at,
    }


def _require_order(window: Window, form: Form, caller: Caller, step: Step, filings: Sequence[AnyRow]) -> None:
    there = [row for row in filings if row.status not in GONE]
    if not step.repeats:
        for row in there:
            # after a handover the new agent goes on where the old one's filing was never granted
            if row.scope == step.name and (tenancy.holds(caller, row) or row.status in GRANTED):
                raise StepFiledTwice(
                    f"{step.name_en} of this call is filed; correct it by a new version",
                    f"该航次的{step.name_zh}已申报，如需更正请提交新版本",
                    details={"step": step.name, "declaration_id": row.id, "call_id": row.call_id},
                )
    names = window.calls.forms[form.declaration.form]
    for row in there:
        if row.scope in step.excludes:
            raise StepOutOfOrder(
                f"{step.name_en} is not filed beside {names[row.scope].name_en}",
                f"已申报{names[row.scope].name_zh}，不能再申报{step.name_zh}",
                details={"step": step.name, "declaration_id": row.id, "call_id": row.call_id},
            )
    if step.after and not any(row.scope in step.after and row.status not in NOT_FILED for row in there):
        wanted = [each for name, each in names.items() if name in step.after]
        raise StepOutOfOrder(
            f"before {step.name_en} comes {' or '.join(each.name_en for each in wanted)}",
            f"办理{step.name_zh}之前须先申报{'或'.join(each.name_zh for each in wanted)}",
            details={"step": step.name, "after": " ".join(sorted(step.after))},
        )


def _missing(window: Window, form: Form, step: Step, filings: Sequence[AnyRow]) -> list[dict[str, Any]]:
    there = {row.scope for row in filings if row.status not in GONE}
    names = window.calls.forms[form.declaration.form]
    return [
        _warning(window, "expected", {"step": names[name].name_zh}, {"step": names[name].name_en})
        for name in names
        if name in step.expects and name not in there
    ]


def _early(window: Window, form: Form, step: Step) -> list[dict[str, Any]]:
    leaves = facts.moment(form.declaration.header.get("etd"))
    if step.early_hours is None or leaves is None or leaves - form.at <= timedelta(hours=step.early_hours):
        return []
    hours = {"hours": str(step.early_hours)}
    return [_warning(window, "early", hours, hours, "etd")]


def _warning(
    window: Window,
    code: str,
    zh: dict[str, str] | None = None,
    en: dict[str, str] | None = None,
    item: str | None = None,
) -> dict[str, Any]:
    said = window.calls.of("warning", code)
    texts = said.next_zh.format(**(zh or {})), said.next_en.format(**(en or {}))
    return Fault(f"call_{code}", item, f"/{item}" if item else "", None, *texts, None, "warning").as_dict()


def _ended(call: AnyRow) -> CallDeparted | CallCancelled:
    details = {"call_id": call.id, "call_url": f"/api/v1/calls/{call.id}"}
    if call.state == calls.DEPARTED:
        return CallDeparted(
            "the ship has sailed: this call takes no more filings", "船舶已离港，该航次不再受理申报", details=details
        )
    return CallCancelled(
        "this call was cancelled: it takes no more filings", "该航次已取消，不再受理申报", details=details
    )
