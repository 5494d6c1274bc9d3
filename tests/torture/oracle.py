"""The oracle: what clients were told and what agencies counted, against what the window holds. Every sentence it returns is a
broken promise."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.torture.client import Request
from tests.torture.filings import KINDS, Filing, combined
from tests.torture.lane import Lane
from tests.torture.sealed import opener
from tests.torture.views import Books, books, marks


@dataclass
class Case:
    """One declaration: the requests made for it, in order, and how it must end."""

    filing: Filing
    requests: list[Request] = field(default_factory=list)
    withdrawn: bool = False
    """The window said 200 to a withdrawal; what it stopped is in `stopped`."""
    stopped: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        return self.filing.reference

    @property
    def versions(self) -> int:
        """Of which a client was told."""
        return sum(request.accepted is not None for request in self.requests)

    @property
    def unsure(self) -> bool:
        """Nobody insisted on an answer: it may have been filed or not."""
        return all(request.accepted is None for request in self.requests)

    def ends(self) -> tuple[str, dict[str, str]]:
        status, legs = self.filing.ends(self.versions)
        if self.stopped:
            legs = {agency: "withdrawn" if agency in self.stopped else end for agency, end in legs.items()}
            status = combined(legs)
        return status, legs


@dataclass
class Held:
    """What the window's database holds of some references."""

    declarations: dict[str, list[tuple[str, str, int]]]
    """reference -> (id, status, version)."""
    messages: list[tuple[Any, ...]]
    """id, declaration id, version, agency, reference, exchange name, delivery, state, current, sha256, body sha."""
    outbox: dict[str, tuple[str, int, str]]
    """message id -> state, attempts, last error."""
    answers: Counter[str]
    """message id -> answers taken."""
    acts: dict[str, list[tuple[str, str, dict[str, Any]]]]
    """declaration id -> (code, agency, details) in order."""


async def held(lane: Lane, references: list[str]) -> Held:
    rows, some = lane.database.rows, marks(references)
    declarations: dict[str, list[tuple[str, str, int]]] = {}
    for reference, *row in await rows(
        f"SELECT reference, id, status, version FROM declaration WHERE reference IN ({some})", *references
    ):
        declarations.setdefault(reference, []).append((row[0], row[1], row[2]))
    ids = [row[0] for found in declarations.values() for row in found]
    some = marks(ids)
    messages = await rows(
        "SELECT m.id, m.declaration_id, m.version, m.agency, m.reference, m.exchange_name, m.delivery, m.state, m.current, "
        f"b.sha256, b.body FROM message m LEFT JOIN message_body b ON b.message_id = m.id WHERE m.declaration_id IN ({some}) "
        "ORDER BY m.declaration_id, m.agency, m.version",
        *ids,
    )
    # the body is the last column
    plain = await opener(lane.database, lane.directory)
    messages = [
        (*row[:-1], plain("message_body", "body", (row[0],), bytes(row[-1])) if row[-1] is not None else None)
        for row in messages
    ]
    outbox = await rows(
        f"SELECT message_id, state, attempts, last_error FROM outbox WHERE declaration_id IN ({some})", *ids
    )
    answers = await rows(
        f"SELECT message_id, count(*) FROM answer WHERE declaration_id IN ({some}) GROUP BY message_id", *ids
    )
    acts: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for declaration_id, code, agency, details in await rows(
        f"SELECT declaration_id, code, agency, details FROM journal WHERE declaration_id IN ({some}) ORDER BY id", *ids
    ):
        known = json.loads(details) if isinstance(details, str | bytes) else details
        acts.setdefault(declaration_id, []).append((code, agency, known))
    return Held(
        declarations,
        messages,
        {row[0]: row[1:] for row in outbox},
        Counter(dict(answers)),
        acts,  # type: ignore[arg-type]
    )


