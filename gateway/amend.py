"""Amend: correct and refile after a rejection, or stop what no agency has yet (design.md section 5.5, practice 撤回).

What a new version sends says `correction`. The other legs are carried over: their message stays in force and the answers to it
still count.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from declarations.errors import MoveNotAllowed
from gateway import filing, finding, mandates, receipts, tenancy
from gateway.calls import joining
from gateway.correction import decide, require_same_filing
from gateway.database.stores import declarations, entries, idempotency, messages, outbox, search
from gateway.database.types import AnyRow
from gateway.filing import Form, Made
from gateway.identity import Caller
from gateway.journal import entry
from gateway.notices import Queued
from gateway.observe import metrics
from gateway.organisations import duties
from gateway.repeating import Key, Reply
from gateway.standing import settle
from gateway.submit import Closing, acts_of_acceptance, checked, explained, filed_reply
from gateway.tenancy import owned

if TYPE_CHECKING:
    from gateway.wiring import Window


async def refile(
    window: Window,
    caller: Caller,
    declaration_id: str,
    body: bytes,
    media_type: str,
    idempotency_key: str | None = None,
    check_only: bool = False,
    closing: Closing | None = None,
) -> Reply:
    """Files a corrected version. Raises MoveNotAllowed when no leg was rejected or withdrawn, or the correction is of another
    filing (reference, direction, an agency left out that has the message); else like `submit`."""
    if not check_only:
        window.condition.require_room()
        if closing is None:
            await duties.require_direct(window, caller)
    key = None if check_only else Key.of(caller, f"versions:{declaration_id}", idempotency_key, body, media_type)
    if key is not None and (kept := await window.database.read(key.replayed)) is not None:
        return kept
    before = await window.database.read(lambda connection: owned(connection, caller, declaration_id))
    form = filing.read(window, body, media_type)
    require_same_filing(before, form)
    scope = window.mandates.scope(form.declaration)

    def admit(connection: Connection, hold: bool = False) -> Caller:
        return mandates.require_correction(connection, window, caller, before, scope, hold=hold)

    actor = await window.database.read(admit)
    number = before.version + 1
    made = filing.make_messages(window, actor, form, declaration_id, number, signed=not check_only)
    version = filing.version_row(window, actor, form, declaration_id, number)
    if check_only:
        await window.database.read(lambda connection: decide(connection, window, before, form, made))
        return await checked(window, actor, form, declaration_id)
    version["receipt"] = receipts.receipt(window, actor, form.reference, version)

    def store(connection: Connection) -> tuple[Reply, set[Queued]]:
        declarations.lock(connection, declaration_id)
        if key is not None and (first := key.replayed(connection)) is not None:
            return first, set()
        now = owned(connection, caller, declaration_id)
        under = admit(connection, hold=True)
        if closing is not None:
            closing(connection, declaration_id)
        if now.version != before.version:
            raise MoveNotAllowed("another version was filed at the same time", "同时有另一版本提交")
        fresh = decide(connection, window, now, form, made)
        if not declarations.add_version(connection, version, scope=form.declaration.scope, urgent=form.urgent):
            raise MoveNotAllowed("another version was filed at the same time", "同时有另一版本提交")
        carried_over = _replace(connection, now, fresh, form.at)
        if fresh.messages:
            messages.add(connection, fresh.messages, fresh.bodies, form.at, made.signatures)
        outbox.add(connection, fresh.outbox(form.urgent))
        keys = finding.key_rows(finding.form_keys(form.declaration), tenancy.sides(now), declaration_id)
        search.add_missing(connection, keys)
        acts = acts_of_acceptance("refiled", under, version, fresh)
        facts = {name: version[name] for name in ("organisation_id", "declaration_id", "version")}
        acts += [entry("carried_over", **facts, at=form.at, agency=agency) for agency in carried_over]
        entries.add(connection, acts)
        joining.refiled(connection, window, form, now)
        queued = settle(connection, window, declaration_id, form.at)
        reply = _reply(connection, window, declaration_id, form, mandates.shown(under), version["receipt"])
        if key is not None:
            idempotency.ADDED.run(connection, [key.row(reply, form.at)])
        return reply, queued | fresh.queued

    await window.vault.ready(caller.organisation_id)
    try:
        reply, queued = await window.database.write(store)
    except MoveNotAllowed:
        # the version that came first may be this very request's
        if key is None or (kept := await window.database.read(key.replayed)) is None:
            raise
        return kept
    except IntegrityError as error:
        # a withdrawn filing gave its reference free, and somebody may have used it since
        clash = error
        return await window.database.read(
            lambda connection: explained(connection, window, key, form, caller, declaration_id, clash)
        )
    window.notices.queued(queued)
    metrics.accepted(form.declaration.form, form.declaration.scope)
    return reply


async def withdraw(window: Window, caller: Caller, declaration_id: str) -> Reply:
    """Stops the messages no agency has yet. Raises MoveNotAllowed when there is none: what is sent cannot be stopped here."""
    at = window.clock()

    def stop(connection: Connection) -> Reply:
        declarations.lock(connection, declaration_id)
        declaration = owned(connection, caller, declaration_id)
        under = mandates.require_withdrawal(connection, window, caller, declaration)
        rows = messages.current(connection, declaration_id)
        stopped = [row for row in rows if _stop(connection, row, at)]
        left = [row for row in rows if row not in stopped and row.delivery != "withdrawn"]
        if not stopped:
            raise _too_late(window, left)
        facts = {"organisation_id": declaration.organisation_id, "declaration_id": declaration_id}
        said = mandates.told(under) or mandates.by_principal(caller, declaration)
        for row in stopped:
            act = entry("withdrawn", **facts, version=row.version, at=at, agency=row.agency, actor=caller.name, **said)
            entries.add(connection, [act, *mandates.used(under, act)])
        settle(connection, window, declaration_id, at)
        after = declarations.get(connection, declaration_id)
        assert after is not None
        words = window.words.of("combined", after.status, after.form)
        return Reply(
            200,
            {
                "id": declaration_id,
                "reference": after.reference,
                "version": after.version,
                "status": after.status,
                "status_zh": words.name_zh,
                "status_en": words.name_en,
                "withdrawn": [row.agency for row in stopped],
                "not_withdrawn": [{"agency": row.agency, "state": row.state or row.delivery} for row in left],
            },
        )

    return await window.database.write(stop)


def _replace(connection: Connection, declaration: AnyRow, fresh: Made, at: datetime) -> list[str]:
    """Takes the messages that have a successor out of force; returns the agencies whose message is carried over."""
    replaced = {row["agency"] for row in fresh.messages}
    carried_over, acts = [], []
    for row in messages.current(connection, declaration.id):
        if row.agency not in replaced:
            carried_over.append(row.agency)
            continue
        # an older message in doubt stays in the outbox: its successor waits behind it, in order
        unsent = row.delivery in ("waiting", "parked") or (row.delivery == "queued" and _recall(connection, row.id))
        if row.delivery == "parked":
            outbox.remove(connection, row.id)
        messages.replace(connection, row.id, "superseded" if unsent else row.delivery, at)
        if unsent:
            facts = {"organisation_id": row.organisation_id, "declaration_id": row.declaration_id}
            acts.append(entry("superseded", **facts, version=row.version, at=at, agency=row.agency))
    entries.add(connection, acts)
    return carried_over


def _recall(connection: Connection, message_id: str) -> bool:
    return outbox.remove_untouched(connection, message_id)


def _stop(connection: Connection, row: AnyRow, at: datetime) -> bool:
    """Withdraws one message if no agency can have it."""
    if row.state is not None or row.delivery not in ("waiting", "queued", "parked"):
        return False
    if row.delivery == "queued" and not _recall(connection, row.id):
        return False
    if row.delivery == "parked":
        outbox.remove(connection, row.id)
    messages.set_delivery(connection, row.id, "withdrawn", at)
    return True


def _reply(
    connection: Connection,
    window: Window,
    declaration_id: str,
    form: Form,
    on_behalf_of: dict[str, str] | None,
    receipt: str,
) -> Reply:
    after = declarations.get(connection, declaration_id)
    assert after is not None
    words = window.words.of("combined", after.status, after.form)
    legs = [row._asdict() for row in messages.current(connection, declaration_id)]
    return filed_reply(after._asdict(), form, legs, words.name_zh, words.name_en, on_behalf_of, receipt)


def _too_late(window: Window, left: list[AnyRow]) -> MoveNotAllowed:
    """Why nothing can be stopped any more, agency by agency."""
    if not left:
        return MoveNotAllowed("this filing is withdrawn already", "该申报已撤回")
    zh, en = [], []
    for row in left:
        words = window.words.of("leg", row.state or ("sent" if row.delivery == "queued" else row.delivery))
        codes = window.responses(row.agency)
        zh.append(f"{codes.name_zh}：{words.name_zh}")
        en.append(f"{codes.name_en}: {words.name_en}")
    return MoveNotAllowed(
        "nothing is left that could be stopped here; what an agency has, or may have, it must cancel itself (撤销). "
        + "; ".join(en),
        "已无可撤回的报文；机构已收到或可能已收到的，须向该机构申请撤销。" + "；".join(zh),
    )
