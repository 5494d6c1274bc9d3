"""What organisations can be (`organisation_kinds.csv`), and how their papers fill a form (`qualification_items.csv`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from declarations.bundle import Bundle
from declarations.errors import BadConfiguration
from declarations.rulebook import Rulebook
from gateway.access import ROLES

KINDS, ITEMS = "mappings/organisation_kinds.csv", "mappings/qualification_items.csv"
FIELDS = ("social_credit_code", "customs_registration_id", "inspection_registration_id", "name_zh", "name_en")
"""What papers hold in columns of their own: what an operator compares with the registers."""
DETAILS = ("address", "address_en", "contact_person", "contact_phone")
"""What they hold besides; whoever changes it needs nobody's agreement."""
TRADER, DECLARANT = "trader", "declarant"
CERTAINTIES = ("fact", "usual")


@dataclass(frozen=True, slots=True)
class Kind:
    """What an organisation can be."""

    name: str
    name_zh: str
    name_en: str
    registers: bool
    """Whether it asks to be let in itself."""


@dataclass(frozen=True, slots=True)
class Filling:
    """One item of a form that papers fill."""

    form: str
    item: str
    role: str
    kinds: frozenset[str]
    directions: frozenset[str]
    field: str
    certainty: str


class OrganisationTables:
    """The two tables, read and proved. Raises BadConfiguration where they contradict the roles or the form."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.kinds = {
            row["kind"]: Kind(row["kind"], row["name_zh"], row["name_en"], row["registers"] == "Y")
            for row in rulebook.bundle.table(KINDS)
        }
        self.fillings = list(_fillings(rulebook.bundle))
        for role in rulebook.bundle.table(ROLES):
            _prove(ROLES, "organisations", role["organisations"].split(), self.kinds)
        for filling in self.fillings:
            _prove(ITEMS, "form", [filling.form], rulebook.forms)
            _prove(ITEMS, "item", [filling.item], rulebook.forms[filling.form].items)
            _prove(ITEMS, "role", [filling.role], (TRADER, DECLARANT))
            _prove(ITEMS, "kinds", filling.kinds, self.kinds)
            _prove(ITEMS, "field", [filling.field], (*FIELDS, *DETAILS))
            _prove(ITEMS, "certainty", [filling.certainty], CERTAINTIES)


def _fillings(bundle: Bundle) -> Iterable[Filling]:
    for row in bundle.table(ITEMS):
        kinds, directions = frozenset(row["kinds"].split()), frozenset(row["directions"].split())
        yield Filling(row["form"], row["item"], row["role"], kinds, directions, row["field"], row["certainty"])


def _prove(table: str, column: str, values: Iterable[str], known: Iterable[str]) -> None:
    for value in set(values) - set(known):
        raise BadConfiguration(f"{table}: {column}: there is no {value!r}", f"{table}：{column} 中的 {value} 不存在")
