"""Which message an answer speaks of: exchange file or message id, the agency's numbers, the trader's reference.

That is the order of design.md section 5.4. What fits several filings is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from declarations.answers import Response
from gateway.database.stores import messages
from gateway.database.types import AnyRow

NEVER_SENT = ("waiting", "withdrawn", "superseded")
# <reference>_<17 digits of time>_<8 characters of the message id>, as the folder channel names its files
_EXCHANGE_TAIL = re.compile(r"_\d{17}_[0-9A-Z]{8}(?![0-9A-Z])")
_PREFIXES_AT_MOST = 8


class Ambiguous(Exception):
    """The answer fits several filings. Holds the words for the operator."""

    def __init__(self, kind: str, value: str, declaration_ids: Sequence[str]) -> None:
        shown = ", ".join(declaration_ids[:5])
        self.reason_en = f"{kind} {value} fits several filings: {shown}"
        self.reason_zh = f"{kind} {value} 对应多份申报：{shown}"
        super().__init__(self.reason_en)


@dataclass(frozen=True, slots=True)
class Match:
    """The message an answer speaks of; `exact` when a file name or message id named it."""

    message: AnyRow
    exact: bool


def match(connection: Connection, agency: str, response: Response, at: datetime) -> Match | None:
    """The message this response answers, None when nothing here bears its numbers. Raises Ambiguous.

    `at` is the agency's time, or that of arrival: where only a number tells, the answer belongs to the newest version
    that existed by then.
    """
    names = exchange_names(response.refers_to_file)
    if names:
        found = [row for name in names for row in messages.by_number(connection, agency, "exchange_name", name)]
        # the longest name is the whole one: a shorter is the end of another reference
        best = [row for row in found if len(row.exchange_name) == max(len(each.exchange_name) for each in found)]
        if len(best) == 1:
            return Match(best[0], True)
    for own_id in (response.refers_to_file, response.refers_to):
        if own_id and (row := messages.by_id(connection, agency, own_id)) is not None:
            return Match(row, True)
    numbers = (
        ("agency_reference", response.agency_reference),
        ("unified_number", response.unified_number),
        ("reference", response.refers_to),
    )
    for kind, value in numbers:
        if not value:
            continue
        rows = [row for row in messages.by_number(connection, agency, kind, value) if row.delivery not in NEVER_SENT]
        if rows:
            return Match(_one(connection, kind, value, rows, at), False)
    return None


def exchange_names(file_name: str | None) -> list[str]:
    """What may be the name of our file inside the name of an answer's (`Successed_<ours>.xml`, `<ours>_3.xml`)."""
    found = _EXCHANGE_TAIL.search(file_name or "")
    if found is None or file_name is None:
        return []
    parts = file_name[: found.start()].split("_")
    return ["_".join(parts[start:]) + found[0] for start in range(min(len(parts), _PREFIXES_AT_MOST))]


def _one(connection: Connection, kind: str, value: str, rows: Sequence[AnyRow], at: datetime) -> AnyRow:
    """The message among those that bear one number: of one filing, the live one if there were others before."""
    filings = sorted({row.declaration_id for row in rows})
    if len(filings) > 1:
        filings = sorted({row.declaration_id for row in rows if row.live})
        if len(filings) != 1:
            raise Ambiguous(kind, value, sorted({row.declaration_id for row in rows}))
    versions = sorted((row for row in rows if row.declaration_id == filings[0]), key=lambda row: row.version)
    if len(versions) == 1 and versions[0].version == 1 and versions[0].current:
        return versions[0]
    # agencies keep their number when a form comes back corrected: a version that has not been told one yet may be meant too
    versions = [
        row
        for row in messages.of_declaration(connection, filings[0])
        if row.agency == versions[0].agency and row.delivery not in NEVER_SENT and getattr(row, kind) in (None, value)
    ]
    # agencies write whole seconds
    existing = [row for row in versions if row.accepted_at.replace(microsecond=0) <= at]
    return existing[-1] if existing else versions[0]
