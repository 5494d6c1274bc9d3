"""Forgetting: what is kept about people goes when its term is over (`mappings/retention.csv`), without anybody asking.

Unlike filings, which two operators have removed once they are archived, none of this is evidence: the journal is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog

from declarations.terms import FORGOTTEN, load_terms
from gateway.database.stores import entries, forgetting
from gateway.journal import entry

if TYPE_CHECKING:
    from gateway.wiring import Window

AT_ONCE = 200
"""Rows in one transaction: some milliseconds of the writer's time."""
ROUNDS = 50
"""Transactions of one kind in one go; the next sweep goes on."""
log = structlog.get_logger(__name__)


async def forget(window: Window) -> dict[str, int]:
    """Forgets what is past its term; returns how many of each kind. What has no row in the table is kept for good."""
    terms, now = load_terms(window.rulebook.bundle).records, window.clock()
    gone: dict[str, int] = {}
    for what in FORGOTTEN:
        if what not in terms:
            continue
        act = partial(forgetting.forget, what=what, before=now - terms[what], at_most=AT_ONCE)
        for _ in range(ROUNDS):
            done = await window.database.write(act)
            gone[what] = gone.get(what, 0) + done
            if done < AT_ONCE:
                break
    if people := gone.get("person"):
        closed = entry("accounts_forgotten", at=now, accounts=str(people))
        await window.database.write(lambda connection: entries.add(connection, [closed]))
    if any(gone.values()):
        log.info("forgotten", **gone)
    return gone
