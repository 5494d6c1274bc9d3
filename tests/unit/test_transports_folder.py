"""Folder exchange on a real disk: a message is there whole or not at all, an answer is never lost."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from adapters.agency import ChannelSettings, Incoming, Outgoing, build_channel
from adapters.transports.boxes import move, place
from adapters.transports.folder import FolderChannel, exchange_name
from declarations.errors import AgencyRefused, AgencyUnavailable, BadConfiguration
from gateway import ids

MESSAGE_ID = "M01KAHJ3R6V0N7E9QK2M4T8WXYZ"
BODY = "<DecMessage>报文</DecMessage>".encode()


def outgoing(reference: str = "SWSH2015A00000001", body: bytes = BODY) -> Outgoing:
    at = datetime(2015, 10, 19, 8, 30, 1, 234_567, tzinfo=UTC)
    return Outgoing(MESSAGE_ID, "D1", 1, "customs", "DecMessage", reference, at, body)


def answer(root: Path, name: str, body: bytes = b"<a/>") -> Path:
    box = root / "InBox"
    box.mkdir(parents=True, exist_ok=True)
    (box / name).write_bytes(body)
    return box / name


def collect(channel: FolderChannel) -> list[Incoming]:
    return asyncio.run(channel.collect())


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file()) if directory.exists() else []


def test_a_message_lies_in_outbox_as_one_zip_with_its_exact_bytes(tmp_path: Path) -> None:
    asyncio.run(FolderChannel("customs", tmp_path).send(outgoing()))
    assert names(tmp_path / "OutBox") == ["SWSH2015A00000001_20151019083001234_M4T8WXYZ.zip"]
    with zipfile.ZipFile(tmp_path / "OutBox" / names(tmp_path / "OutBox")[0]) as archive:
        assert archive.namelist() == ["SWSH2015A00000001_20151019083001234_M4T8WXYZ.xml"]
        assert archive.read(archive.namelist()[0]) == BODY


def test_a_retry_is_the_same_file_byte_for_byte(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path)
    asyncio.run(channel.send(outgoing()))
    (path,) = (tmp_path / "OutBox").iterdir()
    first = path.read_bytes()
    path.unlink()
    asyncio.run(channel.send(outgoing()))
    assert path.read_bytes() == first
    asyncio.run(channel.send(outgoing()))
    assert [path.read_bytes() for path in (tmp_path / "OutBox").iterdir()] == [first]


def test_messages_of_one_moment_have_names_of_their_own() -> None:
    at = outgoing().accepted_at
    made = [ids.new_id(ids.MESSAGE, at) for _ in range(100)]
    assert len({exchange_name(replace(outgoing(), message_id=each)) for each in made}) == 100


def test_a_file_of_that_name_with_other_bytes_is_never_replaced(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path)
    asyncio.run(channel.send(outgoing(body=b"<first/>")))
    (path,) = (tmp_path / "OutBox").iterdir()
    first = path.read_bytes()
    with pytest.raises(AgencyRefused, match="another file"):
        asyncio.run(channel.send(outgoing(body=b"<second/>")))
    assert {path.name: path.read_bytes() for path in (tmp_path / "OutBox").iterdir()} == {path.name: first}
    with pytest.raises(FileExistsError):
        place(tmp_path / "OutBox", path.name, b"other")


def test_the_name_does_not_depend_on_the_zone_and_holds_any_reference(tmp_path: Path) -> None:
    local = outgoing().accepted_at.astimezone(timezone(timedelta(hours=8)))
    same = Outgoing(MESSAGE_ID, "D1", 1, "customs", "DecMessage", "SWSH2015A00000001", local, BODY)
    assert exchange_name(same) == exchange_name(outgoing())
    asyncio.run(FolderChannel("customs", tmp_path).send(outgoing("../../.编号/1")))
    (name,) = names(tmp_path)
    assert (tmp_path / "OutBox" / name).is_file()
    assert not name.startswith(".")


def test_a_reference_no_file_name_can_hold_is_refused_for_good(tmp_path: Path) -> None:
    with pytest.raises(AgencyRefused):
        asyncio.run(FolderChannel("customs", tmp_path).send(outgoing("编" * 80)))
    assert names(tmp_path) == []


def test_a_disk_that_takes_nothing_is_an_agency_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "OutBox").write_bytes(b"a file where the directory should be")
    with pytest.raises(AgencyUnavailable):
        asyncio.run(FolderChannel("customs", tmp_path).send(outgoing()))


def test_only_complete_files_are_collected(tmp_path: Path) -> None:
    answer(tmp_path, "Receipt_1.xml", b"<one/>")
    answer(tmp_path, "Receipt_2.xml.temp", b"<half")
    answer(tmp_path, ".Receipt_3.xml", b"<hidden/>")
    (tmp_path / "InBox" / "folder").mkdir()
    (tmp_path / "secret").write_bytes(b"not for the agency to point at")
    (tmp_path / "InBox" / "link.xml").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "InBox" / "pipe.xml")
    found = collect(FolderChannel("customs", tmp_path))
    assert [(one.agency, one.name, one.body) for one in found] == [("customs", "Receipt_1.xml", b"<one/>")]


def test_an_inbox_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert collect(FolderChannel("customs", tmp_path)) == []


def test_a_file_over_the_cap_is_named_but_not_read(tmp_path: Path) -> None:
    answer(tmp_path, "just.xml", b"x" * 100)
    answer(tmp_path, "over.xml", b"x" * 101)
    just, over = collect(FolderChannel("customs", tmp_path, max_answer_bytes=100))
    assert (just.body, just.problem) == (b"x" * 100, "")
    assert over.body == b""
    assert "100 bytes" in over.problem


def test_batches_go_round_so_that_stuck_files_hide_nothing(tmp_path: Path) -> None:
    for number in range(5):
        answer(tmp_path, f"{number}.xml")
    channel = FolderChannel("customs", tmp_path, batch=2)
    rounds = [[one.name for one in collect(channel)] for _ in range(3)]
    assert rounds == [["0.xml", "1.xml"], ["2.xml", "3.xml"], ["4.xml", "0.xml"]]


def test_finished_answers_go_to_the_dated_folder_and_refused_ones_to_failbox(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path)
    answer(tmp_path, "good.xml", b"<good/>")
    answer(tmp_path, "bad.xml", b"<bad")
    for incoming in collect(channel):
        asyncio.run(channel.finish(incoming, incoming.name == "good.xml"))
    assert names(tmp_path / "InBox") == []
    assert (tmp_path / "FailBox" / "bad.xml").read_bytes() == b"<bad"
    (kept,) = (tmp_path / "Archive").rglob("good.xml")
    assert abs(datetime.strptime(kept.parent.name, "%Y%m%d").replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(
        days=2
    )
    assert kept.read_bytes() == b"<good/>"


def test_a_name_used_again_loses_neither_file(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path)
    for body in (b"<a/>", b"<b/>", b"<c/>"):
        answer(tmp_path, "Successed_1.xml", body)
        for incoming in collect(channel):
            asyncio.run(channel.finish(incoming, accepted=True))
    kept = sorted((tmp_path / "Archive").rglob("*.xml"))
    assert [path.name for path in kept] == ["Successed_1.1.xml", "Successed_1.2.xml", "Successed_1.xml"]
    assert {path.read_bytes() for path in kept} == {b"<a/>", b"<b/>", b"<c/>"}


def test_an_answer_replaced_while_it_was_read_is_collected_itself(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path)
    box = answer(tmp_path, "Receipt_1.xml", b"<first/>").parent
    (first,) = collect(channel)
    (box / "Receipt_1.xml").unlink()
    place(box, "Receipt_1.xml", b"<second/>")
    asyncio.run(channel.finish(first, accepted=True))
    (second,) = collect(channel)
    assert second.body == b"<second/>"


def test_finishing_twice_or_after_a_crash_between_link_and_unlink_is_harmless(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path)
    source = answer(tmp_path, "Receipt_1.xml", b"<one/>")
    (incoming,) = collect(channel)
    (tmp_path / "FailBox").mkdir()
    os.link(source, tmp_path / "FailBox" / "Receipt_1.xml")
    asyncio.run(channel.finish(incoming, accepted=False))
    asyncio.run(channel.finish(incoming, accepted=False))
    assert names(tmp_path) == ["Receipt_1.xml"]
    assert (tmp_path / "FailBox" / "Receipt_1.xml").read_bytes() == b"<one/>"


def test_finish_never_leaves_the_exchange_directory(tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_bytes(b"x")
    with pytest.raises(ValueError, match="not a file name"):
        asyncio.run(FolderChannel("customs", tmp_path).finish(Incoming("customs", "../other.xml", b""), accepted=True))
    assert (tmp_path / "other.xml").exists()


def test_moving_a_file_without_suffix_onto_its_name_keeps_both(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    for body in (b"1", b"2"):
        (tmp_path / "note").write_bytes(body)
        move(tmp_path / "note", tmp_path / "to")
    assert {path.name: path.read_bytes() for path in (tmp_path / "to").iterdir()} == {"note": b"1", "note.1": b"2"}


def test_the_channel_is_chosen_by_the_agencys_table(tmp_path: Path) -> None:
    settings = ChannelSettings(tmp_path)
    assert isinstance(build_channel("customs", "folder", settings), FolderChannel)
    with pytest.raises(BadConfiguration, match="pigeon"):
        build_channel("customs", "pigeon", settings)
    with pytest.raises(BadConfiguration, match="a token"):
        build_channel("inspection", "http", settings)


def test_zips_are_readable_by_the_standard_tools(tmp_path: Path) -> None:
    large = "<a>海关</a>".encode() * 50_000
    asyncio.run(FolderChannel("customs", tmp_path).send(outgoing(body=large)))
    (path,) = (tmp_path / "OutBox").iterdir()
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.testzip() is None
        assert archive.read(archive.namelist()[0]) == large


def test_asked_for_a_message_the_folder_knows_only_what_still_lies_there(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path)
    assert asyncio.run(channel.ask(outgoing())) is None
    asyncio.run(channel.send(outgoing()))
    assert asyncio.run(channel.ask(outgoing())) is True
    assert asyncio.run(channel.ask(outgoing("ANOTHER"))) is None
    # taken by the agency, or by somebody else: a folder cannot tell
    next((tmp_path / "OutBox").iterdir()).unlink()
    assert asyncio.run(channel.ask(outgoing())) is None


def test_the_connection_test_leaves_nothing_behind_and_says_what_waits(tmp_path: Path) -> None:
    channel = FolderChannel("customs", tmp_path / "exchange")
    answer(tmp_path / "exchange", "a.xml")
    said = asyncio.run(channel.test())
    assert "1 answers in InBox" in said
    assert names(tmp_path / "exchange" / "OutBox") == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AgencyUnavailable) as caught:
        asyncio.run(FolderChannel("customs", tmp_path / "file").test())
    assert caught.value.message_zh != caught.value.message_en
