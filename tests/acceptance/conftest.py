"""What all acceptance tests share: the tables of the repository are read and proved once, not by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from declarations.rulebook import Rulebook
from tests.support.windows import ROOT, rulebook


@pytest.fixture(autouse=True)
def _tables_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For commands run in this process; programs read their own."""
    kept, load = rulebook(), Rulebook.load
    monkeypatch.setattr(Rulebook, "load", lambda root: kept if Path(root).resolve() == ROOT else load(root))
