"""`onewindow ops organisations …` against a served window: letting in, verifying, suspending, as a registrar types it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.support.served import Site, served

ASKED = {
    "name": "上海某进出口有限公司",
    "kinds": ["trader"],
    "papers": {"name_zh": "上海某进出口有限公司", "social_credit_code": "91310115342088153B"},
    "person": {"login": "chen", "name": "陈某", "email": "chen@example.com", "password": "correct horse battery"},
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("ONEWINDOW_DATA_DIR", str(tmp_path))
    with served(tmp_path) as found:
        yield found


def register(site: Site) -> str:
    request = urllib.request.Request(
        f"{site.url}/api/v1/registrations", json.dumps(ASKED).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return str(json.load(reply)["id"])


def typed(site: Site, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["ops", "organisations", *arguments, "--url", site.url], env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.output


def told(site: Site, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(typed(site, *arguments, "--json"))
    return found


def test_a_registrar_lets_an_organisation_in_and_looks_after_it(site: Site) -> None:
    first, second = register(site), register(site)
    listed = typed(site, "registrations")
    assert first in listed
    assert "91310115342088153B" in listed
    assert "chen@example.com" in listed
    assert "correct horse" not in listed
    said = typed(site, "approve", first)
    organisation_id = said.strip().rpartition(" ")[2]
    assert organisation_id.startswith("O")
    # the second wants a log-in that is somebody's by now
    assert "该登录名已被使用" in typed(site, "registrations")
    assert "registration_conflict" in typed(site, "approve", second, code=1)
    assert "未通过" in typed(site, "refuse", second, "--reason", "came twice")

    shown = typed(site, "show", organisation_id)
    assert "未核对 not verified" in shown
    seen = told(site, "show", organisation_id)["papers"]["updated_at"]
    assert "verified" in typed(site, "verify", organisation_id, "--seen", seen)
    assert told(site, "show", organisation_id)["papers"]["verified"] is True
    assert "papers_conflict" in typed(site, "verify", organisation_id, "--seen", seen, code=1)

    assert "suspended" in typed(site, "suspend", organisation_id, "--reason", "forged papers")
    assert [item["id"] for item in told(site, "list", "--state", "suspended")["items"]] == [organisation_id]
    assert "active" in typed(site, "restore", organisation_id, "--reason", "cleared")
    assert organisation_id in typed(site, "list")


def test_the_first_administrator_of_an_agency_is_invited(site: Site) -> None:
    said = typed(site, "invite", "agency-customs", "head@example.com")
    assert said.startswith("owi_")
    assert "move_not_allowed" in typed(site, "suspend", "operators", "--reason", "no", code=1)
    assert "not_found" in typed(site, "show", "nobody", code=1)