async def verdict(lane: Lane, cases: Sequence[Case], deaths: int = 0) -> list[str]:
    """Every promise, for these declarations. `deaths`: of processes since they were filed, each of which may repeat a sending."""
    references = [case.reference for case in cases]
    have = await held(lane, references)
    agencies = {agency: books(lane.books_dir, agency, references) for agency in KINDS}
    wrong: list[str] = list(lane.fallen)
    lane.fallen.clear()
    for case in cases:
        wrong += _told(case, have)
        wrong += _standing(case, have)
    wrong += _sent(lane, have, agencies, deaths)
    wrong += _arrived(have, agencies)
    wrong += _answered(have, agencies)
    wrong += await _documents(lane, agencies)
    return wrong


def _told(case: Case, have: Held) -> Iterable[str]:
    """Accepted is kept, under the id that was told; what was never told is there once at most; same key, same reply."""
    found = have.declarations.get(case.reference, [])
    if len(found) > 1:
        yield f"{case.reference}: {len(found)} declarations under one reference"
    ids = set()
    for request in case.requests:
        yield from (f"{case.reference}: {trouble}" for trouble in request.troubles)
        refused = [(status, body[:200]) for status, body in request.answers if status not in (200, 202)]
        for status, said in refused:
            yield f"{case.reference}: told {status} {said!r} of a filing without faults"
        if len({body for status, body in request.answers if status == 202}) > 1:
            yield f"{case.reference}: different replies under one Idempotency-Key"
        if request.accepted is not None:
            ids.add(request.accepted["id"])
        elif found and request.patient and request is case.requests[0]:
            yield f"{case.reference}: phantom: it is there, and its client was told {[s for s, _ in request.told]}"
    if ids and not found:
        yield f"{case.reference}: lost: told 202 and not there"
    if ids and found and ids != {found[0][0]}:
        yield f"{case.reference}: told of {ids}, kept as {found[0][0]}"
    if found and not case.unsure and found[0][2] != case.versions:
        yield f"{case.reference}: version {found[0][2]}, told of {case.versions}"
    for declaration_id, _, _ in found:
        acts = [code for code, _, _ in have.acts.get(declaration_id, [])]
        if acts.count("accepted") != 1:
            yield f"{case.reference}: accepted {acts.count('accepted')} times by the journal"


def _standing(case: Case, have: Held) -> Iterable[str]:
    """The combined status and the legs are the model's."""
    status, legs = case.ends()
    for declaration_id, stands, _ in have.declarations.get(case.reference, []):
        now = {row[3]: row[7] or row[6] for row in have.messages if row[1] == declaration_id and row[8]}
        if stands != status:
            yield f"{case.reference}: combined status {stands}, the model says {status}"
        if now != legs:
            yield f"{case.reference}: legs {now}, the model says {legs}"


def _sent(lane: Lane, have: Held, agencies: dict[str, Books], deaths: int) -> Iterable[str]:
    """Each message is at its agency once, to the byte; what may be there twice is shown."""
    for row in have.messages:
        message_id, declaration_id, version, agency, reference, exchange, delivery, state, _, sha256, body = row
        key = exchange if agency == "customs" and "customs" not in lane.agency_urls else message_id
        copies = [arrived for arrived in agencies[agency].messages if arrived.key == key]
        name = f"{reference} v{version} {agency}"
        codes = [code for code, of, _ in have.acts.get(declaration_id, []) if of == agency]
        if body is not None and _hash(bytes(body)) != sha256:
            yield f"{name}: the stored bytes are not those of their own sum"
        if delivery in ("withdrawn", "superseded", "waiting") and copies:
            yield f"{name}: {delivery}, and the agency has it"
        if delivery == "sent" and not copies:
            yield f"{name}: sent, and the agency has it not"
        if delivery == "queued" and copies:
            yield f"{name}: the agency has it, and the window does not know"
        for copy in copies:
            if copy.sha256 != sha256:
                yield f"{name}: the agency got other bytes"
            if copy.effects != 1 and state != "rejected":
                yield f"{name}: {copy.effects} effects"
            # at a topic's reader a cut connection (X21) is the same message taken twice
            twice = reference.endswith("X21") and lane.by_topic(agency)
            # a shown doubt (a connection cut, an agency that could not be asked in time) explains repetitions too
            if copy.received > 1 + deaths + twice and "outcome_unknown" not in codes:
                yield f"{name}: arrived {copy.received} times over {deaths} deaths"
            if copy.received > 1 and not lane.deduplicates and "outcome_unknown" not in codes:
                yield f"{name}: arrived {copy.received} times at an agency that counts each, and nothing shows it"
        if delivery == "outcome_unknown" and lane.deduplicates and message_id not in have.outbox:
            yield f"{name}: left in doubt, and nothing goes on"
        if delivery == "outcome_unknown" and "outcome_unknown" not in codes:
            yield f"{name}: in doubt, and the timeline does not show it"
    for message_id, (state, attempts, error) in have.outbox.items():
        if state == "held" and lane.deduplicates:
            yield f"{message_id}: held after {attempts} attempts: {error}"


