"""Which message an answer speaks of: exchange file or message id, the agency's numbers, the trader's reference.

That is the order of design.md section 5.4. What fits several filings is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from declarations.answers import Response
from gateway.database.stores import messages
from gateway.database.types import AnyRow

# <reference>_<17 digits of time>_<8 characters of the message id>, as the folder channel names its files
_EXCHANGE_TAIL = re.compile(r"_\d{17}_[0-9A-Z]{8}(?![0-9A-Z])")
_PREFIXES_AT_MOST = 8


class Doubtful(Exception):
    """It cannot be told what the answer speaks of, or it contradicts another. Holds the words for the operator."""

    def __init__(self, reason_en: str, reason_zh: str) -> None:
        self.reason_en = reason_en
        self.reason_zh = reason_zh
        super().__init__(reason_en)


class Ambiguous(Doubtful):
    """The answer fits several filings."""

    def __init__(self, kind: str, value: str, declaration_ids: Sequence[str]) -> None:
        shown = ", ".join(declaration_ids[:5])
        super().__init__(f"{kind} {value} fits several filings: {shown}", f"{kind} {value} 对应多份申报：{shown}")


@dataclass(frozen=True, slots=True)
class Match:
    """The message an answer speaks of; `exact` when a file name or message id named it."""

    message: AnyRow
    exact: bool


def match(connection: Connection, agency: str, response: Response, at: datetime) -> Match | None:
    """The message this response answers, None when nothing here bears its numbers. Raises Ambiguous.

    `at` is the agency's time, or that of arrival: where only a number tells, the answer belongs to the newest version
    that existed by then and may have left us.
    """
    names = exchange_names(response.refers_to_file)
    if names:
        found = [row for name in names for row in messages.by_exchange_name(connection, agency, name)]
        # the longest name is the whole one: a shorter is the end of another reference
        best = [row for row in found if len(row.exchange_name) == max(len(each.exchange_name) for each in found)]
        if len(best) == 1:
            return _exact(connection, best[0], response)
    for own_id in (response.refers_to_file, response.refers_to):
        if own_id and (row := messages.by_id(connection, agency, own_id)) is not None:
            return _exact(connection, row, response)
    numbers = (
        ("agency_reference", response.agency_reference),
        ("unified_number", response.unified_number),
        ("reference", response.refers_to),
    )
    for kind, value in numbers:
        if not value:
            continue
        rows = messages.by_number(connection, agency, kind, value)
        if rows:
            row = _one(connection, kind, value, rows, at)
            # it waits on: what it answers was not sent from here
            early = row.untouched and response.at is not None and not _existing([row], at)
            return None if early else Match(row, False)
    return None


def elsewhere(connection: Connection, agency: str, agencies: Iterable[str], response: Response) -> str | None:
    """The other agency whose message a response names, by its file, its id or a number that the other gave; None when there is
    none. The trader's own reference tells nothing: all his messages bear it."""
    for other in agencies:
        if other == agency:
            continue
        names = exchange_names(response.refers_to_file)
        told = [row for name in names for row in messages.by_exchange_name(connection, other, name)]
        ids = (response.refers_to_file, response.refers_to)
        numbers = (response.agency_reference, response.unified_number)
        kinds = ("agency_reference", "unified_number")
        if (
            told
            or any(value and messages.by_id(connection, other, value) is not None for value in ids)
            or any(value and messages.by_number(connection, other, kind, value) for value in numbers for kind in kinds)
        ):
            return other
    return None


def _exact(connection: Connection, row: AnyRow, response: Response) -> Match:
    """The message a file name or id names; raises Doubtful when the answer's reference is another filing's."""
    told = response.refers_to
    if told not in (None, row.id, row.reference) and messages.by_number(connection, row.agency, "reference", told):
        raise Doubtful(
            f"it names message {row.id} of {row.reference} and speaks of {told}",
            f"所指报文 {row.id} 属于 {row.reference}，而回执写的是 {told}",
        )
    return Match(row, True)


def exchange_names(file_name: str | None) -> list[str]:
    """What may be the name of our file inside the name of an answer's (`Successed_<ours>.xml`, `<ours>_3.xml`)."""
    found = _EXCHANGE_TAIL.search(file_name or "")
    if found is None or file_name is None:
        return []
    parts = file_name[: found.start()].split("_")
    return ["_".join(parts[start:]) + found[0] for start in range(min(len(parts), _PREFIXES_AT_MOST))]


def _one(connection: Connection, kind: str, value: str, rows: Sequence[AnyRow], at: datetime) -> AnyRow:
    """The message among those that bear one number: of the filings that existed by then the live one, of its versions the
    newest that existed."""
    rows = _left(rows)
    filings = {row.declaration_id for row in rows}
    if len(filings) > 1:
        existing = _existing(rows, at)
        filings = {row.declaration_id for row in existing}
        if len(filings) > 1:
            filings = {row.declaration_id for row in existing if row.live}
        if len(filings) != 1:
            raise Ambiguous(kind, value, sorted({row.declaration_id for row in rows}))
    (filing,) = filings
    versions: Sequence[AnyRow] = [row for row in rows if row.declaration_id == filing]
    if len(versions) == 1 and versions[0].version == 1 and versions[0].current:
        return versions[0]
    # agencies keep their number when a form comes back corrected: a version that has not been told one yet may be meant too
    versions = _left(
        [
            row
            for row in messages.versions(connection, versions[0].agency, filing)
            if getattr(row, kind) in (None, value)
        ]
    )
    existing = _existing(versions, at)
    return existing[-1] if existing else versions[0]


def _left(rows: Sequence[AnyRow]) -> Sequence[AnyRow]:
    """Those that may have left us, if any: what has not is not what an agency answers."""
    return [row for row in rows if not row.untouched] or rows


def _existing(rows: Sequence[AnyRow], at: datetime) -> Sequence[AnyRow]:
    """Those accepted by then; agencies write whole seconds."""
    return [row for row in rows if row.accepted_at.replace(microsecond=0) <= at]
