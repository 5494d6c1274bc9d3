"""Do the golden cases run every row of the tables, and both sides of every condition? (`onewindow tables check --cases`)"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from declarations.checking import read_form
from declarations.errors import UnreadableDocument
from declarations.faults import Fault
from declarations.form import Declaration
from declarations.routing import plan
from declarations.split import carried
from declarations.tables import MapRow, MessageTable, TableFaults
from declarations.trace import Coverage, Tracer

if TYPE_CHECKING:
    from declarations.rulebook import Context, Rulebook

SPECIMEN_FORM_ID = "310000000000000000"
"""Stands for the clearance form of a leg that waits: what a case would get from inspection's answer."""


def uncovered(rulebook: Rulebook, cases: Path, context: Context) -> list[Fault]:
    """Rows that no case runs and conditions that came out one way only, in the message versions valid today."""
    coverage: dict[str, Coverage] = {}
    tables: dict[str, MessageTable] = {}
    for agency in rulebook.agencies.values():
        for route in agency.routes:
            table = agency.table_on(route.message, context.accepted_on)
            tables[table.path] = table
            coverage[table.path] = Coverage()
    for declaration in _forms(rulebook, cases):
        for leg in plan(rulebook, declaration, context.accepted_on):
            table = rulebook.agencies[leg.agency].table(leg.message, leg.version)
            filing = {"accepted_at": context.accepted_at.isoformat(), "scope": declaration.scope}
            filing |= carried(rulebook, leg, SPECIMEN_FORM_ID, declaration, context.accepted_on)
            # once with nothing else the window supplies, once with all of it: a bare configuration must work too
            full = {name: filing.get(name, context.accepted_at.isoformat()) for name in rulebook.filing - _carried}
            for values in (filing, filing | full):
                tracer = Tracer(
                    rulebook.table_context(table, context.accepted_on), declaration, values, coverage[table.path]
                )
                for _ in tracer.run():
                    pass
    faults = TableFaults()
    for path, table in tables.items():
        for row in table.rows:
            _judge(row, coverage[path], faults)
    return faults.found


_carried = frozenset({"clearance_form_id", "clearance_form_type"})


def _forms(rulebook: Rulebook, cases: Path) -> list[Declaration]:
    found = []
    for path in sorted({*cases.rglob("declaration*.*"), *cases.rglob("ships/*.json")}):
        if path.suffix in (".json", ".xml"):
            try:
                found.append(read_form(rulebook, path.read_bytes(), f"application/{path.suffix[1:]}"))
            except UnreadableDocument:
                continue  # cases of bad input hold unreadable files on purpose
    return found


def _judge(row: MapRow, coverage: Coverage, faults: TableFaults) -> None:
    if row.line not in coverage.rows:
        faults.note(row.row, "line", f"{row.line} 没有案例用到", f"{row.line}: no case runs this row")
    answers = coverage.conditions.get(row.line, set())
    for column, condition in (("when", row.when), ("each", row.each.where if row.each else None)):
        if condition is not None and answers != {True, False}:
            missing = "成立" if True not in answers else "不成立"
            zh = f"{row.line} 的条件没有“{missing}”的案例"
            en = f"{row.line}: no case in which the condition {'holds' if True not in answers else 'fails'}"
            faults.note(row.row, column, zh, en)
