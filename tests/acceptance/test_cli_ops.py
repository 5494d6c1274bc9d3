"""`onewindow ops …` against a served window, as a night shift types it: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.support.served import Site, numbered, served
from tests.support.windows import ROOT

ELECTRONICS = (ROOT / "samples" / "sea-import-electronics-customs-only.json").read_bytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("window")) as found:
        yield found


@pytest.fixture(autouse=True)
def _at_the_same_machine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEWINDOW_DATA_DIR", str(site.secrets.parent))


def ops(site: Site, *arguments: str | Path, by: str = "default") -> Any:
    result = CliRunner().invoke(app, ["ops", *map(str, arguments), "--url", site.url, "--operator", by])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(site: Site, *arguments: str | Path, by: str = "default") -> dict[str, Any]:
    result = ops(site, *arguments, "--json", by=by)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def operator(site: Site, name: str) -> str:
    """An operator of that name, who may be there already."""
    if not (site.secrets / "operators" / f"{name}.token").exists():
        assert CliRunner().invoke(app, ["ops", "token", name]).exit_code == 0
    return name


def filed(site: Site, reference: str) -> str:
    request = urllib.request.Request(f"{site.url}/api/v1/declarations", numbered(ELECTRONICS, reference))
    for name, value in {**site.token("clients/default"), "Content-Type": "application/json"}.items():
        request.add_header(name, value)
    with urllib.request.urlopen(request) as reply:
        declaration_id: str = json.loads(reply.read())["id"]
    return declaration_id


def answered(site: Site, body: bytes) -> str:
    """A document that inspection pushed; its id."""
    request = urllib.request.Request(f"{site.url}/api/v1/agencies/inspection/answers", body)
    for name, value in {**site.token("agencies/inspection"), **site.signed(body)}.items():
        request.add_header(name, value)
    with urllib.request.urlopen(request) as reply:
        inbox_id: str = json.loads(reply.read())["inbox_id"]
    return inbox_id


def test_a_shift_looks_at_queues_stuck_and_silent(site: Site) -> None:
    declaration_id = filed(site, "OPS000000000000001")
    customs = next(item for item in told(site, "queues")["items"] if item["agency"] == "customs")
    assert customs["ordinary"] >= 1
    shown = ops(site, "queues").stdout
    assert "海关" in shown
    assert "customs" in shown
    assert "ok" in shown
    assert declaration_id in {item["declaration_id"] for item in told(site, "stuck", "--minutes", "0")["items"]}
    listed = ops(site, "stuck", "--minutes", "0", "--agency", "customs").stdout
    assert declaration_id in listed.replace("\n", "")
    assert "在队列中等待过久" in listed
    assert told(site, "silent")["items"] == []
    assert told(site, "processes")["items"] is not None


def test_a_message_is_shown_and_saved_stage_by_stage(site: Site, tmp_path: Path) -> None:
    declaration_id = filed(site, "OPS000000000000002")
    (message,) = told(site, "messages", "--declaration", declaration_id)["messages"]
    assert message["id"] in ops(site, "messages", "--declaration", declaration_id).stdout
    shown = ops(site, "messages", message["id"], "--save", tmp_path / "stages")
    assert shown.exit_code == 0
    assert "OPS000000000000002" in shown.stdout
    kept = {path.name: path.read_bytes() for path in (tmp_path / "stages").iterdir()}
    assert kept[f"{message['id']}.form"] == numbered(ELECTRONICS, "OPS000000000000002")
    assert kept[f"{message['id']}.message.xml"].startswith(b"<?xml")


def test_two_operators_have_a_document_taken_up_again(site: Site, tmp_path: Path) -> None:
    ann, bob = operator(site, "ann"), operator(site, "bob")
    body = b"<?xml version='1.0'?><nothing/>"
    inbox_id = answered(site, body)
    assert inbox_id in ops(site, "document", "--state", "quarantined").stdout
    assert ops(site, "document", inbox_id, "--save", tmp_path).exit_code == 0
    assert (tmp_path / f"{inbox_id}.answer.xml").read_bytes() == body
    asked = told(site, "ask", "requeue", inbox_id, "--reason", "the table is right now", by=ann)
    assert asked["id"] in ops(site, "approvals").stdout
    own = ops(site, "grant", asked["id"], by=ann)
    assert own.exit_code == 1
    assert "申请人不能批准自己的申请" in own.stderr
    again = ops(site, "ask", "requeue", inbox_id, "--reason", "me too", by=bob)
    assert again.exit_code == 1
    assert f"ops grant {asked['id']}" in again.stderr
    granted = ops(site, "grant", asked["id"], by=bob)
    assert granted.exit_code == 0
    assert "已隔离" in granted.stdout
    (done,) = [item for item in told(site, "approvals", "--all")["items"] if item["id"] == asked["id"]]
    assert (done["state"], done["asked_by"], done["decided_by"]) == ("done", "ann", "bob")


def test_a_wish_can_be_refused_or_taken_back(site: Site) -> None:
    ann, bob = operator(site, "ann"), operator(site, "bob")
    inbox_id = answered(site, b"<?xml version='1.0'?><nothing2/>")
    first = told(site, "ask", "requeue", inbox_id, "-r", "x", by=ann)
    assert told(site, "refuse", first["id"], by=ann)["state"] == "withdrawn"
    second = told(site, "ask", "requeue", inbox_id, "-r", "x", by=ann)
    assert told(site, "refuse", second["id"], "-r", "no table yet", by=bob)["state"] == "refused"
    late = ops(site, "grant", second["id"], by=bob)
    assert late.exit_code == 1
    assert "已有结论" in late.stderr


def test_an_agency_is_paused_and_resumed(site: Site) -> None:
    assert ops(site, "pause", "customs", "--reason", "repairs").exit_code == 0
    assert "repairs" in ops(site, "queues").stdout
    assert ops(site, "pause", "customs", "--reason", "again").exit_code == 1
    assert "sending" in ops(site, "resume", "customs", "--reason", "done").stdout


def test_a_channel_is_tried_and_a_dead_one_ends_with_1(site: Site) -> None:
    good = ops(site, "test", "customs")
    assert good.exit_code == 0, good.output
    dead = ops(site, "test", "inspection", "--json")
    assert dead.exit_code == 1
    assert json.loads(dead.stdout)["ok"] is False


def test_stored_answers_are_read_again(site: Site) -> None:
    counts = told(site, "replay", "--since", "2020-01-01")["counts"]
    assert counts["read"] == sum(value for name, value in counts.items() if name != "read")
    assert ops(site, "replay").exit_code == 1, "neither a day nor a declaration"


def test_a_new_operator_works_at_once_and_a_removed_one_no_more(site: Site) -> None:
    made = CliRunner().invoke(app, ["ops", "token", "night-2"])
    assert made.exit_code == 0
    path = site.secrets / "operators" / "night-2.token"
    assert str(path) in made.stdout.replace("\n", "")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert path.read_text().strip() not in made.stdout
    assert ops(site, "queues", by="night-2").exit_code == 0, "without a restart"
    again = CliRunner().invoke(app, ["ops", "token", "night-2"])
    assert again.exit_code == 1
    assert "night-2" in again.stderr
    assert CliRunner().invoke(app, ["ops", "token", "../x"]).exit_code == 1


def test_who_has_no_token_is_told_which_file_is_missing(site: Site) -> None:
    result = ops(site, "queues", by="nobody")
    assert result.exit_code == 3
    assert "nobody.token" in result.stderr.replace("\n", "")


@pytest.mark.parametrize(
    "command", [("queues",), ("stuck",), ("silent",), ("messages",), ("document",), ("approvals",), ("processes",)]
)
def test_a_client_is_not_let_in(site: Site, command: tuple[str, ...]) -> None:
    token = site.secrets / "clients" / "default.token"
    result = CliRunner().invoke(app, ["ops", *command, "--url", site.url, "--token-file", str(token)])
    assert result.exit_code == 1
    assert "forbidden" in result.stderr
