"""Terms of keeping: the table of how long what stays in the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from core_forms import bundle, edited

from declarations.bundle import Bundle
from declarations.responses import COMBINED
from declarations.tablecheck import check_tables
from declarations.terms import BY_AGE, ENDED, RETENTION, load_terms
from tests.support.windows import START

ROW = "goods,cancelled,30,365,3,practice,海关稽查条例第六条 [P],nothing was released under it"


def test_every_ended_status_has_its_term() -> None:
    terms = load_terms(bundle())
    assert {term.status for term in terms.declarations} == set(ENDED) < set(COMBINED)
    closed = next(term for term in terms.declarations if term.status == "closed")
    # customs may ask for three years from release; closed comes after release
    assert closed.remove_after >= timedelta(days=3 * 365)
    assert set(terms.records) == set(BY_AGE)


def test_without_the_table_everything_is_kept() -> None:
    files = bundle().files
    del files[RETENTION]
    terms = load_terms(Bundle(files))
    assert (terms.declarations, terms.records) == ((), {})


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("vessels,closed,30,365,3,law,,", "what"),
        ("goods,released,30,365,3,law,,", "status"),
        ("goods,in_progress,30,365,3,law,,", "status"),
        ("goods,closed,30,365,3,law,,", "status"),
        ("goods,cancelled,400,365,3,law,,", "archive_days"),
        ("goods,cancelled,,365,3,law,,", "archive_days"),
        ("goods,cancelled,30,0,3,law,,", "remove_days"),
        ("goods,cancelled,30,one year,3,law,,", "remove_days"),
        ("goods,cancelled,30,365,,law,,", "file_years"),
        ("goods,cancelled,30,365,3,sure,,", "certainty"),
        ("process,closed,,7,,practice,,", "status"),
        ("process,,1,7,,practice,,", "archive_days"),
    ],
)
def test_a_bad_row_is_named(row: str, column: str) -> None:
    broken = edited(RETENTION, lambda text: text.replace(ROW, row, 1))
    if row.startswith("process,"):
        broken = edited(RETENTION, lambda text: text.replace("process,,,7,,practice", ",".join(row.split(",")[:6]), 1))
    found = [fault for fault in check_tables(broken, None, START) if fault.severity == "error"]
    assert f"{RETENTION}#{column}" in {fault.pointer for fault in found}
    assert all(fault.line and fault.message_zh for fault in found)