def _arrived(have: Held, agencies: dict[str, Books]) -> Iterable[str]:
    """Nothing is at an agency that is not ours, nothing has effect under two ids, and versions came in order."""
    known = {name: row for row in have.messages for name in (row[0], row[5])}
    for agency, book in agencies.items():
        order: dict[str, list[int]] = {}
        effects: Counter[str] = Counter()
        for arrived in book.messages:
            row = known.get(arrived.key)
            if row is None:
                yield f"{arrived.reference}: {agency} has {arrived.key}, which the window does not know"
                continue
            order.setdefault(arrived.reference, []).append(row[2])
            effects[f"{arrived.reference} v{row[2]} {agency}"] += arrived.effects
        yield from (f"{name}: {count} effects under different ids" for name, count in effects.items() if count > 1)
        for reference, versions in order.items():
            if versions != sorted(versions):
                yield f"{reference}: {agency} got its versions in the order {versions}"


def _answered(have: Held, agencies: dict[str, Books]) -> Iterable[str]:
    """Every answer an agency gave is taken once: as many as it gave different ones."""
    for row in have.messages:
        given = agencies[row[3]].given(row[0], row[5])
        if given != have.answers[row[0]]:
            yield f"{row[4]} v{row[2]} {row[3]}: {given} different answers given, {have.answers[row[0]]} taken"


async def _documents(lane: Lane, agencies: dict[str, Books]) -> Iterable[str]:
    """Every document is done; only what cannot be read is kept aside. One that answers a filing which retention has removed
    since, and that comes once more, waits for an operator."""
    broken = {said.sha256 for book in agencies.values() for said in book.answers if not said.sound}
    rows = await lane.database.rows("SELECT id, agency, state, sha256, reason_en FROM inbox WHERE state <> 'done'")
    aside = {row[3] for row in rows if row[2] == "quarantined"}
    broken_ever = {said.sha256 for agency in KINDS for said in books(lane.books_dir, agency).answers if not said.sound}
    late = {said.sha256 for agency in KINDS for said in books(lane.books_dir, agency, lane.removed).answers}
    expected = broken_ever | (late if lane.removed else set())
    wrong = [f"{row[1]} document {row[0]} is {row[2]}: {row[4]}" for row in rows if row[3] not in expected]
    return wrong + [f"a broken answer {sum_[:12]} is not kept aside" for sum_ in broken - aside]


async def census(lane: Lane, cases: Sequence[Case], repeats: int = 0) -> list[str]:
    """At the end of a lane: the window holds what clients filed, and nothing else. `repeats`: of sendings, for other reasons
    than deaths."""
    filed = {case.reference for case in cases}
    rows = await lane.database.rows("SELECT reference FROM declaration")
    wrong = [f"{row[0]}: phantom: nobody filed it" for row in rows if row[0] not in filed]
    return wrong + await verdict(lane, cases, deaths=len(lane.killed) + repeats)


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
