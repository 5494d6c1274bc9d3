"""A journal in memory, sealed as the window seals it, and everything that can be done to an export of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from adapters.algorithms import key_id, make_private
from adapters.keyfiles import Key
from adapters.keys import WINDOW
from declarations.signatureterms import ED25519
from gateway.ledger import chain
from gateway.ledger.export import FORMAT

START = datetime(2015, 10, 23, tzinfo=UTC)


def new_key() -> Key:
    private = make_private(ED25519)
    until = START + timedelta(days=730)
    return Key(key_id(private.public_key()), WINDOW, ED25519, START, until, None, private.public_key(), private)


@dataclass
class Ledger:
    """Builds an export: `seal` takes entries (chain, code) of one batch."""

    key: Key = field(default_factory=new_key)
    lines: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[str, tuple[int, str]] = field(default_factory=dict)
    batches: int = 0
    entries: int = 0
    last_hash: str = chain.NOTHING

    def seal(self, *chains: str) -> None:
        batch_entries, heads = [], {}
        for name in sorted(chains):
            sequence, previous = self.ends.get(name, (0, chain.NOTHING))
            self.entries += 1
            line = made(name, sequence + 1, previous, content(self.entries, name))
            batch_entries.append(line)
            self.ends[name] = (sequence + 1, line["hash"])
            first = heads[name].first if name in heads else sequence + 1
            heads[name] = chain.Head(first, sequence + 1, line["hash"])
        self.batches += 1
        told = {
            "batch": self.batches,
            "previous": self.last_hash,
            "root": chain.root_of(heads),
            "entries": len(batch_entries),
            "sealed_at": chain.moment(START + timedelta(seconds=5 * self.batches)),
            "key_id": self.key.id,
        }
        stated = chain.statement(**told)
        self.last_hash = chain.digest(stated)
        self.lines.append(
            {
                **told,
                "signature": self.key.sign(stated).hex(),
                "timestamp": None,
                "heads": {name: [head.first, head.last, head.hash] for name, head in heads.items()},
            }
        )
        self.lines += batch_entries

    def export(self) -> list[dict[str, Any]]:
        head = {"format": FORMAT, "exported_at": chain.moment(START), "chain": None, "after": 0}
        end = {"end": {"batches": self.batches, "entries": self.entries}}
        return orjson.loads(orjson.dumps([head, *self.lines, end]))


def content(number: int, name: str) -> dict[str, Any]:
    return {
        "id": number,
        "organisation_id": None if name == chain.WINDOW else name,
        "declaration_id": f"D{number}",
        "version": 1,
        "agency": "customs",
        "code": "sent",
        "actor": "window",
        "at": chain.moment(START + timedelta(seconds=number)),
        "details": {"file": f"file-{number}"},
    }


def made(name: str, sequence: int, previous: str, entry: dict[str, Any]) -> dict[str, Any]:
    """An entry's line, its hash that of its content."""
    value = chain.entry_hash(name, sequence, previous, entry)
    return {"chain": name, "sequence": sequence, "previous": previous, "hash": value, "entry": entry}


def random_ledger(source: random.Random) -> Ledger:
    ledger = Ledger()
    names = ["window", "default", "O1", "O2", "O3"][: source.randint(1, 5)]
    for _ in range(source.randint(1, 6)):
        ledger.seal(*source.choices(names, k=source.randint(1, 12)))
    return ledger


def written(lines: Iterable[dict[str, Any]]) -> list[bytes]:
    return [chain.canonical(line) + b"\n" for line in lines]
