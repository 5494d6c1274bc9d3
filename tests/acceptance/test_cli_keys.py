"""`onewindow keys`: made, imported, listed, revoked on the command line; a running window takes it without a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from adapters.keyfiles import from_public
from gateway.cli import app


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("ONEWINDOW_DATA_DIR", str(tmp_path))
    return CliRunner()


def listed(command: CliRunner) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(command.invoke(app, ["keys", "list", "--json"]).stdout)
    return found


def test_a_rotation_from_new_key_to_public_file(command: CliRunner) -> None:
    first = command.invoke(app, ["keys", "new"])
    assert first.exit_code == 0, first.output
    later = command.invoke(app, ["keys", "new", "--after-days", "30", "--days", "400"])
    assert later.exit_code == 0
    told = json.loads(command.invoke(app, ["keys", "public"]).stdout)["keys"]
    assert {key[:16] for key in (first.stdout, later.stdout)} == set(from_public(told))
    assert "PRIVATE" not in json.dumps(told)
    shown = command.invoke(app, ["keys", "list"])
    assert "有效 in force" in shown.stdout
    assert "未生效 not yet" in shown.stdout


def test_an_agencys_key_is_imported_and_revoked(command: CliRunner, tmp_path: Path) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    taken = ["keys", "import", "customs", str(tmp_path / "key.pem"), "--algorithm", "ecdsa-p256-sha256"]
    assert command.invoke(app, taken).exit_code == 0
    [key] = listed(command)
    assert (key["owner"], key["revoked_at"]) == ("customs", None)
    assert command.invoke(app, ["keys", "revoke", key["id"]]).exit_code == 0
    assert listed(command)[0]["revoked_at"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "nobody", "key.pem"],
        ["import", "customs", "key.pem"],
        ["import", "customs", "no.pem"],
        ["new", "--algorithm", "rot13"],
        ["revoke", "0123456789abcdef"],
    ],
)
def test_what_cannot_be_is_refused_in_words(command: CliRunner, tmp_path: Path, arguments: list[str]) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).public_key()
    # an elliptic key where Ed25519, the default, is meant; and a file that holds none
    content = pem.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(content)
    (tmp_path / "no.pem").write_text("钥")
    given = [str(tmp_path / each) if each.endswith(".pem") else each for each in arguments]
    refused = command.invoke(app, ["keys", *given])
    assert refused.exit_code in (1, 2, 3)
    assert "Traceback" not in refused.output
    assert any("\u4e00" <= character <= "\u9fff" for character in refused.output)
    assert listed(command) == []
