"""Coded items: which values may be filed on a day, and what to say of one that may not.

Every value must stand in the canonical list on the acceptance date, and every agency that receives it must have a
conversion. A list that is only `partial` lets an unknown well-formed code of the same system through with a warning
(design.md section 2).
"""

from __future__ import annotations

from collections.abc import Mapping

from declarations.agencycodes import AgencyCodes
from declarations.codelists import Code, CodeList, CodeLists
from declarations.dictionary import Form, Item
from declarations.form import Row
from declarations.rules.rule import Finding, Snapshot

MAX_CLEAN = 4096
"""Values come from clients, so what is remembered of them is capped."""
ISO_COLUMNS = ("alpha2", "alpha3", "iso_numeric")
"""Attributes under which a list keeps the international code of the same thing."""


class CodedItems:
    """The coded items of a scope on one day."""

    def __init__(
        self,
        form: Form,
        lists: CodeLists,
        agency_codes: Mapping[str, AgencyCodes],
        agencies: frozenset[str],
        snapshot: Snapshot,
    ) -> None:
        self._form = form
        self._lists = lists
        self._agency_codes = agency_codes
        self._agencies = agencies
        self._snapshot = snapshot
        self._taken: dict[tuple[str, frozenset[str]], Mapping[str | None, Code | None]] = {}
        self.accepted: dict[str, Mapping[str | None, Code | None]] = {}
        """item -> values that may be filed without a word; None, for not given, is one of them."""
        self._clean: set[tuple[str, str]] = set()
        for item in form.items.values():
            if item.code_list and (not item.obligations or agencies & item.obligations.keys()):
                self.accepted[item.item_id] = self._accepted(item)

    def _receivers(self, item: Item) -> list[AgencyCodes]:
        return [self._agency_codes[agency] for agency in sorted(self._agencies & item.obligations.keys())]

    def _accepted(self, item: Item) -> Mapping[str | None, Code | None]:
        """Codes of the day that every receiving agency with a table of its own has a conversion for."""
        receivers = frozenset(codes.agency for codes in self._receivers(item) if item.code_list in codes.systems)
        taken = self._taken.get((item.code_list, receivers))
        if taken is None:
            known: dict[str | None, Code | None]
            known = {None: None}
            known.update(self._snapshot[item.code_list])
            for agency in receivers:
                table = self._agency_codes[agency].out_table(item.code_list, self._snapshot.on)
                known = {code: row for code, row in known.items() if code is None or code in table}
            taken = self._taken[item.code_list, receivers] = known
        return taken

    def split(self, item: str, value: str) -> list[str]:
        """The codes in a value: several where the item is a list."""
        return [each.strip() for each in value.split(",")] if self._form.items[item].occurs == "list" else [value]

    def faults(self, item: str, value: str, row: Row) -> list[Finding]:
        """What is wrong with a value, code by code. A value found clean is remembered: the same ones come all day."""
        if (item, value) in self._clean:
            return []
        found = [finding for code in self.split(item, value) if (finding := self.fault(item, code, row)) is not None]
        if not found:
            if len(self._clean) >= MAX_CLEAN:
                self._clean.clear()
            self._clean.add((item, value))
        return found

    def fault(self, item: str, value: str, row: Row | None = None) -> Finding | None:
        """What is wrong with one code, or None. The words are the variants of R-MAP-01."""
        if item not in self.accepted or value in self.accepted[item]:
            return None
        described = self._form.items[item]
        code_list = self._lists.lists[described.code_list]
        name = (code_list.name_zh, code_list.name_en)
        if not code_list.codes and code_list.well_formed(value):
            return None  # nobody published the list: its form is all that can be checked
        if code_list.get(value, self._snapshot.on):
            if not code_list.complete and self._may_be_unknown(described):
                return None  # what goes as written unknown goes as written known
            return Finding(item, row, value, words="unmapped", agency=self._without(described, value))
        periods = code_list.codes.get(value)
        if periods:
            return Finding(item, row, value, words="expired", list=name, date=self._snapshot.on.isoformat())
        tolerated = not code_list.complete and code_list.well_formed(value) and self._may_be_unknown(described)
        proposal = self._proposal(code_list, value)
        if proposal:
            fill = {"code": proposal.code, "name": (proposal.name_zh, proposal.name_en), "list": name}
            return Finding(item, row, value, words="other_system", severity="warning" if tolerated else None, fill=fill)
        if tolerated:
            left_out = any(codes.leaves_out(described.code_list) for codes in self._receivers(described))
            return Finding(
                item, row, value, words="left_out" if left_out else "unlisted", severity="warning", list=name
            )
        return Finding(item, row, value, words="unknown", list=name)

    def _may_be_unknown(self, item: Item) -> bool:
        """Whether every receiver takes the list's codes as they are, or does without one it does not know."""
        return all(
            codes.same_system(item.code_list)
            or codes.leaves_out(item.code_list)
            or self._lists.lists[item.code_list].system == "window"
            for codes in self._receivers(item)
        )

    def _without(self, item: Item, value: str) -> str:
        receivers = [codes for codes in self._receivers(item) if item.code_list in codes.systems]
        return ", ".join(
            codes.agency for codes in receivers if codes.out(item.code_list, value, self._snapshot.on) is None
        )

    def _proposal(self, code_list: CodeList, value: str) -> Code | None:
        """The canonical code somebody meant who wrote an agency's or the international code of the same thing."""
        current = self._snapshot[code_list.name]
        for codes in self._agency_codes.values():
            meant = codes.back(code_list.name, value, self._snapshot.on) if code_list.name in codes.systems else None
            if meant is not None and meant in current:
                return current[meant]
        for column in ISO_COLUMNS:
            if column in code_list.attributes:
                for code in current.values():
                    if code.attributes[column] == value:
                        return code
        return None
