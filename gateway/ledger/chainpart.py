"""The part of one chain that one batch seals, as a file has it: what in it is not as it was sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from gateway.ledger import chain
from gateway.ledger.findings import Finding

End = tuple[int, str]
"""Sequence number and hash of a chain's last entry."""
Tell = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of an export."""

    number: int
    chain: str
    sequence: int
    previous: str
    hash: str
    whole: bool
    """Whether its hash is that of its content."""

    @classmethod
    def of(cls, told: dict[str, Any], number: int) -> Self | None:
        """None for what is no entry."""
        name, sequence, previous, value = (told.get(each) for each in ("chain", "sequence", "previous", "hash"))
        texts = isinstance(name, str) and isinstance(previous, str) and isinstance(value, str)
        if set(told) != {"chain", "sequence", "previous", "hash", "entry"} or not texts or type(sequence) is not int:
            return None
        entry = told["entry"]
        shaped = isinstance(entry, dict) and set(entry) == set(chain.ENTRY_FIELDS)
        own = shaped and chain.chain_of(entry["organisation_id"]) == name
        whole = own and chain.entry_hash(str(name), sequence, str(previous), entry) == value
        return cls(number, str(name), sequence, str(previous), str(value), bool(whole))


@dataclass(slots=True)
class Part:
    """The entries after one batch, chain by chain, in the order of the file."""

    chains: dict[str, list[Line]] = field(default_factory=dict)
    count: int = 0

    def add(self, line: Line) -> None:
        self.chains.setdefault(line.chain, []).append(line)
        self.count += 1


def check_part(
    name: str, lines: list[Line], head: chain.Head | None, end: End | None, batch: int | None
) -> tuple[list[Finding], End]:
    """What is wrong with the entries of one chain in one batch, and where the chain ends after them.

    `head`: what the batch's signature vouches for; None when it vouches for nothing. `end`: where the chain ended before; None
    when that is not known.
    """
    found: list[Finding] = []

    def tell(kind: str, first: int, last: int, line: int | None = None, why: str = "") -> None:
        found.append(Finding(kind, name, first, last, batch, line, why))

    if head is None:
        return _unsealed(name, lines, end, batch)
    if end is not None and head.first != end[0] + 1:
        if head.first > end[0] + 1:
            tell("removed", end[0] + 1, head.first - 1, why="sealed by batches that are not in the file")
        end = None
    chosen = _chosen(lines, head)
    for line in lines:
        if chosen.get(line.sequence) is not line:
            tell("inserted", line.sequence, line.sequence, line.number, "the batch has no such entry, or has it once")
    kept = [line.sequence for line in lines if chosen.get(line.sequence) is line]
    for first, last in ranges(sorted(own for own, place in zip(kept, sorted(kept), strict=True) if own != place)):
        tell("reordered", first, last)
    missing = [number for number in range(head.first, head.last + 1) if number not in chosen]
    for first, last in ranges(missing):
        tell("removed", first, last)
    _backwards(chosen, head, end, tell)
    return found, (head.last, head.hash)


def _backwards(chosen: dict[int, Line], head: chain.Head, end: End | None, tell: Tell) -> None:
    """From the signed head to the first entry: the hash of each is known from the one after it, as far as that is proven."""
    known: str | None = head.hash
    for sequence in range(head.last, head.first - 1, -1):
        line = chosen.get(sequence)
        if line is None:
            break
        if not line.whole:
            tell("altered", sequence, sequence, line.number, _before(head, sequence))
            break
        if line.hash != known:
            # content and hash agree, but not with what was signed: it was made anew, and so may be any before it
            tell("rewritten", head.first, sequence, line.number)
            return
        known = line.previous
    else:
        if end is not None and known != end[1]:
            # what came before it was sealed by a batch that is not proven
            tell("rewritten", head.first - 1, head.first - 1, None, f"entry {head.first} follows another one")
        return
    _unproven(chosen, head.first, sequence, end, tell)


def _unproven(chosen: dict[int, Line], first: int, until: int, end: End | None, tell: Tell) -> None:
    """Entries before one that is missing or altered: nothing vouches for them but that they fit together."""
    previous = end[1] if end is not None else None
    for sequence in range(first, until):
        line = chosen.get(sequence)
        if line is None or not line.whole:
            if line is not None:
                tell("altered", sequence, sequence, line.number)
            previous = None
            continue
        if previous is not None and line.previous != previous:
            tell("rewritten", max(first, sequence - 1), sequence, line.number)
        previous = line.hash


def _before(head: chain.Head, sequence: int) -> str:
    if sequence == head.first:
        return ""
    return f"entries {head.first}-{sequence - 1} fit together, but only this one's content could prove them"


def _chosen(lines: list[Line], head: chain.Head) -> dict[int, Line]:
    """For each sequence number of the batch the one line that is it: of several the one whose content has its hash."""
    chosen: dict[int, Line] = {}
    for line in lines:
        if head.first <= line.sequence <= head.last:
            other = chosen.get(line.sequence)
            if other is None or (line.whole and not other.whole):
                chosen[line.sequence] = line
    return chosen


def _unsealed(name: str, lines: list[Line], end: End | None, batch: int | None) -> tuple[list[Finding], End]:
    """Entries of a batch that cannot be trusted: each is held against the one before it."""
    found = []
    for line in lines:
        if not line.whole:
            found.append(Finding("altered", name, line.sequence, line.sequence, batch, line.number))
        elif end is not None and (line.sequence, line.previous) != (end[0] + 1, end[1]):
            kind = "removed" if line.sequence > end[0] + 1 else "inserted" if line.sequence <= end[0] else "rewritten"
            first = end[0] + 1 if kind == "removed" else line.sequence
            last = line.sequence - 1 if kind == "removed" else line.sequence
            found.append(Finding(kind, name, first, last, batch, line.number))
        end = (line.sequence, line.hash)
    return found, end or (0, chain.NOTHING)


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as ranges."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
