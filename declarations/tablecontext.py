"""What the rows of a message table need around them, alike for the compiled tables and for the traced reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from declarations.agencycodes import AgencyCodes
from declarations.codelists import CodeLists
from declarations.conditions import parse
from declarations.conversions import Translation
from declarations.dictionary import Form
from declarations.form import Row
from declarations.tables import Each, MessageTable


class MissingValue(ValueError):
    """A row with `empty: error` found no value."""


@dataclass(frozen=True, slots=True)
class TableContext:
    """What the rows of one message need around them: its form, the code lists of one day, the agency's conversions."""

    table: MessageTable
    form: Form
    filing: frozenset[str]
    codes: CodeLists
    agency_codes: AgencyCodes
    timezone: str
    on: date

    def translation(self, name: str) -> Translation:
        """The conversion table of a code list on the day."""
        code_list = self.codes.lists[name]
        left_out = self.agency_codes.leaves_out(name)
        open_ended = not code_list.complete and (left_out or self.agency_codes.same_system(name))
        pattern = code_list.pattern if open_ended else None
        return Translation(name, self.agency_codes.out_table(name, self.on), pattern, leaves_out=left_out)

    def code_set(self, name: str) -> frozenset[str]:
        """The codes of a list that are valid on the day."""
        return frozenset(self.codes.lists[name].current(self.on))

    def attribute(self, arg: str) -> dict[str, str]:
        """`CL_LIST.attribute` -> code to attribute, where it has one."""
        name, _, attribute = arg.partition(".")
        current = self.codes.lists[name].current(self.on).items()
        return {code: row.attributes[attribute] for code, row in current if row.attributes.get(attribute)}


def parse_each(text: str) -> Each:
    """`group [where CONDITION]` of a sum, count or join."""
    group, _, where = text.strip().partition(" where ")
    return Each(group.strip(), parse(where) if where else None, "")


def distinct(rows: Iterable[Row], item: str) -> list[tuple[Row, list[Row]]]:
    """Rows gathered by equal values of an item, in the order in which each value first comes."""
    found: dict[str | None, list[Row]] = {}
    for row in rows:
        found.setdefault(row.get(item), []).append(row)
    return [(members[0], members) for members in found.values()]
