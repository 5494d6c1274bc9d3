"""SECURITY.md and docs/hardening.md name tests and codes that exist."""

from __future__ import annotations

import re

import pytest

from gateway.problems import STATUS
from tests.support.windows import ROOT

NAMED = re.compile(r"`(tests/[\w/.]+\.py)?(?:::(\w+))?`")
CODE = re.compile(r"`([a-z_]+)`")
PAGES = ("SECURITY.md", "docs/hardening.md")
OTHERS = {"invalid_client", "act_refused"}
"""RFC 6749's word for all that is wrong with a client, and an act of the journal."""


def rows(page: str, cells: int) -> list[str]:
    lines = (ROOT / page).read_text().splitlines()
    return [line for line in lines if line.count(" | ") == cells - 1 and line.startswith("|") and "---" not in line]


def named() -> list[tuple[str, str]]:
    found = []
    for line in (line for page in PAGES for line in rows(page, 4)):
        path = ""
        for file, test in NAMED.findall(line.rpartition(" | ")[2]):
            path = file or path
            if path:
                found.append((path, test))
    return sorted(set(found))


@pytest.mark.parametrize(("path", "test"), named())
def test_a_named_test_exists(path: str, test: str) -> None:
    text = (ROOT / path).read_text()
    assert f"def {test}(" in text if test else "def test_" in text


def test_every_row_names_one() -> None:
    found = rows("SECURITY.md", 4)
    assert len(found) > 20
    assert all("`tests/" in row or "`make " in row for row in found[1:])


def test_every_refused_credential_names_its_code_and_its_test() -> None:
    found = rows("docs/hardening.md", 4)
    assert len(found) > 18
    known = {cls.code for cls in STATUS} | OTHERS
    for row in found[1:]:
        *_, codes, tests = row.split(" | ")
        assert set(CODE.findall(codes)) <= known, row
        assert "`tests/" in tests or "the same" in tests or "the first" in tests, row
