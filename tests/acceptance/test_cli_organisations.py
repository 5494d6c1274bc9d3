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
from tests.support.windows import ROOT

ASKED: dict[str, Any] = {
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


def test_a_machines_key_in_a_file_files_and_asks(site: Site, tmp_path: Path) -> None:
    typed(site, "approve", register(site))
    person = ASKED["person"]
    _, said, headers = asked(site, "POST", "/session", {name: person[name] for name in ("login", "password")})
    session = {"Cookie": headers["Set-Cookie"].partition(";")[0], "Onewindow-CSRF": said["csrf"]}
    wish = {"name": "erp", "kind": "key", "scopes": ["read", "file"]}
    _, machine, _ = asked(site, "POST", "/machines", wish, session)
    key = tmp_path / "erp.key"
    key.write_text(machine["secret"] + "\n")

    def typed_with_it(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--url", site.url, "--token-file", str(key)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    form = ROOT / "samples" / "sea-import-electronics-customs-only.json"
    filed = json.loads(typed_with_it("submit", str(form), "--json").stdout)
    seen = json.loads(typed_with_it("status", filed["id"], "--json").stdout)
    assert (seen["status"], seen["reference"]) == ("filed", filed["reference"])
    asked(site, "DELETE", f"/machines/{machine['id']}", None, session)
    refused = typed_with_it("status", filed["id"])
    assert refused.exit_code == 1
    assert "已吊销" in refused.output


def asked(
    site: Site, method: str, path: str, content: Any, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """Status, content and headers of a request that is answered well."""
    body = None if content is None else json.dumps(content).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(f"{site.url}/api/v1{path}", body, given, method=method)
    with urllib.request.urlopen(request) as reply:
        return reply.status, json.load(reply), reply.headers
