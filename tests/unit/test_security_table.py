"""SECURITY.md names tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.support.windows import ROOT

NAMED = re.compile(r"`(tests/[\w/.]+\.py)?(?:::(\w+))?`")


def named() -> list[tuple[str, str]]:
    found = []
    for line in (ROOT / "SECURITY.md").read_text().splitlines():
        path = ""
        for file, test in NAMED.findall(line.rpartition(" | ")[2]) if line.startswith("|") else ():
            path = file or path
            if path:
                found.append((path, test))
    return found


@pytest.mark.parametrize(("path", "test"), named())
def test_a_named_test_exists(path: str, test: str) -> None:
    text = (ROOT / path).read_text()
    assert f"def {test}(" in text if test else "def test_" in text


def test_every_row_names_one() -> None:
    rows = [
        line for line in (ROOT / "SECURITY.md").read_text().splitlines() if line.count(" | ") == 3 and "---" not in line
    ]
    assert len(rows) > 20
    assert all("`tests/" in row or "`make " in row for row in rows[1:])
