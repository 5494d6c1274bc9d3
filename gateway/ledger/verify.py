"""Verify: what an export proves, with nothing but the file and the window's public keys; no window, no network.

Trust begins at the signature of a batch, which fixes for each chain the first and last sequence number and the last hash. From
there it goes backwards: an entry's hash is known from the one after it, so an entry that was changed is named exactly. Who
changes an entry and the hashes after it contradicts the signed head: then all entries from the head before are named, because any
of them may be the changed one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from cryptography.x509 import Certificate

from adapters.keyfiles import Key
from adapters.keys import WINDOW
from gateway.ledger import chain, timestamping
from gateway.ledger.chainpart import Line, Part, check_part
from gateway.ledger.export import FORMAT
from gateway.ledger.findings import Anchor as Anchor
from gateway.ledger.findings import Finding
from gateway.ledger.findings import Report as Report

LONGEST_LINE = 10_000_000
"""Bytes; a batch of a thousand chains has a line of 150,000."""


BATCH_FIELDS = frozenset(
    ("batch", "previous", "root", "entries", "sealed_at", "key_id", "signature", "timestamp"),
)


class NoExport(ValueError):
    """The file is not an export of a journal at all."""


def verify(
    source: Iterable[bytes],
    keys: Mapping[str, Key],
    *,
    anchors: Iterable[Anchor] = (),
    roots: Iterable[Certificate] = (),
) -> Report:
    """Reads an export line by line, holding one batch at a time; raises NoExport when the first line says it is none.

    `anchors`: batches noted elsewhere. `roots`: certificates of the timestamp authorities that are trusted.
    """
    numbered = enumerate(source, 1)
    head = _first(next(numbered, (1, b""))[1])
    check = _Check(head, keys, {each.batch: each.hash for each in anchors}, list(roots))
    for number, raw in numbered:
        check.line(number, raw)
    check.end()
    return check.report


def _first(raw: bytes) -> dict[str, Any]:
    try:
        head = orjson.loads(raw)
        if head["format"] != FORMAT:
            raise NoExport(f"a file of another format: {str(head['format'])[:40]}")
        after, only = head.get("after", 0), head.get("chain")
        if type(after) is not int or not isinstance(only, str | None):
            raise NoExport("its first line is damaged")
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise NoExport(f"the first line does not say {FORMAT}") from error
    return {"after": after, "chain": only}


class _Check:
    """One reading of a file."""

    def __init__(
        self, head: Mapping[str, Any], keys: Mapping[str, Key], anchors: dict[int, str], roots: list[Certificate]
    ) -> None:
        self.report = Report(chain=head["chain"])
        self._only: str | None = head["chain"]
        self._keys = keys
        self._anchors = anchors
        self._roots = roots
        self._seen: dict[int, str] = {}
        self._after: int = head["after"]
        self._last = self._after
        # a part follows the batch before it, where somebody noted that one
        self._last_hash: str | None = chain.NOTHING if self._after == 0 else anchors.get(self._after)
        # where each chain ends as far as it was read; a part of the journal begins where it begins
        self._ends: dict[str, tuple[int, str]] = {}
        self._whole = head["after"] == 0
        self._batch: dict[str, Any] | None = None
        self._part = Part()
        self._counted = (0, 0)
        self._ended = False

    def line(self, number: int, raw: bytes) -> None:
        """One line after the first."""
        told = _told(raw)
        if told is None:
            self._add("unreadable", line=number)
        elif self._ended:
            self._add("inserted", line=number, why="after the end of the export")
        elif "batch" in told:
            self._close()
            self._batch = told
        elif "entry" in told:
            self._entry(number, told)
        elif set(told) == {"end"}:
            self._close()
            self._end_line(told["end"], number)
        else:
            self._add("unreadable", line=number)

    def end(self) -> None:
        """After the last line."""
        if not self._ended:
            self._close()
            self._add("truncated", batch=self.report.last_batch, why="the export has no end line: the file was cut off")
        for number, noted in sorted(self._anchors.items()):
            if self._seen.get(number) == noted or number <= self._after:
                continue
            if number > (self.report.last_batch or 0):
                self._add("truncated", batch=number, why="it was noted elsewhere; the export ends before it")
            else:
                self._add("anchor_differs", batch=number, why="the export does not have it as it was noted")

    def _entry(self, number: int, told: dict[str, Any]) -> None:
        line = Line.of(told, number)
        if line is None:
            self._add("unreadable", line=number)
        elif self._batch is None:
            self._add("inserted", line=number, chain=line.chain, first=line.sequence, why="it stands in no batch")
        else:
            self._part.add(line)
            self.report.entries += 1

    def _end_line(self, told: Any, number: int) -> None:
        self._ended = True
        if not isinstance(told, dict) or len(told) != 2 or (told.get("batches"), told.get("entries")) != self._counted:
            self._add("count_differs", line=number, why="the export's last line counts other batches or entries")

    def _close(self) -> None:
        """Judges the batch that was read, and the entries after it."""
        batch, part = self._batch, self._part
        self._batch, self._part = None, Part()
        if batch is None:
            return
        self._counted = (self._counted[0] + 1, self._counted[1] + part.count)
        self.report.batches += 1
        heads = self._judge_batch(batch)
        number = batch["batch"] if type(batch.get("batch")) is int else None
        names = sorted({*part.chains, *(heads or {})})
        for name in names:
            given = heads.get(name) if heads is not None else None
            end = self._ends.get(name) or ((0, chain.NOTHING) if self._whole else None)
            if heads is not None and given is None:
                why = f"batch {number} seals nothing of this chain"
                self.report.found(
                    Finding("inserted", name, each.sequence, each.sequence, number, each.number, why)
                    for each in part.chains[name]
                )
                continue
            findings, self._ends[name] = check_part(name, part.chains.get(name, []), given, end, number)
            self.report.found(findings)

    def _judge_batch(self, batch: dict[str, Any]) -> dict[str, chain.Head] | None:
        """The heads a batch's signature vouches for; None when it vouches for nothing."""
        number = batch.get("batch")
        told = {name: batch.get(name) for name in ("previous", "root", "entries", "sealed_at", "key_id")}
        heads = _heads(batch, self._only)
        if (
            type(number) is not int
            or heads is None
            or not all(isinstance(told[n], str) for n in told if n != "entries")
        ):
            self._add("batch_altered", batch=number if type(number) is int else None, why="its line is damaged")
            return None
        stated = chain.statement(batch=number, **told)  # type: ignore[arg-type]  # checked above
        value = chain.digest(stated)
        good = self._signed(number, stated, batch.get("signature"), str(told["key_id"]), str(told["sealed_at"]))
        if good and _root(heads, batch, self._only) != told["root"]:
            self._add("batch_altered", batch=number, why="its heads are not the ones that were signed")
            good = False
        self._follows(number, str(told["previous"]), value, good)
        if good:
            self._stamped(number, stated, batch.get("timestamp"))
            self.report.sealed_until = str(told["sealed_at"])
            if self._only is None and sum(head.last - head.first + 1 for head in heads.values()) != told["entries"]:
                self._add("batch_altered", batch=number, why="it counts other entries than it seals")
        return heads if good else None

    def _signed(self, number: int, stated: bytes, signature: Any, key_id: str, sealed_at: str) -> bool:
        key = self._keys.get(key_id)
        if key is None or key.owner != WINDOW:
            self._add("unknown_key", batch=number, why=f"no public key {key_id[:40]} of the window was given")
            return False
        try:
            raw = bytes.fromhex(signature)
        except (TypeError, ValueError):
            raw = b""
        if not key.verify(raw, stated):
            self._add("batch_altered", batch=number, why="the signature is not over this batch")
            return False
        sealed = datetime.fromisoformat(sealed_at)
        if not key.not_before <= sealed <= key.not_after or (key.revoked_at is not None and sealed > key.revoked_at):
            self._add("key_not_in_force", batch=number, why=f"key {key.id}, sealed at {sealed_at}")
        if key.revoked_at is not None:
            self.report.revoked_keys[key.id] = key.revoked_at.isoformat()
        return True

    def _follows(self, number: int, previous: str, value: str, good: bool) -> None:
        """Whether the batch stands where it belongs."""
        if number <= self._last:
            self._add("batch_reordered", batch=number, why=f"it stands after batch {self._last}")
            return
        if self._only is None:
            if number > self._last + 1:
                self._add("batch_removed", batch=self._last + 1, until=number - 1)
            elif good and self._last_hash is not None and previous != self._last_hash:
                # the signature of this one is good, so it is the one before that is not what was there
                self._add("batch_altered", batch=self._last, why=f"batch {number} was sealed upon another one")
        self.report.first_batch = self.report.first_batch or number
        self._last, self._last_hash = number, value
        self.report.last_batch, self.report.last_hash = number, value
        if number in self._anchors:
            self._seen[number] = value

    def _stamped(self, number: int, stated: bytes, token: Any) -> None:
        if token is None:
            return
        try:
            stamped = timestamping.read(base64.b64decode(token, validate=True), stated, self._roots)
        except (binascii.Error, TypeError, ValueError):
            stamped = None
        if stamped is None or stamped.trusted is False:
            why = "no timestamp of this batch" if stamped is None else "not of an authority that is trusted"
            self._add("timestamp_invalid", batch=number, why=why)
            return
        self.report.timestamps += 1
        self.report.timestamped_at = stamped.at
        self.report.authority_checked = stamped.trusted is True

    def _add(
        self,
        kind: str,
        *,
        batch: int | None = None,
        until: int | None = None,
        line: int | None = None,
        chain: str | None = None,
        first: int | None = None,
        why: str = "",
    ) -> None:
        self.report.found([Finding(kind, chain, first, first, batch, line, why, until)])


def _told(raw: bytes) -> dict[str, Any] | None:
    """A line's object; None unless it is written as an export writes it, so that no two readers read two things in it."""
    if len(raw) > LONGEST_LINE:
        return None
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) and chain.canonical(told) == raw.rstrip(b"\n") else None


def _heads(batch: Mapping[str, Any], only: str | None) -> dict[str, chain.Head] | None:
    given = batch.get("heads") if only is None else {only: batch.get("head")}
    if not isinstance(given, dict) or not given:
        return None
    heads = {}
    for name, head in given.items():
        if not isinstance(head, list) or len(head) != 3:
            return None
        first, last, value = head
        if type(first) is not int or type(last) is not int or not isinstance(value, str) or not 0 < first <= last:
            return None
        heads[name] = chain.Head(first, last, value)
    return heads


def _root(heads: Mapping[str, chain.Head], batch: Mapping[str, Any], only: str | None) -> str | None:
    if only is None:
        return chain.root_of(heads)
    try:
        return chain.root_by(only, heads[only], batch["proof"])
    except (KeyError, TypeError, ValueError):
        return None
