"""The proof of the tables (design.md section 2): run at every start, and by `onewindow tables check`.

A fault names file, row and column. What is proved: every mandatory target fed, targets and items exist, `occurs` and order agree
with the schema, agency columns and maps agree, every item sent somewhere or marked unused with a reason, lists and
conversions there, routing closed, generated schemas fresh.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from declarations.agency import Agency
from declarations.bundle import Bundle, table_fault
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.faults import Fault
from declarations.formschema import form_xsd
from declarations.messageproof import MessageProof
from declarations.papers import load_papers
from declarations.routing import prove_routes
from declarations.signatureterms import signature_terms
from declarations.tablecases import uncovered
from declarations.tables import MapRow, MessageTable, TableFaults
from declarations.terms import load_terms
from declarations.workdays import holidays_missing, prove_public_holidays

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook


def prove(rulebook: Rulebook) -> list[Fault]:
    """All structural faults of a rulebook's tables."""
    faults = TableFaults()
    for form in rulebook.forms.values():
        _prove_form(rulebook, form, faults)
    for agency in rulebook.agencies.values():
        for table in agency.messages:
            _prove_schema(rulebook.bundle, table, faults)
            if table.direction == "out" and table.form not in rulebook.forms:
                meta = table.path.replace("map.csv", "meta.toml")
                faults.note_file(meta, "form", f"没有表单 {table.form}", f"there is no form {table.form}")
            elif table.direction == "out" and table.schema in rulebook.bundle:
                MessageProof(rulebook, table, agency.codes, faults).run()
        _prove_versions(agency, faults)
        signature_terms(agency.name, agency.settings, faults)
        prove_routes(rulebook, agency.name, faults)
    faults.found += prove_public_holidays(rulebook.bundle)
    try:
        load_terms(rulebook.bundle)
    except BadConfiguration as error:
        faults.found += error.faults
    try:
        load_papers(rulebook.bundle, rulebook.forms)
    except BadConfiguration as error:
        faults.found += error.faults
    return faults.found


def _prove_form(rulebook: Rulebook, form: Form, faults: TableFaults) -> None:
    path = f"mappings/forms/{form.name}.csv"
    known = {name: _known(agency, form) for name, agency in rulebook.agencies.items()}
    for row in rulebook.bundle.table(path):
        item = form.items[row["item_id"]]
        if item.code_list and item.code_list not in rulebook.codes.lists:
            faults.note(row, "code_list", f"没有代码表 {item.code_list}", f"there is no list {item.code_list}")
        for agency in item.obligations:
            if item.item_id not in known[agency]:
                faults.note(
                    row,
                    agency,
                    "该机构的报文没有用到此项，也未注明原因",
                    "no message of this agency uses it or says why not",
                )
        if not item.obligations and not item.reference.startswith("window only"):
            faults.note(
                row,
                "reference",
                "不送任何机构的数据项须注明 window only 及原因",
                "goes to no agency: say `window only` and why",
            )
    if form_xsd(form) != rulebook.bundle.data(f"xsd/merged/{form.name}.xsd"):
        faults.note_file(
            f"xsd/merged/{form.name}.xsd",
            "",
            "与数据字典不一致，请重新生成",
            "is not what the dictionary gives: generate it",
        )


def _known(agency: Agency, form: Form) -> set[str]:
    """Items of a form that a message to this agency uses, or of which it says why not."""
    tables = [table for table in agency.messages if table.direction == "out" and table.form == form.name]
    return {item for table in tables for item in table.unused}.union(
        *(_named(row) for table in tables for row in table.rows)
    )


def _named(row: MapRow) -> set[str]:
    """Items a row sends: its sources, and the item a loop goes by."""
    names = {source.removeprefix("parent.") for source in row.sources}
    return names | ({row.each.by} if row.each and row.each.by else set()) | _selected(row)


def _selected(row: MapRow) -> set[str]:
    return set(row.each.where.operands()) if row.each and row.each.where else set()


def _prove_schema(bundle: Bundle, table: MessageTable, faults: TableFaults) -> None:
    meta = table.path.replace("map.csv", "meta.toml")
    if table.schema not in bundle:
        faults.note_file(meta, "schema", f"没有 {table.schema}", f"there is no {table.schema}")
    elif table.meta.get("schema_sha256") != bundle.digests[table.schema]:
        digest = bundle.digests[table.schema]
        faults.note_file(meta, "schema_sha256", f"与 {table.schema} 不符", f"is not that of {table.schema}: {digest}")


def _prove_versions(agency: Agency, faults: TableFaults) -> None:
    """On every day from a message's first version on, exactly one version is valid."""
    outgoing = sorted(
        (table for table in agency.messages if table.direction == "out"), key=lambda table: table.valid_from
    )
    for message in {table.message for table in outgoing}:
        versions = [table for table in outgoing if table.message == message]
        for earlier, later in pairwise(versions):
            if earlier.valid_to != later.valid_from:
                meta = earlier.path.replace("map.csv", "meta.toml")
                zh = f"须于 {later.version} 版生效之日 {later.valid_from} 结束"
                faults.note_file(
                    meta, "valid_to", zh, f"must be {later.valid_from}, when version {later.version} begins"
                )


def check_tables(bundle: Bundle, cases: Path | None, now: datetime) -> list[Fault]:
    """Everything wrong with the tables; with `cases` also what the golden cases leave untried in the versions valid now."""
    from declarations.rulebook import Rulebook

    try:
        rulebook = Rulebook(bundle)
    except BadConfiguration as error:
        return error.faults or [table_fault("mappings", None, "", error.message_zh, error.message_en)]
    faults = prove(rulebook)
    if cases is not None and not faults:
        faults = uncovered(rulebook, cases, rulebook.context(now))
    return faults + holidays_missing(bundle, now)
