"""Tokens in files: who they let in, and that a window takes new ones and drops removed ones while it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from declarations.errors import BadConfiguration, BadRequest, MoveNotAllowed
from gateway import identity
from gateway.identity import Secrets, create_operator

AGENCIES = ("customs",)


def token(path: Path) -> str:
    return path.read_text().strip()


def test_a_first_start_makes_one_client_one_operator_and_what_agencies_need(tmp_path: Path) -> None:
    Secrets.create_missing(tmp_path, AGENCIES)
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*") if path.is_file())
    assert made == [
        "agencies/customs.hmac",
        "agencies/customs.token",
        "clients/default.token",
        "operators/default.token",
    ]


def test_each_token_says_who_calls(tmp_path: Path) -> None:
    secrets = Secrets.create_missing(tmp_path, AGENCIES)
    found = {}
    for name in ("clients/default", "operators/default", "agencies/customs"):
        caller = secrets.caller(token(tmp_path / f"{name}.token"))
        assert caller is not None
        found[name] = (caller.kind, caller.name, caller.organisation_id)
    assert found == {
        "clients/default": ("client", "default", "default"),
        "operators/default": ("operator", "default", ""),
        "agencies/customs": ("agency", "customs", ""),
    }
    assert secrets.caller("nobody's") is None
    assert secrets.caller("") is None


def test_a_new_operator_is_known_at_once(tmp_path: Path) -> None:
    secrets = Secrets.create_missing(tmp_path, AGENCIES)
    caller = secrets.caller(token(create_operator(tmp_path, "ann")))
    assert caller is not None
    assert (caller.kind, caller.name) == ("operator", "ann")


def test_a_changed_token_replaces_the_old_one(tmp_path: Path) -> None:
    secrets = Secrets.create_missing(tmp_path, AGENCIES)
    path = create_operator(tmp_path, "ann")
    old = token(path)
    assert secrets.caller(old)
    path.write_text("another token of ann's\n")
    assert secrets.caller("another token of ann's") is not None
    assert secrets.caller(old) is None


async def test_a_removed_token_soon_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "LOOK_SECONDS", 0.05)
    secrets = Secrets.create_missing(tmp_path, AGENCIES)
    path = create_operator(tmp_path, "ann")
    known = token(path)
    assert secrets.caller(known)
    path.unlink()
    async with asyncio.timeout(10):
        while secrets.caller(known) is not None:
            await asyncio.sleep(0.01)
    assert secrets.caller(token(tmp_path / "operators" / "default.token")) is not None


def test_a_broken_file_lets_nobody_in_and_keeps_nobody_out(tmp_path: Path) -> None:
    secrets = Secrets.create_missing(tmp_path, AGENCIES)
    (tmp_path / "operators" / "half.token").write_text("")
    ann = token(create_operator(tmp_path, "ann"))
    assert secrets.caller("") is None
    assert secrets.caller(ann) is not None
    with pytest.raises(BadConfiguration):
        Secrets(tmp_path)


def test_nothing_is_read_again_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = Secrets.create_missing(tmp_path, AGENCIES)
    known = token(tmp_path / "operators" / "default.token")

    def read_again(_: Path) -> bytes:
        raise AssertionError("read without need")

    monkeypatch.setattr(identity, "_read", read_again)
    assert secrets.caller(known) is not None
    assert secrets.caller("nobody's") is None


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Ann", "x" * 41, ".hidden", "甲"])
def test_an_operators_name_is_a_plain_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        create_operator(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_no_operator_is_made_twice(tmp_path: Path) -> None:
    first = token(create_operator(tmp_path, "ann"))
    with pytest.raises(MoveNotAllowed):
        create_operator(tmp_path, "ann")
    assert token(tmp_path / "operators" / "ann.token") == first
