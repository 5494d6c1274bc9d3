"""`onewindow keys …` for what is sealed at rest, beside a serving window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from gateway import masters
from gateway.cli import app
from gateway.config import Settings
from gateway.ids import DECLARATION, new_id
from gateway.masters import Masters
from tests.support.plain import sealed_archive
from tests.support.served import Site, served
from tests.support.windows import START


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONEWINDOW_DATA_DIR", str(tmp_path))
    return tmp_path


def keys(site: Site | None, *arguments: str | Path, code: int = 0) -> Any:
    where = ["--url", site.url, "--json"] if site is not None else []
    done = CliRunner().invoke(app, ["keys", *map(str, arguments), *where])
    assert done.exit_code == code, done.output
    return orjson.loads(done.stdout) if site is not None else done.output


def test_the_master_key_is_changed_beside_a_serving_window(data_dir: Path) -> None:
    with served(data_dir) as site:
        [first] = keys(site, "masters")["masters"]
        made = Path(keys(None, "new-master").strip())
        assert made.parent == data_dir / "secrets" / masters.FOLDER
        assert made.stat().st_mode & 0o077 == 0
        done = keys(site, "rotate-master")
        assert (done["rewrapped"], done["waiting"]) == (1, {})
        state = keys(site, "masters")
        assert state == {"masters": [done["master"], first], "data_keys": {done["master"]: 1}}
        said = CliRunner().invoke(app, ["keys", "masters", "--url", site.url]).stdout
        assert f"{first}  数据密钥 data keys: 0  可移除 / may be taken away" in said
        assert keys(site, "rotate-data") == {"made": 1}
        assert sum(keys(site, "seal-old")["sealed"].values()) == 0


def test_an_archive_file_is_opened_without_a_window(data_dir: Path) -> None:
    masters.create(data_dir / "secrets", START)
    file = data_dir / f"{new_id(DECLARATION, START)}.0123456789ab.zip.sealed"
    file.write_bytes(
        sealed_archive(Masters(data_dir / "secrets"), file.name.partition(".")[0], {"filed/1.xml": b"<a/>"})
    )
    keys(None, "open-archive", file, "--to", data_dir / "opened")
    assert (data_dir / "opened" / "filed" / "1.xml").read_bytes() == b"<a/>"
    assert "已存在" in keys(None, "open-archive", file, "--to", data_dir / "opened", code=3)
    file.write_bytes(file.read_bytes()[:-1])
    assert "无法读取" in keys(None, "open-archive", file, "--to", data_dir / "again", code=3)


def test_the_key_is_in_no_words_of_the_settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEWINDOW_MASTER_KEY", "c2VjcmV0IHdvcmRz")
    assert "c2VjcmV0IHdvcmRz" not in repr(Settings())
    assert "c2VjcmV0" not in keys(None, "open-archive", __file__, "--to", data_dir / "x", code=3)
