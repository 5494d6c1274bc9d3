"""How a declaration is shown: dictionaries for JSON, every state in words, every fault at the trader's own field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from declarations.checking import read_form
from declarations.explain import item_of
from declarations.form import Declaration
from declarations.rulebook import Rulebook
from declarations.status import LegStatus
from gateway import finding, tenancy
from gateway.database.stores import declarations, inbox, mandates, messages, outbox, search
from gateway.database.types import AnyRow
from gateway.identity import Caller
from gateway.journal import ACTS, OPERATOR, WINDOW
from gateway.standing import NUMBERS, combined_of, legs_of

if TYPE_CHECKING:
    from gateway.wiring import Window

TECHNICAL = frozenset({"zh", "en", "sha256"})
"""Details of an act that are for operators, for they may tell internal addresses, and for evidence."""
SPOKEN = frozenset({"rejected", "not_passed", "held"})
"""States whose answers speak of the form or the goods: their words are shown as faults, at the field where they name one."""


class Pinned:
    """A message with the form and the tables it was made from."""

    def __init__(self, connection: Connection, window: Window, message: AnyRow) -> None:
        version = declarations.version(connection, message.declaration_id, message.version)
        filed = declarations.get(connection, message.declaration_id)
        assert filed is not None
        self.rulebook: Rulebook = window.rulebook_of(connection, message.bundle_digest)
        self.form: Declaration = read_form(self.rulebook, version.body, version.media_type)
        self.accepted_on = self.rulebook.context(version.accepted_at, version.profile).accepted_on
        self.table = self.rulebook.agencies[message.agency].table(message.message, message.table_version)


def summaries(connection: Connection, window: Window, rows: Sequence[AnyRow]) -> list[dict[str, Any]]:
    """The lines of a list of declarations."""
    legs = search.legs(connection, [row.id for row in rows])
    known = names(connection, rows)
    return [{**_summary(window, row, legs[row.id]), **parties(row, known)} for row in rows]


def names(connection: Connection, rows: Sequence[AnyRow]) -> dict[str, str]:
    """The names of both sides of those declarations that were filed under a mandate, by organisation."""
    return mandates.names(connection, {side for row in rows if row.principal_id for side in tenancy.sides(row)})


def parties(row: AnyRow, known: dict[str, str]) -> dict[str, Any]:
    """Who filed a declaration in whose name; None where an organisation filed in its own."""
    if row.principal_id is None:
        return {"filer": None, "on_behalf_of": None}
    filer, principal = ({"id": side, "name": known[side]} for side in tenancy.sides(row))
    return {"filer": filer, "on_behalf_of": {**principal, "mandate": row.mandate_id}}


def _summary(window: Window, row: AnyRow, legs: dict[str, str]) -> dict[str, Any]:
    words = window.words.of("combined", row.status, row.form)
    return {
        "id": row.id,
        "reference": row.reference,
        "scope": row.scope,
        "direction": row.direction,
        "version": row.version,
        "status": row.status,
        "status_zh": words.name_zh,
        "status_en": words.name_en,
        "may_collect": row.may_collect,
        "may_sell": row.may_sell,
        "legs": legs,
        "accepted_at": row.created_at,
        "updated_at": row.updated_at,
    }


def declaration(connection: Connection, window: Window, found: AnyRow) -> dict[str, Any]:
    """The one combined answer: status, what to do next, and each agency's leg in its own words."""
    rows = messages.current(connection, found.id)
    answers = inbox.answers_in_force(connection, found.id)
    legs = legs_of(window, found.form, rows, answers)
    combined = combined_of(window, found.form, rows, legs)
    version = declarations.version(connection, found.id, found.version)
    behind = _behind(connection, rows)
    return {
        "id": found.id,
        "reference": found.reference,
        "form": found.form,
        "call_id": found.call_id,
        "scope": found.scope,
        "direction": found.direction,
        **parties(found, names(connection, [found])),
        "version": found.version,
        "status": combined.status,
        "status_zh": combined.name_zh,
        "status_en": combined.name_en,
        "next_zh": combined.zh,
        "next_en": combined.en,
        "may_collect": combined.may_collect,
        "may_sell": combined.may_sell,
        "urgent": found.urgent,
        "next_steps": [
            {name: getattr(step, name) for name in ("agency", "actor", "kind", "place", "due", "reference", "zh", "en")}
            for step in combined.next_steps
        ],
        "legs": {
            row.agency: _leg(
                row,
                legs[row.agency],
                behind.get(row.id),
                _leg_faults(connection, window, row, legs[row.agency], answers),
            )
            for row in rows
        },
        "numbers": {
            kind: value
            for row in rows
            for kind, value in sorted(
                finding.answer_keys(
                    window.rulebook.agencies[row.agency], {name: getattr(row, name) for name in NUMBERS}
                )
            )
        },
        "accepted_at": found.created_at,
        "updated_at": found.updated_at,
        "warnings": version.warnings,
    }


def _behind(connection: Connection, rows: Sequence[AnyRow]) -> dict[str, str]:
    """Messages that stand behind an earlier one to the same agency, which goes or is cleared up first: id -> its id."""
    queued = [row for row in rows if row.delivery == "queued" and row.version > 1]
    if not queued:
        return {}
    before = outbox.of_messages(
        connection, [row.id for row in messages.of_declaration(connection, queued[0].declaration_id) if not row.current]
    )
    return {row.id: message_id for row in queued for message_id, first in before.items() if first.agency == row.agency}


