"""Reads and proves the tables of the vessel rules (mappings/rules/vessel.*.csv)."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, InvalidOperation

from declarations.bundle import Bundle, TableRow
from declarations.codelists import CodeLists
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.faults import Severity
from declarations.rules.tables import TableReader
from declarations.rules.vessel.tables import (
    TODAY,
    CertificateNeed,
    DangerousClass,
    Flag,
    Indicator,
    Order,
    Range,
    Step,
    UnNumber,
    VesselTables,
)

SETTINGS = (
    "home_country", "home_nationality", "no_name", "short_stay_hours", "periodic_days", "application_days",
    "report_hours", "exit_hours", "stay_tolerance_hours", "calls_expected", "affected_days", "sanitation_months",
    "security_gross_tonnage", "youngest_crew", "oldest_person", "weight_tolerance_percent",
)  # fmt: skip
"""What vessel.settings.csv must say; all but the first three are whole numbers."""
_TEXTS = SETTINGS[:3]
MEANINGS = (
    "joins", "leaves", "load", "discharge", "arrival", "departure", "radio", "empty", "stowaway", "no_pollutant", "sick",
    "dead", "evacuation", "rescue", "overboard", "stowaways",
)  # fmt: skip
"""What vessel.codes.csv must name."""


def load_tables(bundle: Bundle, form: Form, codes: CodeLists) -> VesselTables:
    """Read all tables; raises BadConfiguration with every fault found."""
    reader = _VesselReader(bundle, form, codes)
    settings = {row["setting"]: row for row in reader.rows("settings", "setting", "value", "note")}
    meanings = {row["meaning"]: row for row in reader.rows("codes", "meaning", "item", "code", "note")}
    tables = VesselTables(
        texts={name: settings[name]["value"] for name in _TEXTS if name in settings},
        numbers={name: reader.whole(settings[name], "value") for name in SETTINGS[3:] if name in settings},
        codes={name: reader.listed(row, "code", row["item"]) for name, row in meanings.items()},
        steps=reader.steps(),
        indicators=reader.indicators(),
        order=reader.order(),
        ranges=reader.ranges(),
        dangerous_classes={
            row["class"]: DangerousClass(
                reader.choice(row, "packing_group", "always", "never", "maybe"),
                *(
                    reader.choice(row, column, "", "yes") == "yes"
                    for column in ("flash_point", "explosive_mass", "letter")
                ),
            )
            for row in reader.rows(
                "dangerous_classes", "class", "packing_group", "flash_point", "explosive_mass", "letter", "reference"
            )
        },
        un_numbers={
            row["un_number"]: UnNumber(
                reader.listed(row, "class", "dg_hazard_class_code"),
                frozenset(row["packing_groups"].split()),
                row["ems"],
                reader.choice(row, "pollutant", "", "yes") == "yes",
            )
            for row in reader.rows(
                "un_numbers", "un_number", "class", "packing_groups", "ems", "pollutant", "reference"
            )
        },
        flags={
            reader.listed(row, "flag", "ship_flag_state_code"): Flag(
                frozenset(row["mid"].split()), reader.call_signs(row)
            )
            for row in reader.rows("flags", "flag", "mid", "call_signs", "reference")
        },
        certificates=reader.certificates(),
        sequences=reader.sequences(),
        mrz_items=reader.mrz_items(),
        mrz_codes=reader.mrz_codes(),
    )
    for path, names, found in (("settings", SETTINGS, settings), ("codes", MEANINGS, meanings)):
        for name in names:
            if name not in found:
                reader.missing(path, name)
    if reader.faults:
        first = reader.faults[0]
        message = (
            f"rule tables have faults ({len(reader.faults)}): {first.pointer}:{first.line or ''} {first.message_en}"
        )
        raise BadConfiguration(message, "规则表有误", faults=reader.faults)
    return tables


class _VesselReader(TableReader):
    def missing(self, name: str, what: str) -> None:
        row = TableRow((), f"mappings/rules/{self.form.name}.{name}.csv", 1)
        self.fault(row, "", f"缺少 {what}", f"{what} is missing")

    def listed(self, row: TableRow, column: str, item: str, blank: bool = False) -> str:
        """A code of the list of an item."""
        described = self.form.items.get(item)
        if described is None or not described.code_list:
            self.fault(row, column, f"{item} 不是代码项", f"{item} is no coded item")
            return row[column]
        return self.code(row, column, described.code_list, blank)

    def whole(self, row: TableRow, column: str) -> int:
        if not (row[column].isascii() and row[column].isdigit()):
            self.fault(row, column, "应为整数", "must be a whole number")
            return 0
        return int(row[column])

    def decimal(self, row: TableRow, column: str) -> Decimal:
        try:
            return Decimal(row[column])
        except InvalidOperation:
            self.fault(row, column, "应为数字", "must be a number")
            return Decimal(0)

    def severity(self, row: TableRow) -> Severity:
        return "warning" if self.choice(row, "severity", "error", "warning") == "warning" else "error"

    def scopes(self, row: TableRow) -> frozenset[str]:
        steps = frozenset(row["steps"].split())
        for step in sorted(steps - self.form.scopes.keys()):
            self.fault(row, "steps", f"没有申报范围 {step}", f"there is no scope {step}")
        return steps

    def steps(self) -> dict[str, Step]:
        found = {}
        for row in self.rows("steps", "step", "direction", "lists", "kind", "reference"):
            self.choice(row, "step", *self.form.scopes)
            lists = frozenset(row["lists"].split())
            if not lists <= {"crew", "passengers"}:
                self.fault(row, "lists", "只能是 crew、passengers", "must be of crew, passengers")
            found[row["step"]] = Step(
                self.choice(row, "direction", "", "arrival", "departure"),
                lists,
                self.choice(row, "kind", "", "short", "periodic"),
            )
        for scope in self.form.scopes.keys() - found.keys():
            self.missing("steps", scope)
        return found

    def indicators(self) -> tuple[Indicator, ...]:
        found = []
        for row in self.rows("indicators", "indicator", "group", "steps", "missing", "reference"):
            self.choice(row, "group", *self.form.groups)
            self.choice(row, "missing", "", "error", "warning")
            found.append(Indicator(self.item(row, "indicator"), row["group"], self.scopes(row), row["missing"]))
        return tuple(found)

    def order(self) -> dict[str, tuple[Order, ...]]:
        found: dict[str, list[Order]] = defaultdict(list)
        columns = ("earlier", "later", "equal", "severity", "words", "steps", "reference")
        for row in self.rows("order", *columns):
            items = [self.item(row, "earlier"), *([] if row["later"] == TODAY else [self.item(row, "later")])]
            known = [self.form.items[item] for item in items if item in self.form.items]
            for item in known:
                if item.type not in ("date", "datetime"):
                    self.fault(row, "earlier", f"{item.item_id} 不是日期", f"{item.item_id} is no date")
            groups = {item.group for item in known} - {""}
            if len(groups) > 1:
                self.fault(row, "later", "两项不在同一分组", "the two stand in different groups")
            self.choice(row, "words", "", "expires", "happened", "departure")
            order = Order(
                row["earlier"],
                row["later"],
                self.choice(row, "equal", "yes", "no") == "yes",
                self.severity(row),
                row["words"],
                self.scopes(row) or frozenset(self.form.scopes),
            )
            found[groups.pop() if groups else ""].append(order)
        return {group: tuple(orders) for group, orders in found.items()}

    def ranges(self) -> dict[str, dict[str, Range]]:
        found: dict[str, dict[str, Range]] = defaultdict(dict)
        for row in self.rows("ranges", "item", "lowest", "highest", "severity", "reference"):
            item = self.form.items.get(self.item(row, "item"))
            if item is None:
                continue
            if item.type not in ("integer", "decimal"):
                self.fault(row, "item", "不是数字项", "is no number")
            found[item.group][item.item_id] = Range(
                self.decimal(row, "lowest"), self.decimal(row, "highest"), self.severity(row)
            )
        return found

    def call_signs(self, row: TableRow) -> tuple[tuple[str, str], ...]:
        found = []
        for series in row["call_signs"].split():
            lowest, _, highest = series.partition("-")
            highest = highest or lowest
            if len(lowest) != len(highest) or lowest > highest:
                self.fault(row, "call_signs", f"{series} 写法有误", f"{series} is no series")
            found.append((lowest, highest))
        return tuple(found)

    def certificates(self) -> tuple[CertificateNeed, ...]:
        columns = ("certificate_type", "lowest_gross_tonnage", "ship_types", "item", "reference")
        return tuple(
            CertificateNeed(
                self.listed(row, "certificate_type", "certificate_type_code"),
                self.decimal(row, "lowest_gross_tonnage"),
                tuple(row["ship_types"].split()),
                self.item(row, "item") if row["item"] else "",
            )
            for row in self.rows("certificates", *columns)
        )

    def sequences(self) -> dict[str, str]:
        found = {}
        for row in self.rows("sequences", "item", "reference"):
            item = self.form.items.get(self.item(row, "item"))
            if item is not None:
                found[item.group] = item.item_id
        return found

    def mrz_items(self) -> dict[str, dict[str, str]]:
        groups = ("crew", "passengers")
        rows = self.rows("mrz", "part", *groups, "note")
        return {group: {row["part"]: self.item(row, group) for row in rows} for group in groups}

    def mrz_codes(self) -> dict[str, tuple[tuple[str, str], ...]]:
        items = {row["part"]: row["crew"] for row in self.rows("mrz", "part", "crew", "passengers", "note")}
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in self.rows("mrz_codes", "part", "sign", "code", "reference"):
            self.choice(row, "part", *items)
            if row["part"] in items:
                found[row["part"]].append((row["sign"], self.listed(row, "code", items[row["part"]])))
        return {part: tuple(sorted(pairs, key=lambda pair: -len(pair[0]))) for part, pairs in found.items()}
