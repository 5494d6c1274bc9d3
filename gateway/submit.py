"""Submit: one merged declaration in, all its agency messages kept with it in one transaction, an answer before any agency's.

What is refused leaves nothing behind. A repeated Idempotency-Key gets the reply of the first time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.errors import DuplicateReference, IdempotencyKeyReused
from gateway import filing, finding, ids, mandates, receipts
from gateway.database.stores import declarations, entries, idempotency, messages, outbox, search
from gateway.database.together import Rows, insert_together
from gateway.identity import Caller
from gateway.journal import entry
from gateway.observe import metrics
from gateway.organisations import duties
from gateway.rematch import take_waiting

if TYPE_CHECKING:
    from gateway.wiring import Window

DUPLICATE_RULE = "R-HDR-02"
REPLAYED = "Idempotent-Replayed"
Closing: TypeAlias = Callable[[Connection, str], None]
"""What a transaction that files a declaration does besides, with the declaration's id."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of a use case, as a door passes it on."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """An Idempotency-Key, for one caller and one address, with the hash of what came under it."""

    caller: Caller
    route: str
    key: str
    sha256: str

    @classmethod
    def of(cls, caller: Caller, route: str, key: str | None, body: bytes, media_type: str) -> Key | None:
        if key is None:
            return None
        essence = media_type.partition(";")[0].strip().lower()
        # the same form in another's name is another filing
        whom = f"\n{caller.for_id}" if caller.for_id else ""
        return cls(caller, route, key, hashlib.sha256(f"{essence}{whom}\n".encode() + body).hexdigest())

    def replayed(self, connection: Connection) -> Reply | None:
        """The reply kept under this key; raises IdempotencyKeyReused when it was another body's."""
        row = idempotency.get(connection, self.caller.organisation_id, self.caller.name, self.route, self.key)
        if row is None:
            return None
        if row.sha256 != self.sha256:
            raise IdempotencyKeyReused(
                "this Idempotency-Key came before with another body; take a new key for a new filing",
                "此 Idempotency-Key 已用于其他内容，新的申报请使用新的键",
            )
        return Reply(row.status, row.answer, {REPLAYED: "true", "Location": row.answer["links"]["self"]})

    def row(self, reply: Reply, at: datetime) -> dict[str, Any]:
        """The row that keeps the reply; adding it is an IntegrityError when somebody else was first."""
        return {
            "organisation_id": self.caller.organisation_id,
            "client": self.caller.name,
            "route": self.route,
            "key": self.key,
            "sha256": self.sha256,
            "status": reply.status,
            "answer": reply.body,
            "created_at": at,
        }


async def submit(
    window: Window,
    caller: Caller,
    body: bytes,
    media_type: str,
    *,
    idempotency_key: str | None = None,
    check_only: bool = False,
    closing: Closing | None = None,
) -> Reply:
    """Files a declaration, or only checks it. Raises UnreadableDocument, InvalidDeclaration, DuplicateReference,
    IdempotencyKeyReused, TooLarge, StorageUnavailable, DutiesNotSeparate; nothing is stored then.

    `closing`: what else the same transaction does, knowing the declaration's id: it ends what was prepared.
    """
    if not check_only:
        window.condition.require_room()
        if closing is None:
            await duties.require_direct(window, caller)
    key = None if check_only else Key.of(caller, "declarations", idempotency_key, body, media_type)
    if key is not None and (kept := await window.database.read(key.replayed)) is not None:
        return kept
    form = filing.read(window, body, media_type)
    caller = await _under_mandate(window, caller, form)
    declaration_id = ids.new_id(ids.DECLARATION, form.at)
    # rendering is part of the check: what an agency's schema would refuse is refused here
    made = filing.make_messages(window, caller, form, declaration_id, 1, signed=not check_only)
    if check_only:
        return await checked(window, caller, form)
    version = filing.version_row(window, caller, form, declaration_id, 1)
    version["receipt"] = receipts.receipt(window, caller, form.reference, version)
    row = {
        "id": declaration_id,
        "organisation_id": caller.organisation_id,
        "principal_id": caller.for_id,
        "mandate_id": caller.mandate_id,
        "form": form.declaration.form,
        "reference": form.reference,
        "live_reference": form.reference,
        "scope": form.declaration.scope,
        "direction": form.declaration.header[filing.DIRECTION_ITEM],
        "version": 1,
        "status": "filed",
        "urgent": form.urgent,
        "filed_by": caller.name,
        "created_at": form.at,
        "updated_at": form.at,
    }
    sides = (caller.organisation_id,) if caller.for_id is None else (caller.organisation_id, caller.for_id)
    keys = finding.key_rows(finding.form_keys(form.declaration), sides, declaration_id)
    acts = acts_of_acceptance("accepted", caller, version, made)
    status = window.words.of("combined", "filed")
    legs = made.messages
    reply = filed_reply(row, form, legs, status.name_zh, status.name_en, mandates.shown(caller), version["receipt"])

    rows = [
        (idempotency.ADDED, [key.row(reply, form.at)] if key is not None else []),
        (declarations.ADDED, [row]),
        (declarations.VERSION_ADDED, [version]),
        (messages.ADDED, legs),
        (
            messages.BODY_ADDED,
            [
                messages.body_row(each, caller.organisation_id, body, form.at, made.signatures[each])
                for each, body in made.bodies.items()
            ],
        ),
        (outbox.ADDED, made.outbox(form.urgent)),
        (search.ADDED, keys),
        (entries.ADDED, acts),
    ]
    await window.vault.ready(caller.organisation_id)
    try:
        await _store(window, caller, form, rows, closing, declaration_id)
    except IntegrityError as error:
        clash = error
    else:
        window.notices.queued(made.queued)
        metrics.accepted(form.declaration.form, form.declaration.scope)
        await take_waiting(window, [leg["agency"] for leg in legs], form.reference)
        return reply
    return await window.database.read(
        lambda connection: explained(connection, window, key, form, caller, declaration_id, clash)
    )


