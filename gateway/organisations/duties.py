"""Separate duties (录入、复核、申报三人分离): where an organisation wants them, nobody is two of the three."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from declarations.peopleerrors import DutiesNotSeparate
from gateway.database.stores import organisations
from gateway.identity import Caller

if TYPE_CHECKING:
    from gateway.wiring import Window


def separate(connection: Connection, caller: Caller) -> bool:
    """Whether the caller's organisation wants them."""
    row = organisations.get(connection, caller.organisation_id)
    return row is not None and bool(row.separate_duties)


async def require_direct(window: Window, caller: Caller) -> None:
    """Raises DutiesNotSeparate for a person who files past keyer and reviewer where duties are separate.

    A machine may: the system it belongs to has keyed, reviewed and signed before it called.
    """
    if caller.person_id is None:
        return
    if await window.database.read(lambda connection: separate(connection, caller)):
        raise DutiesNotSeparate(
            "your organisation separates keying, reviewing and signing: put the form into /prepared",
            "本单位要求录入、复核、申报分离，请先在 /prepared 录入",
        )


def require_other_person(caller: Caller, others: dict[str, tuple[str, str]]) -> None:
    """Raises DutiesNotSeparate when the caller is one of `others` (name -> what that one did, zh and en), or no person."""
    if caller.person_id is None:
        raise DutiesNotSeparate(
            "where duties are separate, people review and sign, no machine", "职责分离的单位须由人员复核和申报"
        )
    if caller.name in others:
        zh, en = others[caller.name]
        raise DutiesNotSeparate(f"you {en} this filing; somebody else has to do this", f"您已{zh}，须由他人办理")
