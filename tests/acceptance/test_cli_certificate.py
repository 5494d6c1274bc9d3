"""`onewindow certificate`: a file and a QR code verified without a window, and the state asked of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.keys import WINDOW, KeyRing
from gateway.cli import app
from gateway.paper import certificate, proof
from gateway.paper.content import CertificateContent
from tests.support.papers import ADDRESS, RECORD, keys_in
from tests.support.served import served


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return keys_in(tmp_path_factory.mktemp("window") / "secrets" / "keys")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> tuple[str, str]:
    """The certificate's file and that of the window's public keys."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "clearance.pdf").write_bytes(certificate.make(RECORD, keys, ADDRESS))
    public = {"keys": [key.as_dict() for key in keys.of(WINDOW)]}
    (folder / "keys.json").write_text(json.dumps(public))
    return str(folder / "clearance.pdf"), str(folder / "keys.json")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    # a machine that has no keys of its own
    monkeypatch.setenv("ONEWINDOW_DATA_DIR", str(tmp_path))
    return CliRunner()


def test_a_genuine_file_is_told_without_a_network(command: CliRunner, given: tuple[str, str], keys: KeyRing) -> None:
    done = command.invoke(app, ["certificate", "verify", given[0], "--keys", given[1]])
    assert done.exit_code == 0, done.output
    for wanted in ("签名有效", "SHA2015000001", "EASTERN HARBINGER", "9900019", keys.of(WINDOW)[0].id, "未在线查询"):
        assert wanted in done.stdout
    told = json.loads(command.invoke(app, ["certificate", "verify", given[0], "--keys", given[1], "--json"]).stdout)
    assert told["genuine"] and told["state"] is None
    # what the public page does not tell is not told here either
    assert "ZHANG" not in done.stdout + json.dumps(told)


def test_one_byte_changed_is_not_genuine(command: CliRunner, given: tuple[str, str], tmp_path: Path) -> None:
    altered = bytearray(Path(given[0]).read_bytes())
    altered[len(altered) // 3] ^= 1
    file = tmp_path / "altered.pdf"
    file.write_bytes(altered)
    done = command.invoke(app, ["certificate", "verify", str(file), "--keys", given[1]])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "不是有效的许可证" in done.stderr and "not a valid certificate" in done.stderr
    told = json.loads(command.invoke(app, ["certificate", "verify", str(file), "--keys", given[1], "--json"]).stdout)
    assert (told["genuine"], told["code"]) == (False, "bad_signature")


def test_without_the_windows_keys_nothing_is_genuine(command: CliRunner, given: tuple[str, str]) -> None:
    done = command.invoke(app, ["certificate", "verify", given[0]])
    assert done.exit_code == 1 and "不是单一窗口的密钥" in done.stderr


def test_a_window_is_asked_whether_it_counts(command: CliRunner, given: tuple[str, str], tmp_path: Path) -> None:
    asked = ["certificate", "verify", given[0], "--keys", given[1], "--json", "--window"]
    with served(tmp_path / "other") as site:
        done = command.invoke(app, [*asked, site.url])
    # genuine, but this window never issued it
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (1, "unknown")
    done = command.invoke(app, [*asked, site.url])
    assert done.exit_code == 3 and "未返回状态" in done.stderr


def test_the_qr_code_of_a_paper_is_verified(command: CliRunner, given: tuple[str, str], keys: KeyRing) -> None:
    content, [key] = CertificateContent.of(RECORD), keys.of(WINDOW)
    link = f"{ADDRESS}/verify/{content.number}?code={content.code}#{proof.text(content, key)}"
    done = command.invoke(app, ["certificate", "code", link, "--keys", given[1]])
    assert done.exit_code == 0, done.output
    assert content.digest.hex() in done.stdout
    for wrong in (link.replace("SHA2015000001", "SHA2015000002"), link.partition("#")[0], "x"):
        assert command.invoke(app, ["certificate", "code", wrong, "--keys", given[1]]).exit_code == 1