async def _under_mandate(window: Window, caller: Caller, form: filing.Form) -> Caller:
    """The caller under the mandate that covers this form, where it acts for another; raises MandateNotInForce."""
    if caller.for_id is None:
        return caller
    scope = window.mandates.scope(form.declaration)
    return await window.database.read(
        lambda connection: mandates.require(connection, window, caller, scope, hold=False)
    )


async def _store(
    window: Window,
    caller: Caller,
    form: filing.Form,
    rows: Sequence[Rows],
    closing: Closing | None,
    declaration_id: str,
) -> None:
    """Everything of a new filing at once, under a mandate only while that is in force."""
    if caller.for_id is None and closing is None:
        await window.database.insert(rows)
        return
    scope = window.mandates.scope(form.declaration)

    def store(connection: Connection) -> None:
        mandates.require_still(connection, window, caller, scope)
        if closing is not None:
            closing(connection, declaration_id)
        insert_together(connection, rows)

    await window.database.write(store)


async def checked(window: Window, caller: Caller, form: filing.Form, declaration_id: str | None = None) -> Reply:
    """The answer to a check: valid, with its warnings. A reference on another live filing than `declaration_id` is one of
    them, for filing it would be refused."""
    used_by = await window.database.read(
        lambda connection: declarations.live(connection, caller.organisation_id, form.declaration.form, form.reference)
    )
    faults = list(form.warnings)
    if used_by not in (None, declaration_id):
        error = duplicate(window, form, str(used_by))
        faults.insert(0, {**error.faults[0].as_dict(), "severity": "warning"})
    return Reply(200, {"valid": True, "faults": faults, "on_behalf_of": mandates.shown(caller)})


def filed_reply(
    declaration: dict[str, Any],
    form: filing.Form,
    legs: list[dict[str, Any]],
    status_zh: str,
    status_en: str,
    on_behalf_of: dict[str, str] | None,
    receipt: str,
) -> Reply:
    """The `202`: what was accepted, as which version, for whom, the window's receipt for it, and where to follow it."""
    address = f"/api/v1/declarations/{declaration['id']}"
    return Reply(
        202,
        {
            "id": declaration["id"],
            "reference": declaration["reference"],
            "version": declaration["version"],
            "status": declaration["status"],
            "status_zh": status_zh,
            "status_en": status_en,
            "on_behalf_of": on_behalf_of,
            "warnings": form.warnings,
            "receipt": receipt,
            "legs": [
                {
                    "agency": leg["agency"],
                    "message": leg["message"],
                    "version": leg["table_version"],
                    "state": leg["delivery"],
                    "waits_for": leg["waits_for"],
                }
                for leg in legs
            ],
            "links": {"self": address, "timeline": f"{address}/timeline", "messages": f"{address}/messages"},
        },
        {"Location": address},
    )


def acts_of_acceptance(code: str, caller: Caller, version: dict[str, Any], made: filing.Made) -> list[dict[str, Any]]:
    """Journal rows of a version that was taken in: the acceptance, and each leg that has to wait."""
    facts = {
        "organisation_id": version["organisation_id"],
        "declaration_id": version["declaration_id"],
        "version": version["version"],
        "at": version["accepted_at"],
    }
    waits = [
        entry("waits", **facts, agency=leg["agency"], waits_for=leg["waits_for"])
        for leg in made.messages
        if leg["delivery"] == "waiting"
    ]
    accepted = entry(code, **facts, actor=caller.name, sha256=version["sha256"], **mandates.told(caller))
    return [accepted, *mandates.used(caller, accepted), *waits]


def duplicate(window: Window, form: filing.Form, declaration_id: str) -> DuplicateReference:
    """The refusal of a reference that is on a live filing, in the words of its rule."""
    fault = window.rule_fault(DUPLICATE_RULE, form.declaration.form, filing.REFERENCE_ITEM, form.reference)
    return DuplicateReference(
        fault.message_en, fault.message_zh, faults=[fault], details={"declaration_id": declaration_id}
    )


def explained(
    connection: Connection,
    window: Window,
    key: Key | None,
    form: filing.Form,
    caller: Caller,
    declaration_id: str,
    error: IntegrityError,
) -> Reply:
    """Why a filing could not be added: the same request won the race, or its reference is on another live filing; raises
    `error` again when it was neither."""
    if key is not None and (kept := key.replayed(connection)) is not None:
        return kept
    other = declarations.live(connection, caller.organisation_id, form.declaration.form, form.reference)
    if other not in (None, declaration_id):
        raise duplicate(window, form, str(other))
    raise error
