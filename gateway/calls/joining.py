"""A filing's part in its ship's call, as the accept sees it: looked at before anything is made, entered in its transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from declarations.callerrors import CallRefused
from declarations.faults import Fault
from gateway.calls import entering, facts, manifests, moving
from gateway.calls.entering import Found
from gateway.database.stores import calls
from gateway.database.types import AnyRow
from gateway.filing import Form
from gateway.identity import Caller
from gateway.notices import Queued

if TYPE_CHECKING:
    from gateway.wiring import Window


class Joining:
    """One new filing on its way into a call."""

    def __init__(self, window: Window, caller: Caller, form: Form) -> None:
        self._window, self._caller, self._form = window, caller, form
        self._found: Found | None = None

    def enter(self, connection: Connection) -> str | None:
        """Finds or makes the call, locked; its id, None where the filing stands alone. Raises CallRefused."""
        self._found = entering.enter(connection, self._window, self._caller, self._form)
        return None if self._found.call is None else str(self._found.call.id)

    def entered(self, connection: Connection, declaration_id: str) -> set[Queued]:
        """After the filing's rows were stored."""
        assert self._found is not None
        return moving.entered(connection, self._window, self._caller, self._form, self._found, declaration_id)


async def begin(window: Window, caller: Caller, form: Form, *, check_only: bool) -> Joining | None:
    """The part of this filing in a call, None for a form without calls. What is to be said goes into the form's warnings.

    Raises CallRefused; where nothing is filed the refusal is a warning, as that of a used reference is."""
    if not entering.has_calls(window, form):
        return None
    try:
        found = await window.database.read(lambda connection: entering.look(connection, window, caller, form))
    except CallRefused as refusal:
        if not check_only:
            raise
        fault = Fault(refusal.code, None, "", None, refusal.message_zh, refusal.message_en, None, "warning")
        form.warnings.append(fault.as_dict())
    else:
        form.warnings.extend(found.warnings)
    return Joining(window, caller, form)


def refiled(connection: Connection, window: Window, form: Form, filed: AnyRow) -> None:
    """A corrected version tells anew what is known of the ship; it moves nothing."""
    if filed.call_id is None:
        return
    call = calls.lock(connection, filed.call_id)
    told = facts.told(form.declaration, window.calls.told_items(call.form))
    known = {**call.facts, **told}
    if call.state == calls.OPEN and known != call.facts:
        calls.change(connection, call.id, {"facts": known, **facts.columns(known)}, form.at)
    if window.calls.step(call.form, filed.scope).clearance:
        manifests.keep(connection, call.id, filed.id, form.declaration)
