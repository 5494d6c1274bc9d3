"""Simulated agencies' ship messages, by two tables beside this module.

`ships.csv` says how a message reads: `agency`, its root element (`message`), `schema`, the `script` played for it, where the
trader's `reference` stands, `values` (`name=path`, blank-separated) that answers repeat and a script's `when` may ask for
(`name=value`), and the form of the `number` that the agency gives a reference (`{year}`, `{serial}`, and the values in braces).

`ship_answers.csv` says how an answer looks: a row is an `element` below `root` (in `namespace`) with its `value`, in which stand
in braces: id, key (message id or file name of the message answered), reference, code, at, text, the message's values, and number
where the script's row `carries` it. An element without value is left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lxml import etree

from adapters.simulator.documents import document, local_time, text
from adapters.simulator.engine import Copy, Filing, Planned
from declarations.bundle import Bundle, TableRow

HERE = Path(__file__).parent
_ANSWER_IDS = uuid.UUID("0d8b0e0a-1f5d-5f8e-9a70-6a4b8c7d2e51")


@dataclass(frozen=True)
class ShipFile:
    """The ship messages of one agency and its one answer."""

    agency: str
    messages: dict[str, TableRow] = field(default_factory=dict)
    answers: list[TableRow] = field(default_factory=list)
    REFUSAL = ("response", "REJ")

    @property
    def AGENCY(self) -> str:  # noqa: N802  # as the modules of the goods agencies call it
        return self.agency

    @property
    def MESSAGES(self) -> Mapping[str, str]:  # noqa: N802
        return {root: row["schema"] for root, row in self.messages.items()}

    def read(self, root: etree._Element, key: str) -> Filing:
        row = self.messages[etree.QName(root).localname]
        values = {name: text(root, path) for name, path in (each.split("=", 1) for each in row["values"].split())}
        return Filing(
            key=key,
            reference=text(root, row["reference"]),
            kind=row["message"],
            facts=frozenset({row["script"], *(f"{name}={value}" for name, value in values.items())}),
            values=values,
            script=row["script"],
        )

    def numbers(
        self,
        filing: Filing,
        year: int,
        of_reference: Callable[[str], int],
        fresh: Callable[[str], int],  # noqa: ARG002  # the shape of AgencyFile
    ) -> dict[str, str]:
        """The agency's number of the filing; it stays with the trader's reference."""
        form = self.messages[filing.kind]["number"]
        return {**filing.values, "number": form.format(year=year, serial=of_reference("ship"), **filing.values)}

    def answer(self, planned: Planned, filing: Filing, given: dict[str, str], at: datetime) -> tuple[str, bytes]:
        """The answer's name and bytes. A duplicate bears the same id: it is the same answer."""
        identity = str(uuid.uuid5(_ANSWER_IDS, f"{self.agency}/{filing.key}/{planned.step}"))
        said = {
            **filing.values,
            "number": given.get("number", "") if "number" in planned.carries else "",
            "id": identity,
            "key": filing.key,
            "reference": filing.reference,
            "code": planned.code,
            "at": local_time(at),
            "text": planned.text.format(**given),
        }
        fields = [(row["element"], row["value"].format(**said)) for row in self.answers]
        mark = planned.copy.value if planned.copy is Copy.DAMAGED else ""
        root, namespace = self.answers[0]["root"], self.answers[0]["namespace"]
        return f"{filing.key}_{planned.step:02d}{mark}.xml", document(root, fields, namespace)


def load_ship_files() -> dict[str, ShipFile]:
    """agency -> how its ship messages read and its answers look."""
    tables = Bundle({name: (HERE / name).read_bytes() for name in ("ships.csv", "ship_answers.csv")})
    found: dict[str, ShipFile] = {}
    for row in tables.table("ships.csv"):
        found.setdefault(row["agency"], ShipFile(row["agency"])).messages[row["message"]] = row
    for row in tables.table("ship_answers.csv"):
        found[row["agency"]].answers.append(row)
    return found
