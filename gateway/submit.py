"""Submit: one merged declaration in, all its agency messages kept with it in one transaction, an answer before any agency's.

What is refused leaves nothing behind. A repeated Idempotency-Key gets the reply of the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.callerrors import CallRefused
from declarations.errors import DuplicateReference
from gateway import filing, finding, ids, mandates, receipts
from gateway.calls import joining
from gateway.database.stores import declarations, entries, idempotency, messages, outbox, search
from gateway.database.together import Rows, insert_together
from gateway.identity import Caller
from gateway.journal import entry
from gateway.notices import Queued
from gateway.observe import metrics
from gateway.organisations import duties
from gateway.rematch import take_waiting
from gateway.repeating import Key, Reply

if TYPE_CHECKING:
    from gateway.wiring import Window

DUPLICATE_RULE = "R-HDR-02"
Closing: TypeAlias = Callable[[Connection, str], None]
"""What a transaction that files a declaration does besides, with the declaration's id."""


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
    try:
        joins = await joining.begin(window, caller, form, check_only=check_only)
    except CallRefused as refusal:
        return await _refused(window, key, form, caller, declaration_id, refusal)
    if check_only:
        return await checked(window, caller, form)
    version = filing.version_row(window, caller, form, declaration_id, 1)
    version["receipt"] = receipts.receipt(window, caller, form.reference, version)
    row = {
        "id": declaration_id,
        "organisation_id": caller.organisation_id,
        "principal_id": caller.for_id,
        "mandate_id": caller.mandate_id,
        "call_id": None,
        "form": form.declaration.form,
        "reference": form.reference,
        "live_reference": form.reference,
        "scope": form.declaration.scope,
        "direction": form.direction,
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
    status = window.words.of("combined", "filed", form.declaration.form)
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

    def enter(connection: Connection) -> None:
        if joins is not None:
            row["call_id"] = reply.body["call_id"] = joins.enter(connection)

    def entered(connection: Connection) -> set[Queued]:
        return set() if joins is None else joins.entered(connection, declaration_id)

    try:
        if caller.for_id is None and closing is None and joins is None:
            await window.database.insert(rows)
            queued = made.queued
        else:
            queued = made.queued | await _store(window, caller, form, rows, closing, declaration_id, enter, entered)
    except IntegrityError as error:
        clash = error
    except CallRefused as refusal:
        return await _refused(window, key, form, caller, declaration_id, refusal)
    else:
        window.notices.queued(queued)
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
    enter: Callable[[Connection], None],
    entered: Callable[[Connection], set[Queued]],
) -> set[Queued]:
    """Everything of a new filing at once, under a mandate only while that is in force, as a step of its ship's call. Returns
    what there is to send besides its messages."""
    scope = window.mandates.scope(form.declaration)

    def store(connection: Connection) -> set[Queued]:
        mandates.require_still(connection, window, caller, scope)
        if closing is not None:
            closing(connection, declaration_id)
        enter(connection)
        insert_together(connection, rows)
        return entered(connection)

    return await window.database.write(store)


async def _refused(
    window: Window,
    key: Key | None,
    form: filing.Form,
    caller: Caller,
    declaration_id: str,
    refusal: CallRefused,
) -> Reply:
    """The reply to a filing that its ship's call does not take, because the same request or reference came first; else raises
    `refusal`."""
    return await window.database.read(
        lambda connection: explained(connection, window, key, form, caller, declaration_id, refusal)
    )


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
    fault = window.rule_fault(DUPLICATE_RULE, form.declaration.form, form.dictionary.reference_item, form.reference)
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
    error: Exception,
) -> Reply:
    """Why a filing could not be added: the same request won the race, or its reference is on another live filing; raises
    `error` again when it was neither."""
    if key is not None and (kept := key.replayed(connection)) is not None:
        return kept
    other = declarations.live(connection, caller.organisation_id, form.declaration.form, form.reference)
    if other not in (None, declaration_id):
        raise duplicate(window, form, str(other))
    raise error