def _leg(row: AnyRow, leg: LegStatus, behind: str | None, faults: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "agency_zh": leg.agency_zh,
        "agency_en": leg.agency_en,
        "state": leg.state,
        "state_zh": leg.name_zh,
        "state_en": leg.name_en,
        "code": leg.code,
        "text": leg.text,
        "at": leg.at,
        "next_zh": leg.next_zh,
        "next_en": leg.next_en,
        "delivery": row.delivery,
        "version": row.version,
        "message": row.message,
        "message_id": row.id,
        "agency_reference": row.agency_reference,
        "unified_number": row.unified_number,
        "clearance_form_id": row.clearance_form_id,
        "waits_for": row.waits_for if row.delivery == "waiting" else None,
        "waits_behind": behind,
        "obligations": [
            {
                name: getattr(owed, name)
                for name in ("kind", "actor", "opened_at", "place", "due", "reference", "text", "zh", "en")
            }
            for owed in leg.obligations
        ],
        "faults": faults,
    }


def _leg_faults(
    connection: Connection, window: Window, row: AnyRow, leg: LegStatus, answers: Sequence[AnyRow]
) -> list[dict[str, Any]]:
    """What an agency still has against the form, each at the trader's own field where its answer points at an element."""
    codes = window.responses(row.agency)
    open_now = {(owed.kind, owed.opened_at) for owed in leg.obligations}
    faults = []
    pinned: Pinned | None = None
    for answer in sorted(answers, key=lambda each: (each.at, each.key)):
        code = codes.get((answer.message, answer.code))
        element, text = answer.response.get("pointer"), answer.response.get("text")
        if answer.message_id != row.id or code is None or not (element or code.state in SPOKEN):
            continue
        if (answer.code, answer.at) != (leg.code, leg.at) and not any(
            (kind, answer.at) in open_now for kind in code.opens
        ):
            # settled since: it stays in the timeline
            continue
        origin = None
        if element:
            pinned = pinned or Pinned(connection, window, row)
            origin = item_of(pinned.rulebook, pinned.table, pinned.form, row.filing, pinned.accepted_on, element)
        faults.append(
            {
                "code": answer.code,
                "item": origin.item if origin else None,
                "pointer": origin.pointer if origin else "",
                "line": None,
                "message_zh": text or code.name_zh,
                "message_en": text or code.name_en,
                "agency": row.agency,
                "severity": "error" if code.state in SPOKEN else "warning",
                "element": element,
                "at": answer.at,
            }
        )
    return faults


def act(window: Window, row: AnyRow, caller: Caller, filed: AnyRow, known: dict[str, str]) -> dict[str, Any]:
    """One act of the journal, for the timeline of a declaration as `caller` sees it. People are named to their own
    organisation; to the other side it is the organisation that acted."""
    zh, en = ACTS[row.code]
    details: dict[str, str] = row.details
    if row.code == "status":
        words = window.words.of("combined", details["status"], filed.form)
        zh, en = f"{zh}：{words.name_zh}", f"{en}: {words.name_en}"
    if "on_behalf_of_name" in details:
        zh, en = f"{zh}（受{details['on_behalf_of_name']}委托）", f"{en}, on behalf of {details['on_behalf_of_name']}"
    side = details.get("by_organisation", filed.organisation_id)
    of_people = row.actor != WINDOW and not row.actor.startswith(OPERATOR)
    return {
        "at": row.at,
        "kind": "act",
        "agency": row.agency,
        "version": row.version,
        "code": row.code,
        "zh": zh,
        "en": en,
        "text": None,
        "actor": known.get(side, row.actor) if of_people and side != caller.organisation_id else row.actor,
        "details": {name: value for name, value in details.items() if name not in TECHNICAL},
    }


def records(window: Window, answers: Sequence[AnyRow]) -> dict[str, list[dict[str, Any]]]:
    """What each document of an agency said of one declaration: inbox id -> its records."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(answers, key=lambda answer: (answer.at, answer.key)):
        code = window.responses(row.agency).get((row.message, row.code))
        told = {
            "message": row.message,
            "code": row.code,
            "zh": code.name_zh if code else None,
            "en": code.name_en if code else None,
            "text": row.response.get("text"),
            "at": row.at,
        }
        found.setdefault(row.inbox_id, []).append(told)
    return found


def said(window: Window, row: AnyRow, in_force: bool) -> dict[str, Any]:
    """One answer of an agency, for the timeline; `in_force` says whether it answers the message that counts now."""
    codes = window.responses(row.agency)
    code = codes.get((row.message, row.code))
    response: dict[str, Any] = row.response
    return {
        "at": row.at,
        "kind": "answer",
        "agency": row.agency,
        "version": row.version,
        "code": row.code,
        "zh": code.name_zh if code else f"未收录的回执代码 {row.code}",
        "en": code.name_en if code else f"A code not understood yet: {row.code}",
        "text": response.get("text"),
        "actor": row.agency,
        "message": row.message,
        "state": code.state if code else None,
        "place": response.get("place"),
        "due": response.get("due"),
        "agency_reference": response.get("agency_reference"),
        "counts": in_force and code is not None,
        "received_at": row.received_at,
        "inbox_id": row.inbox_id,
    }
