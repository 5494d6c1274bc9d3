"""The form of sealed values and files: what opens, and what never does."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from declarations.errors import BadConfiguration, MoveNotAllowed, SealedDataUnreadable
from gateway import archiving, sealed, sealedfiles
from gateway.ids import DATA_KEY, new_id
from gateway.masters import Masters, create
from tests.support.plain import sealed_file

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
KEY_ID = new_id(DATA_KEY, NOW)
KEY, OTHER = AESGCM(os.urandom(32)), AESGCM(os.urandom(32))
PLACE = sealed.place("message_body", "body", ("M1",))
FORM = "<Form><Person>张建国</Person></Form>".encode() * 50


def key_text() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@given(st.binary(max_size=5_000))
def test_what_is_sealed_opens_as_it_was_and_shows_nothing(plain: bytes) -> None:
    stored = sealed.seal(KEY, KEY_ID, PLACE, plain)
    assert sealed.is_sealed(stored)
    assert sealed.key_id_of(stored) == KEY_ID
    assert sealed.unseal(KEY, PLACE, stored) == plain
    assert len(plain) < 8 or plain not in stored


def test_the_same_value_never_looks_the_same_twice() -> None:
    assert len({sealed.seal(KEY, KEY_ID, PLACE, FORM) for _ in range(50)}) == 50


def test_long_values_are_shorter_sealed_than_plain() -> None:
    assert len(sealed.seal(KEY, KEY_ID, PLACE, FORM)) < len(FORM) / 4


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255), st.sampled_from([FORM, b"short"]))
def test_no_changed_byte_passes(where: int, change: int, plain: bytes) -> None:
    stored = bytearray(sealed.seal(KEY, KEY_ID, PLACE, plain))
    stored[where % len(stored)] ^= change
    if not sealed.is_sealed(bytes(stored)):
        return  # its magic is gone: it is taken for what was stored in plain, and is no document of anybody
    with pytest.raises(SealedDataUnreadable):
        sealed.unseal(KEY, PLACE, bytes(stored))


@pytest.mark.parametrize("length", [4, 5, 20, sealed.HEAD, sealed.HEAD + sealed.NONCE, sealed.HEAD + sealed.NONCE + 15])
def test_a_value_that_is_cut_off_does_not_open(length: int) -> None:
    stored = sealed.seal(KEY, KEY_ID, PLACE, FORM)[:length]
    with pytest.raises(SealedDataUnreadable):
        _open(stored)


def _open(stored: bytes) -> bytes:
    assert sealed.key_id_of(stored) == KEY_ID
    return sealed.unseal(KEY, PLACE, stored)


@pytest.mark.parametrize(
    "elsewhere",
    [
        sealed.place("message_body", "body", ("M2",)),
        sealed.place("declaration_version", "body", ("M1",)),
        sealed.place("message_body", "filing", ("M1",)),
        sealed.place("message_body", "body", ("M1", 1)),
    ],
)
def test_a_value_opens_at_its_own_place_only(elsewhere: bytes) -> None:
    with pytest.raises(SealedDataUnreadable, match="belongs to another row"):
        sealed.unseal(KEY, elsewhere, sealed.seal(KEY, KEY_ID, PLACE, FORM))


def test_another_key_opens_nothing() -> None:
    with pytest.raises(SealedDataUnreadable):
        sealed.unseal(OTHER, PLACE, sealed.seal(KEY, KEY_ID, PLACE, FORM))


@pytest.mark.parametrize("plain", [b"<a/>", b'{"a":1}', "\ufeff<a/>".encode(), "<a/>".encode("utf-16"), b"", b"\x00ow"])
def test_what_was_stored_in_plain_is_told_from_what_is_sealed(plain: bytes) -> None:
    assert not sealed.is_sealed(plain)


def test_places_of_several_columns_are_not_confused() -> None:
    assert sealed.place("t", "c", ("a:b", "c")) != sealed.place("t", "c", ("a", "b:c"))
    assert sealed.place("t", "c", ("1",)) != sealed.place("t", "c", (1,))


def test_the_newest_master_key_wraps_and_older_ones_open(tmp_path: Path) -> None:
    first, second = create(tmp_path, NOW), create(tmp_path, NOW.replace(hour=9))
    masters = Masters(tmp_path)
    assert first.stat().st_mode & 0o077 == 0
    assert len(masters.ids) == 2
    assert masters.newest.id == Masters(tmp_path).ids[0]
    second.unlink()
    [left] = Masters(tmp_path).ids
    assert left == masters.ids[1]
    assert masters.get(left) is not None
    with pytest.raises(MoveNotAllowed):
        create(tmp_path, NOW)


def test_a_key_of_the_environment_goes_before_the_files(tmp_path: Path) -> None:
    create(tmp_path, NOW)
    new, old = key_text(), key_text()
    masters = Masters(tmp_path, f"{new},{old}")
    assert len(masters.ids) == 3
    assert masters.newest.id == Masters(tmp_path / "none", new).newest.id
    assert new not in repr(masters.newest)


@pytest.mark.parametrize("text", ["no base64!", base64.b64encode(b"too short").decode(), "", "AAAA"])
def test_a_master_key_that_is_none_is_refused_by_its_name_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "master").mkdir()
    (tmp_path / "master" / "a.key").write_text(text)
    with pytest.raises(BadConfiguration, match=r"a\.key must hold 32 bytes") as refused:
        Masters(tmp_path)
    assert not text or text not in str(refused.value)


def test_a_key_that_comes_later_is_found_without_a_restart(tmp_path: Path) -> None:
    masters = Masters(tmp_path)
    assert not masters
    create(tmp_path, NOW)
    [known] = Masters(tmp_path).ids
    assert masters.get(known) is not None
    assert masters.get("0" * 16) is None


def test_a_sealed_file_opens_with_the_master_key_alone(tmp_path: Path) -> None:
    create(tmp_path, NOW)
    masters = Masters(tmp_path)
    packed = archiving.pack({"filed/1.xml": FORM}, {})
    (tmp_path / "D1.abc.zip.sealed").write_bytes(sealed_file(masters, packed))
    (tmp_path / "D1.abc.zip").write_bytes(packed)  # as files were before they were sealed
    for name in ("D1.abc.zip.sealed", "D1.abc.zip"):
        assert archiving.open_apart(masters, tmp_path / name)["filed/1.xml"] == FORM
    with pytest.raises(SealedDataUnreadable, match=r"master key .* is not here"):
        archiving.open_apart(Masters(tmp_path / "none", key_text()), tmp_path / "D1.abc.zip.sealed")
    # a file that bears another's name
    (tmp_path / "D2.abc.zip.sealed").write_bytes((tmp_path / "D1.abc.zip.sealed").read_bytes())
    with pytest.raises(SealedDataUnreadable):
        archiving.open_apart(masters, tmp_path / "D2.abc.zip.sealed")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_changed_byte_of_a_file_passes(tmp_path_factory: pytest.TempPathFactory, where: int, change: int) -> None:
    secrets = tmp_path_factory.getbasetemp() / "sealed-files"
    if not secrets.exists():
        create(secrets, NOW)
    masters = Masters(secrets)
    stored = bytearray(sealed_file(masters, FORM))
    stored[len(sealedfiles.MAGIC) + where % (len(stored) - len(sealedfiles.MAGIC))] ^= change
    with pytest.raises(SealedDataUnreadable):
        _open_file(masters, bytes(stored))


def _open_file(masters: Masters, stored: bytes) -> bytes:
    parts = sealedfiles.read(stored)
    assert parts is not None
    return parts.open(archiving.place_of("D1"), parts.own_key(masters))
