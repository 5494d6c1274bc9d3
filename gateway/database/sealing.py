"""Which columns are sealed at rest, under whose data key, and what binds a sealed value to its row.

Stores name the sealing of their table (`Insertion(…, sealing=…)`, `Prepared(…, sealing=…)`) and deal in plain values. The vault
comes with the connection: an engine is made with it. A JSON column keeps a sealed value as a JSON string, so that what was
written before payloads were sealed (an object, an array) is told from it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import Connection

from gateway.sealed import place

if TYPE_CHECKING:
    from gateway.vault import Vault

OPTION = "onewindow_vault"
"""The execution option of an engine that holds its vault."""
WINDOW = "window"
"""Owner of what belongs to no organisation."""


def vault_of(connection: Connection) -> Vault:
    return cast("Vault", connection.get_execution_options()[OPTION])


class Sealing:
    """The sealed columns of one table.

    `identity` are the columns that say which row it is; every statement that reads a sealed column reads them too. `owner` is
    the column that says whose key seals, None for the window's own. `size` is the column that keeps the length of the plain
    bytes. `lent`: `owner` is no column of the table, rows carry it only for sealing.
    """

    def __init__(
        self,
        table: str,
        identity: tuple[str, ...],
        owner: str | None,
        *,
        binary: tuple[str, ...] = (),
        json: tuple[str, ...] = (),
        size: str | None = None,
        lent: bool = False,
    ) -> None:
        self.columns = {**dict.fromkeys(binary, False), **dict.fromkeys(json, True)}
        """Sealed column -> whether it is JSON."""
        self.table = table
        self.identity = identity
        self.owner = owner
        self.size = size
        self._lent = lent

    def seal(self, connection: Connection, column: str, value: Any, *, owner: str, row: tuple[str | int, ...]) -> Any:
        """One value as its column keeps it."""
        is_json = self.columns[column]
        plain = orjson.dumps(value) if is_json else value
        sealed = vault_of(connection).seal(connection, owner, place(self.table, column, row), plain)
        return base64.b64encode(sealed).decode() if is_json else sealed

    def sealed(self, connection: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row as its table keeps it."""
        kept = dict(row)
        owner = WINDOW if self.owner is None else kept[self.owner]
        identity = tuple(kept[name] for name in self.identity)
        for column in self.columns:
            if column not in kept:
                continue
            if self.size is not None and not self.columns[column]:
                kept[self.size] = len(kept[column])
            kept[column] = self.seal(connection, column, kept[column], owner=owner, row=identity)
        if self._lent and self.owner is not None:
            del kept[self.owner]
        return kept

    def open(self, connection: Connection, column: str, stored: Any, row: tuple[str | int, ...]) -> Any:
        """The plain value; one of before sealing comes back as it is. Raises SealedDataUnreadable."""
        if stored is None:
            return None
        if not self.columns[column]:
            return vault_of(connection).open(connection, place(self.table, column, row), bytes(stored))
        if not isinstance(stored, str):
            return stored
        opened = vault_of(connection).open(connection, place(self.table, column, row), base64.b64decode(stored))
        return orjson.loads(opened)

    def opened(self, connection: Connection, rows: Sequence[Any]) -> list[Any]:
        """Rows (named tuples) with their sealed columns in plain."""
        if not rows:
            return []
        names = [column for column in self.columns if hasattr(rows[0], column)]
        found = []
        for row in rows:
            identity = tuple(getattr(row, name) for name in self.identity)
            plain = {name: self.open(connection, name, getattr(row, name), identity) for name in names}
            found.append(row._replace(**plain))
        return found

    def opened_values(self, connection: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
        """The same of a row as a dictionary."""
        identity = tuple(row[name] for name in self.identity)
        plain = {name: self.open(connection, name, row[name], identity) for name in self.columns if name in row}
        return {**row, **plain}


VERSION = Sealing(
    "declaration_version",
    ("declaration_id", "version"),
    "organisation_id",
    binary=("body",),
    # a warning quotes the value it is about
    json=("warnings",),
    size="size",
)
MESSAGE = Sealing("message", ("id",), "organisation_id", json=("filing",))
MESSAGE_BODY = Sealing("message_body", ("message_id",), "organisation_id", binary=("body",), size="size", lent=True)
# a document may hold answers to filings of several organisations
INBOX = Sealing("inbox", ("id",), None, binary=("body",), size="size")
ANSWER = Sealing("answer", ("id",), "organisation_id", json=("response",))
UNMATCHED = Sealing("unmatched", ("id",), None, json=("response",))
IDEMPOTENCY = Sealing("idempotency", ("organisation_id", "client", "route", "key"), "organisation_id", json=("answer",))
PREPARED = Sealing("prepared", ("id",), "organisation_id", binary=("body",))
QUALIFICATION = Sealing("qualification", ("organisation_id",), "organisation_id", json=("details",))
# of an organisation that is none yet
REGISTRATION = Sealing("registration", ("id",), None, json=("details",))
# the master's name stands in it
CERTIFICATE = Sealing("certificate", ("id",), "organisation_id", json=("content",))
CERTIFICATE_PAPER = Sealing("certificate_paper", ("certificate_id",), "organisation_id", binary=("body",), size="size")
# crew who changed
CALL_CHANGE = Sealing("call_change", ("id",), "organisation_id", json=("items",))
ALL = (
    VERSION, MESSAGE, MESSAGE_BODY, INBOX, ANSWER, UNMATCHED, IDEMPOTENCY, PREPARED, QUALIFICATION, REGISTRATION,
    CERTIFICATE, CERTIFICATE_PAPER, CALL_CHANGE,
)  # fmt: skip
