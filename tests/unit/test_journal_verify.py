"""What an export of the journal proves: every kind of tampering is found, and named where it is."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger import chain
from gateway.ledger.findings import WORDS, Finding
from gateway.ledger.verify import Anchor, NoExport, Report, verify
from tests.support.ledgers import START, Ledger, content, made, new_key, random_ledger, written

Lines = list[dict[str, Any]]


def sealed() -> tuple[Ledger, Lines]:
    """Three batches; default has entries 1-5, 6-8, 9-10, O1 has 1-2 in the second."""
    ledger = Ledger()
    ledger.seal(*["default"] * 5)
    ledger.seal(*["default"] * 3, "O1", "O1")
    ledger.seal(*["default"] * 2)
    return ledger, ledger.export()


def check(ledger: Ledger, lines: Lines, **more: Any) -> Report:
    return verify(written(lines), {ledger.key.id: ledger.key}, **more)


def at(lines: Lines, name: str, sequence: int) -> int:
    return next(i for i, line in enumerate(lines) if (line.get("chain"), line.get("sequence")) == (name, sequence))


def batch_at(lines: Lines, number: int) -> int:
    return next(i for i, line in enumerate(lines) if line.get("batch") == number)


def places(report: Report) -> list[tuple[str, str | None, int | None, int | None]]:
    return [(each.kind, each.chain, each.first, each.last) for each in report.findings]


def recount(lines: Lines) -> None:
    """The last line tells what is there, as a careful forger would have it."""
    lines[-1]["end"] = {
        "batches": sum("batch" in line for line in lines),
        "entries": sum("entry" in line for line in lines),
    }


def rechain(lines: Lines, name: str, first: int) -> None:
    """Hashes of a chain made anew from an entry on, through the whole file."""
    previous: str | None = None
    for line in lines:
        if line.get("chain") == name and "entry" in line and line["sequence"] >= first:
            if previous is not None:
                line["previous"] = previous
            line.update(made(name, line["sequence"], line["previous"], line["entry"]))
            previous = line["hash"]


def test_an_untouched_export_is_good_and_says_where_it_ends() -> None:
    ledger, lines = sealed()
    report = check(ledger, lines)
    assert report.good, report.findings
    assert (report.batches, report.entries, report.last_batch) == (3, 12, 3)
    assert report.last_hash == ledger.last_hash


@pytest.mark.parametrize("field", chain.ENTRY_FIELDS)
def test_an_entry_altered_in_any_field_is_named(field: str) -> None:
    ledger, lines = sealed()
    entry = lines[at(lines, "default", 3)]["entry"]
    entry[field] = {"file": "another"} if field == "details" else 99 if field in ("id", "version") else "another"
    assert places(check(ledger, lines)) == [("altered", "default", 3, 3)]


def test_an_entry_altered_together_with_its_hash_is_found_by_the_one_after_it() -> None:
    ledger, lines = sealed()
    line = lines[at(lines, "default", 7)]
    line.update(made("default", 7, line["previous"], content(99, "default")))
    assert places(check(ledger, lines)) == [("rewritten", "default", 6, 7)]


def test_a_chain_made_anew_to_its_end_contradicts_the_signed_head() -> None:
    ledger, lines = sealed()
    lines[at(lines, "default", 7)]["entry"]["actor"] = "nobody"
    rechain(lines, "default", 7)
    found = places(check(ledger, lines))
    assert ("rewritten", "default", 6, 8) in found
    assert all(name == "default" for _, name, _, _ in found)


def test_removed_entries_are_named_each_by_its_number() -> None:
    ledger, lines = sealed()
    del lines[at(lines, "default", 2)]
    del lines[at(lines, "O1", 2)]
    recount(lines)
    assert places(check(ledger, lines)) == [("removed", "default", 2, 2), ("removed", "O1", 2, 2)]


def test_an_entry_removed_and_the_rest_numbered_anew_contradicts_the_signed_head() -> None:
    ledger, lines = sealed()
    del lines[at(lines, "default", 2)]
    for line in lines:
        if line.get("chain") == "default" and "entry" in line and 2 < line["sequence"] <= 5:
            line["sequence"] -= 1
    lines[at(lines, "default", 2)]["previous"] = lines[at(lines, "default", 1)]["hash"]
    rechain(lines, "default", 2)
    recount(lines)
    found = places(check(ledger, lines))
    assert ("removed", "default", 5, 5) in found


def test_an_inserted_entry_is_named() -> None:
    ledger, lines = sealed()
    place = at(lines, "default", 4)
    lines.insert(place + 1, made("default", 4, lines[place]["previous"], content(77, "default")))
    lines.insert(place + 2, made("O9", 1, chain.NOTHING, content(78, "O9")))
    recount(lines)
    found = check(ledger, lines).findings
    assert [(each.kind, each.chain, each.first, each.line) for each in found] == [
        ("inserted", "O9", 1, place + 3),
        ("inserted", "default", 4, place + 2),
    ]


def test_entries_in_another_order_are_named() -> None:
    ledger, lines = sealed()
    first, second = at(lines, "default", 2), at(lines, "default", 4)
    lines[first], lines[second] = lines[second], lines[first]
    assert places(check(ledger, lines)) == [("reordered", "default", 2, 2), ("reordered", "default", 4, 4)]


def test_two_entries_that_changed_places_and_numbers_are_named() -> None:
    ledger, lines = sealed()
    first, second = lines[at(lines, "default", 2)], lines[at(lines, "default", 4)]
    first["entry"], second["entry"] = second["entry"], first["entry"]
    assert {each[:3] for each in places(check(ledger, lines))} == {("altered", "default", 2), ("altered", "default", 4)}


def test_an_entry_in_another_chain_or_batch_is_named() -> None:
    ledger, lines = sealed()
    moved = lines.pop(at(lines, "default", 3))
    lines.insert(at(lines, "default", 6), moved)
    assert {each[:3] for each in places(check(ledger, lines))} == {
        ("removed", "default", 3),
        ("inserted", "default", 3),
    }


def test_a_file_that_was_cut_off_says_so() -> None:
    ledger, lines = sealed()
    assert [each.kind for each in check(ledger, lines[:-1]).findings] == ["truncated"]
    kinds = [each.kind for each in check(ledger, lines[:-2]).findings]
    assert kinds == ["removed", "truncated"] or kinds == ["truncated", "removed"]


def test_batches_cut_off_are_found_by_what_was_noted_elsewhere() -> None:
    ledger, lines = sealed()
    noted = Anchor(3, ledger.last_hash)
    cut = [*lines[: batch_at(lines, 3)], dict(lines[-1])]
    recount(cut)
    assert check(ledger, cut).good, "nothing in the file itself can tell"
    assert [(each.kind, each.batch) for each in check(ledger, cut, anchors=[noted]).findings] == [("truncated", 3)]
    assert check(ledger, lines, anchors=[noted]).good
    other = Anchor(2, "ab" * 32)
    assert [(each.kind, each.batch) for each in check(ledger, lines, anchors=[other]).findings] == [
        ("anchor_differs", 2)
    ]


def test_a_removed_batch_is_named_with_the_entries_that_went_with_it() -> None:
    ledger, lines = sealed()
    kept = lines[: batch_at(lines, 2)] + lines[batch_at(lines, 3) :]
    recount(kept)
    report = check(ledger, kept)
    assert [(each.kind, each.batch, each.until) for each in report.findings if each.chain is None] == [
        ("batch_removed", 2, 2)
    ]
    assert ("removed", "default", 6, 8) in places(report)


@pytest.mark.parametrize("field", ["previous", "root", "entries", "sealed_at", "signature", "heads"])
def test_an_altered_batch_is_named(field: str) -> None:
    ledger, lines = sealed()
    batch = lines[batch_at(lines, 2)]
    values = {
        "entries": 6,
        "sealed_at": "2015-10-24T00:00:00.000000+00:00",
        "heads": {**batch["heads"], "O1": [1, 1, "00"]},
    }
    batch[field] = values.get(field, "ab" * 32)
    assert ("batch_altered", 2) in {(each.kind, each.batch) for each in check(ledger, lines).findings}


def test_heads_made_to_fit_entries_that_were_made_anew_are_not_the_ones_that_were_signed() -> None:
    ledger, lines = sealed()
    lines[at(lines, "default", 7)]["entry"]["actor"] = "nobody"
    rechain(lines, "default", 7)
    for number, last in ((2, 8), (3, 10)):
        lines[batch_at(lines, number)]["heads"]["default"][2] = lines[at(lines, "default", last)]["hash"]
    found = check(ledger, lines).findings
    assert [(each.kind, each.batch) for each in found] == [("batch_altered", 2), ("batch_altered", 3)]


def test_a_key_that_is_not_the_windows_or_not_in_force_seals_nothing() -> None:
    ledger, lines = sealed()
    agencies = {ledger.key.id: replace(ledger.key, owner="customs")}
    assert {each.kind for each in verify(written(lines), agencies).findings} == {"unknown_key"}
    for change in ({"not_after": START}, {"not_before": START + timedelta(days=1)}, {"revoked_at": START}):
        changed = {ledger.key.id: replace(ledger.key, **change)}
        assert {each.kind for each in verify(written(lines), changed).findings} == {"key_not_in_force"}
    later = {ledger.key.id: replace(ledger.key, revoked_at=START + timedelta(days=1))}
    report = verify(written(lines), later)
    assert report.good
    assert list(report.revoked_keys) == [ledger.key.id]


def test_a_batch_of_another_key_vouches_for_nothing() -> None:
    ledger, _ = sealed()
    forger = Ledger(new_key())
    forger.seal(*["default"] * 5)
    assert {each.kind for each in check(ledger, forger.export()).findings} == {"unknown_key"}
    forged = forger.export()
    # the forger names the window's key
    forged[1]["key_id"] = ledger.key.id
    assert {each.kind for each in check(ledger, forged).findings} == {"batch_altered"}


def test_a_line_that_two_readers_could_read_in_two_ways_is_refused() -> None:
    ledger, lines = sealed()
    raw = written(lines)
    twice = raw[2].replace(b'{"chain":"default"', b'{"chain":"O1","chain":"default"')
    assert twice != raw[2]
    report = verify([*raw[:2], twice, *raw[3:]], {ledger.key.id: ledger.key})
    assert ("unreadable", 3) in {(each.kind, each.line) for each in report.findings}
    assert ("removed", "default", 1, 1) in places(report)


@pytest.mark.parametrize("text", [b"", b"\n", b"[]", b"{}", b'{"format":"other"}', b'{"format":5}', b"\xff\xfe"])
def test_a_file_that_is_no_export_is_no_export(text: bytes) -> None:
    with pytest.raises(NoExport):
        verify([text], {})


def _altered(lines: Lines, source: random.Random) -> tuple[str, int]:
    line = source.choice([line for line in lines if "entry" in line])
    field = source.choice(chain.ENTRY_FIELDS)
    line["entry"][field] = {"x": "y"} if field == "details" else [line["entry"][field]]
    return line["chain"], line["sequence"]


def _altered_and_hashed(lines: Lines, source: random.Random) -> tuple[str, int]:
    name, sequence = _altered(lines, source)
    line = lines[at(lines, name, sequence)]
    line["hash"] = chain.entry_hash(name, sequence, line["previous"], line["entry"])
    return name, sequence


def _altered_and_rechained(lines: Lines, source: random.Random) -> tuple[str, int]:
    name, sequence = _altered(lines, source)
    rechain(lines, name, sequence)
    return name, sequence


def _removed(lines: Lines, source: random.Random) -> tuple[str, int]:
    line = lines.pop(source.choice([i for i, line in enumerate(lines) if "entry" in line]))
    recount(lines)
    return line["chain"], line["sequence"]


def _inserted(lines: Lines, source: random.Random) -> tuple[str, int]:
    place = source.choice([i for i, line in enumerate(lines) if "entry" in line])
    model = lines[place]
    sequence = source.randint(1, model["sequence"] + 1)
    lines.insert(place, made(model["chain"], sequence, model["previous"], content(5000, model["chain"])))
    recount(lines)
    return model["chain"], sequence


def _swapped(lines: Lines, source: random.Random) -> tuple[str, int]:
    name, sequence = _altered(lines, source)
    line = lines[at(lines, name, sequence)]
    others = [each for each in lines if "entry" in each and each is not line]
    if others:
        other = source.choice(others)
        line["entry"], other["entry"] = other["entry"], line["entry"]
    return name, sequence


TAMPERINGS = (_altered, _altered_and_hashed, _altered_and_rechained, _removed, _inserted, _swapped)


def covers(each: Finding, name: str, sequence: int) -> bool:
    return (
        each.chain == name and each.first is not None and each.last is not None and each.first <= sequence <= each.last
    )


@given(st.integers(0, 2**32), st.sampled_from(TAMPERINGS))
def test_whatever_is_done_to_an_entry_is_found_where_it_was_done(seed: int, tamper: Any) -> None:
    source = random.Random(seed)
    ledger = random_ledger(source)
    assert check(ledger, ledger.export()).good
    lines = ledger.export()
    name, sequence = tamper(lines, source)
    report = check(ledger, lines)
    assert not report.good
    assert any(covers(each, name, sequence) for each in report.findings), (name, sequence, report.findings)
    assert {each.kind for each in report.findings} <= set(WORDS)
    # what nobody touched is not blamed
    assert {each.chain for each in report.findings} <= {name, None} or tamper is _swapped


@given(st.integers(0, 2**32))
def test_no_byte_can_be_changed_unnoticed(seed: int) -> None:
    source = random.Random(seed)
    ledger = random_ledger(source)
    raw = bytearray(b"".join(written(ledger.export())))
    head = raw.index(b"\n")
    for _ in range(source.randint(1, 3)):
        place = source.randrange(head + 1, len(raw) - 1)
        raw[place] ^= source.randint(1, 255)
    report = verify(bytes(raw).splitlines(keepends=True), {ledger.key.id: ledger.key})
    assert not report.good or bytes(raw) == b"".join(written(ledger.export()))
