"""What each agency is sent at each step of a ship's call, byte for byte: tests/data/ships/<step>.json in, beside it
golden/<step>/<agency>.xml out. `make golden` rewrites them; review the difference."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from declarations.checking import check
from declarations.routing import plan
from declarations.split import render
from gateway.config import Settings
from gateway.filing import filing_values
from tests.support.ships import FORMS
from tests.support.windows import JSON, rulebook

GOLDEN = FORMS / "golden"
STEPS = sorted(rulebook().forms["vessel"].scopes)
AT = datetime(2015, 10, 23, 9, 0, tzinfo=UTC)
"""After everything the forms say was signed."""
MESSAGE_IDS = {"customs": "01", "inspection": "02", "maritime": "03", "border": "04"}


def sent(step: str, data_dir: Path) -> dict[str, bytes]:
    """agency -> its message of the step's form, filed on 23 October 2015."""
    tables = rulebook()
    context = tables.context(AT, "default")
    checked = check(tables, (FORMS / f"{step}.json").read_bytes(), JSON, context)
    assert checked.valid, checked.faults
    declaration, settings, found = checked.declaration, Settings(data_dir=data_dir), {}
    for leg in plan(tables, declaration, context.accepted_on):
        message_id = f"M01KAHJ3R6V0N7E9QK2M4T8WX{MESSAGE_IDS[leg.agency]}"
        values = filing_values(settings, declaration, AT, message_id)
        found[leg.agency] = render(tables, leg, declaration, values, context.accepted_on)
    return found


@pytest.mark.sqlite_only
@pytest.mark.parametrize("step", STEPS)
def test_each_agency_gets_exactly_its_message(step: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    messages, folder = sent(step, tmp_path), GOLDEN / step
    if request.config.getoption("--golden"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for agency, body in messages.items():
            (folder / f"{agency}.xml").write_bytes(body)
    assert set(messages) == set(rulebook().forms["vessel"].scopes[step])
    assert messages == {path.stem: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.sqlite_only
def test_there_is_nothing_golden_of_a_step_that_is_no_more() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == STEPS
