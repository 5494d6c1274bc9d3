"""Correction: what a corrected version may change, and which of its messages have to be sent.

Sent are legs that were rejected, withdrawn or never sent, and legs whose message differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.errors import InvalidDeclaration, MoveNotAllowed
from declarations.routing import Leg
from declarations.split import render
from declarations.status import DONE, LegStatus
from gateway.database.stores import calls, declarations, inbox, messages
from gateway.database.types import AnyRow
from gateway.filing import Form, Made, leg_of
from gateway.standing import combined_of, legs_of

if TYPE_CHECKING:
    from gateway.wiring import Window

REFILED = frozenset({"rejected", "cancelled"})
"""States of a leg after which its agency expects a new message."""
RESENT = frozenset({"correct_form", "upload_papers"})
"""Obligations that are met by sending the message again."""
UNSENT = frozenset({"waiting", "queued", "withdrawn", "parked"})
"""Deliveries of a message that its agency surely does not have."""


def require_same_filing(before: AnyRow, form: Form) -> None:
    """Raises MoveNotAllowed for a correction of another form or step, under another reference or in the other direction."""
    if form.declaration.form != before.form or (form.dictionary.stepwise and form.declaration.scope != before.scope):
        raise MoveNotAllowed("a correction is of the same form and step", "更正须为同一种申报、同一环节")
    if form.reference != before.reference:
        raise MoveNotAllowed(
            f"a correction keeps its reference {before.reference}; file another reference as a new declaration",
            f"更正须沿用原编号 {before.reference}；新编号请另行申报",
        )
    if form.direction != before.direction:
        raise MoveNotAllowed("a correction keeps its direction of trade", "更正不得改变进出口方向")


def decide(connection: Connection, window: Window, declaration: AnyRow, form: Form, made: Made) -> Made:
    """Which of the new messages have to be sent. Raises MoveNotAllowed when nothing asks for a new version."""
    rows = messages.current(connection, declaration.id)
    answers = inbox.answers_in_force(connection, declaration.id)
    legs = legs_of(window, declaration.form, rows, answers)
    combined = combined_of(window, declaration.form, rows, legs)
    in_vain = any(step.kind == "waiting_in_vain" for step in combined.next_steps)
    voided = calls.voided_agencies(connection, declaration.id) if declaration.call_id else frozenset()
    if not in_vain and not voided and not any(_asks_again(leg) or leg.state == "withdrawn" for leg in legs.values()):
        raise MoveNotAllowed(
            "no agency has returned this filing and nothing of it was withdrawn, so there is nothing to correct yet",
            "没有机构退单，也没有撤回的报文，目前不能提交更正",
        )
    left_out = [row for row in rows if row.agency not in {each["agency"] for each in made.messages}]
    for row in left_out:
        if legs[row.agency].state not in REFILED and row.delivery not in UNSENT:
            raise MoveNotAllowed(
                f"{row.agency} has this filing already and cannot be left out of its correction",
                f"{legs[row.agency].agency_zh}已收到该申报，更正不能不再包含该机构",
            )
    in_force = {row.agency: row for row in rows}
    fresh = Made()
    for new in made.messages:
        old = in_force.get(new["agency"])
        again = old is None or _asks_again(legs[old.agency]) or old.delivery in UNSENT or old.agency in voided
        if not again and unchanged(connection, window, old, form):
            continue
        # a ship's circumstances changed: whoever was told something else is asked again, whatever he released
        if not again and not voided and legs[new["agency"]].state in DONE:
            leg = legs[new["agency"]]
            raise MoveNotAllowed(
                f"{leg.agency_en} has released this filing, and the correction changes what {leg.agency_en} was told: "
                "that is an amendment to be asked of the agency, not a new filing; correct only what the other agency gets",
                f"{leg.agency_zh}已放行，而更正改动了向其申报的内容：这属于修改申请（修撤单），须向该机构提出，不能重新申报；"
                "请只更正另一机构的数据项",
            )
        fresh.messages.append(new)
        if new["id"] in made.bodies:
            fresh.bodies[new["id"]] = made.bodies[new["id"]]
    return fresh


def _asks_again(leg: LegStatus) -> bool:
    """Whether the agency expects a new message."""
    return leg.state in REFILED or any(owed.kind in RESENT for owed in leg.obligations)


def unchanged(connection: Connection, window: Window, old: Any, form: Form) -> bool:
    """Whether the corrected form gives the very bytes that were sent, under the tables and filing values of then."""
    kept = messages.body(connection, old.id)
    if kept is None:
        return False
    version = declarations.version(connection, old.declaration_id, old.version)
    rulebook = window.rulebook_of(connection, old.bundle_digest)
    leg: Leg = leg_of(old)
    accepted_on = rulebook.context(version.accepted_at, version.profile).accepted_on
    try:
        return render(rulebook, leg, form.declaration, old.filing, accepted_on) == bytes(kept.body)
    except InvalidDeclaration:
        return False
