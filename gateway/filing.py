"""From a checked declaration to the rows that keep it: its version, its agency messages, outbox, search keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from adapters.agency import Outgoing
from adapters.transports.folder import exchange_name
from declarations import dictionary
from declarations.checking import check
from declarations.errors import InvalidDeclaration, TooLarge, UnreadableDocument
from declarations.form import Declaration
from declarations.routing import Leg, plan
from declarations.split import render
from gateway import ids
from gateway.config import Settings
from gateway.database.stores import outbox
from gateway.identity import Caller
from gateway.notices import Queued
from gateway.observe import tracing

if TYPE_CHECKING:
    from gateway.wiring import Window


@dataclass(frozen=True, slots=True)
class Form:
    """A declaration that may be filed: its bytes as they came, what was read from them, and the warnings."""

    body: bytes
    media_type: str
    dictionary: dictionary.Form
    declaration: Declaration
    warnings: list[dict[str, Any]]
    at: datetime
    accepted_on: date
    """The day of `at` where the trade is: codes and message versions are those of this day."""

    @property
    def reference(self) -> str:
        return self.declaration.header[self.dictionary.reference_item]

    @property
    def direction(self) -> str:
        """Of trade, or of the ship; "" where the form does not say."""
        return self.declaration.header.get(self.dictionary.direction_item, "")

    @property
    def urgent(self) -> bool:
        return self.declaration.header.get(self.dictionary.urgent_item) == "1"


@dataclass(slots=True)
class Made:
    """The agency messages of one version, ready to be stored."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    signatures: dict[str, str | None] = field(default_factory=dict)
    """By message id, of those with bytes."""

    def outbox(self, urgent: bool) -> list[dict[str, Any]]:
        trace = tracing.current()
        return [outbox_row(row, urgent, trace) for row in self.messages if row["id"] in self.bodies]

    @property
    def queued(self) -> set[Queued]:
        """Those that can be delivered at once."""
        return {(row["agency"], row["declaration_id"], row["id"]) for row in self.messages if row["id"] in self.bodies}


def read(window: Window, body: bytes, media_type: str) -> Form:
    """Checks bytes by everything we know; raises UnreadableDocument, InvalidDeclaration (all faults) or TooLarge."""
    if len(body) > window.settings.max_body_bytes:
        limit = str(window.settings.max_body_bytes)
        raise TooLarge(
            f"the body is larger than {limit} bytes", f"请求内容超过 {limit} 字节", details={"limit_bytes": limit}
        )
    at = window.clock()
    context = window.rulebook.context(at, window.settings.profile)
    checked = check(window.rulebook, body, media_type, context)
    if not checked.readable:
        first = checked.faults[0]
        raise UnreadableDocument(first.message_en, first.message_zh, faults=checked.faults)
    if not checked.valid or checked.declaration is None:
        count = sum(fault.severity == "error" for fault in checked.faults)
        raise InvalidDeclaration(
            f"the declaration has {count} fault{'s' if count != 1 else ''}; nothing was stored or sent",
            f"申报有 {count} 处错误，未保存、未发送",
            faults=checked.faults,
        )
    warnings = [fault.as_dict() for fault in checked.faults]
    form = window.rulebook.forms[checked.declaration.form]
    return Form(body, media_type, form, checked.declaration, warnings, at, context.accepted_on)


def version_row(window: Window, caller: Caller, form: Form, declaration_id: str, number: int) -> dict[str, Any]:
    """The row of one version: bytes as received, and the tables that decided it."""
    return {
        "declaration_id": declaration_id,
        "version": number,
        "organisation_id": caller.organisation_id,
        "media_type": form.media_type,
        "sha256": hashlib.sha256(form.body).hexdigest(),
        "bundle_digest": window.rulebook.digest,
        "profile": window.settings.profile,
        "filed_by": caller.name,
        "accepted_at": form.at,
        "warnings": form.warnings,
        "body": form.body,
    }


def make_messages(
    window: Window, caller: Caller, form: Form, declaration_id: str, number: int, *, signed: bool = True
) -> Made:
    """Decides every leg (agency, message, version, id), renders and signs those that wait for nobody; a mere check signs none."""
    made = Made()
    for leg in plan(window.rulebook, form.declaration, form.accepted_on):
        message_id = ids.new_id(ids.MESSAGE, form.at)
        filing = filing_values(window.settings, form.declaration, form.at, message_id)
        body = None if leg.waits_for else render(window.rulebook, leg, form.declaration, filing, form.accepted_on)
        row = {
            "id": message_id,
            "organisation_id": caller.organisation_id,
            "principal_id": caller.for_id,
            "declaration_id": declaration_id,
            "version": number,
            "agency": leg.agency,
            "message": leg.message,
            "table_version": leg.version,
            "reference": form.reference,
            "bundle_digest": window.rulebook.digest,
            "required_for_release": leg.required_for_release,
            "waits_for": leg.waits_for or None,
            "carries": leg.carries or None,
            "filing": filing,
            "delivery": "queued" if body is not None else "waiting",
            "accepted_at": form.at,
            "updated_at": form.at,
        }
        row["exchange_name"] = exchange_name(outgoing(row, body or b""))
        made.messages.append(row)
        if body is not None:
            made.bodies[message_id] = body
            if signed:
                made.signatures[message_id] = window.exchange.sign(row, body, form.at)
    return made


def filing_values(settings: Settings, declaration: Declaration, at: datetime, message_id: str) -> dict[str, str]:
    """What the window supplies itself (`mappings/filing.csv`), never the trader; the filer's own from the settings."""
    return {
        **settings.filer,
        "message_id": message_id,
        "accepted_at": at.isoformat(),
        "scope": declaration.scope,
    }


def leg_of(row: Any) -> Leg:
    """The leg a stored message was decided for."""
    return Leg(
        agency=row.agency,
        message=row.message,
        version=row.table_version,
        waits_for=row.waits_for,
        carries=row.carries,
        required_for_release=row.required_for_release,
    )


def outgoing(row: dict[str, Any], body: bytes) -> Outgoing:
    """A message as its channel gets it."""
    return Outgoing(
        message_id=row["id"],
        declaration_id=row["declaration_id"],
        version=row["version"],
        agency=row["agency"],
        message=row["message"],
        reference=row["reference"],
        accepted_at=row["accepted_at"],
        body=body,
    )


def outbox_row(message: dict[str, Any], urgent: bool, trace: str | None) -> dict[str, Any]:
    return {
        "message_id": message["id"],
        "declaration_id": message["declaration_id"],
        "organisation_id": message["organisation_id"],
        "agency": message["agency"],
        "state": outbox.QUEUED,
        "priority": outbox.URGENT if urgent else outbox.ORDINARY,
        "trace": trace,
    }
