"""The tables rules decide by (mappings/rules/<form>.*.csv), read and proved once.

A table is proved against the dictionary and the code lists: a value nobody could type is a fault of the table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.codelists import CodeLists
from declarations.dictionary import Form
from declarations.errors import BadConfiguration
from declarations.faults import Fault
from declarations.rules.runner import Skipped

SETTINGS = (
    "home_country",
    "late_after_days",
    "wood_packaging_commodity",
    "wood_packaging_words",
    "not_dangerous_words",
)
"""What goods.settings.csv must say."""


@dataclass(frozen=True, slots=True)
class AttachmentNeed:
    """An attachment an agency wants up front."""

    attachment_type: str
    code_list: str


@dataclass(frozen=True, slots=True)
class PermitNeed:
    """Papers a commodity kind needs: a qualification of the enterprise, a permit of the product, or both ("" = not)."""

    direction: str
    goods_attribute: str
    qualification: str
    permit: str


@dataclass(frozen=True, slots=True)
class AttributeNeed:
    """An inspection class whose goods must say an attribute of some kind."""

    direction: str
    attribute_kind: str


@dataclass(frozen=True, slots=True)
class RuleTables:
    """All tables of the goods rules."""

    settings: Mapping[str, str]
    levies: Mapping[str, frozenset[str]]
    """trade mode -> levy natures it allows; a mode without rows is not checked."""
    duties: Mapping[str, frozenset[str]]
    """levy nature -> duty modes it allows."""
    without_manual: frozenset[tuple[str, str]]
    """(trade mode, levy nature) that may not name a manual."""
    natures: Mapping[str, Mapping[str, bool]]
    """enterprise nature (6th character of a customs id) -> role -> allowed."""
    rates: Mapping[str, tuple[Decimal, Decimal]]
    """charge -> lowest and highest plausible rate, per cent."""
    transport_documents: Mapping[str, str]
    """transport mode -> how its transport document is written: sea or air."""
    containers: Mapping[str, str]
    """transport mode -> expected or unexpected."""
    no_value: frozenset[str]
    """Trade modes whose goods may have the value 0."""
    transit: Mapping[str, frozenset[str]]
    """item -> values that mean the goods are in transit."""
    kind_items: Mapping[str, tuple[tuple[str, str], ...]]
    """commodity kind -> (direction or "", item that must be given)."""
    class_attributes: Mapping[str, AttributeNeed]
    """inspection class -> attribute its goods need."""
    permits: Mapping[str, tuple[PermitNeed, ...]]
    """commodity kind -> papers."""
    skipped: tuple[Skipped, ...]
    """Rows some agency never gets."""
    attachments: Mapping[tuple[str, str, str], tuple[AttachmentNeed, ...]]
    """(agency, direction, customs declaration type or "") -> attachments."""


class TableReader:
    """Reads the rule tables of one form and collects their faults."""

    def __init__(self, bundle: Bundle, form: Form, codes: CodeLists) -> None:
        self.bundle = bundle
        self.form = form
        self.codes = codes
        self.faults: list[Fault] = []

    def rows(self, name: str, *columns: str) -> list[TableRow]:
        path = f"mappings/rules/{self.form.name}.{name}.csv"
        rows = self.bundle.table(path)
        if rows and tuple(rows[0]) != columns:
            self.faults.append(table_fault(path, 1, "", "列名不符", f"columns must be {', '.join(columns)}"))
            return []
        return rows

    def fault(self, row: TableRow, column: str, zh: str, en: str) -> None:
        self.faults.append(table_fault(row.path, row.line, column, zh, en))

    def code(self, row: TableRow, column: str, code_list: str, blank: bool = False) -> str:
        """A code that must be in a list."""
        if not (blank and not row[column]) and row[column] not in self.codes.lists[code_list].codes:
            self.fault(row, column, f"{code_list} 中没有此代码", f"not a code of {code_list}")
        return row[column]

    def choice(self, row: TableRow, column: str, *choices: str) -> str:
        if row[column] not in choices:
            self.fault(row, column, f"只能是 {'、'.join(choices)}", f"must be one of {', '.join(choices)}")
        return row[column]

    def item(self, row: TableRow, column: str) -> str:
        if row[column] not in self.form.items:
            self.fault(row, column, "没有此数据项", "there is no such item")
        return row[column]

    def attribute(self, row: TableRow, column: str, code_list: str, attribute: str) -> str:
        """A value that some code of a list has as attribute."""
        values = {
            code.attributes.get(attribute) for codes in self.codes.lists[code_list].codes.values() for code in codes
        }
        if row[column] not in values:
            self.fault(
                row, column, f"{code_list} 的 {attribute} 中没有此值", f"no {attribute} of {code_list} has this value"
            )
        return row[column]


def load_tables(bundle: Bundle, form: Form, codes: CodeLists) -> RuleTables:
    """Read all tables; raises BadConfiguration with every fault found."""
    reader = TableReader(bundle, form, codes)
    tables = RuleTables(
        settings=_settings(reader),
        levies=_pairs(reader, "levies", ("trade_mode", "CL_TRADE_MODE"), ("levy_nature", "CL_LEVY_NATURE")),
        duties=_pairs(reader, "duties", ("levy_nature", "CL_LEVY_NATURE"), ("duty_mode", "CL_DUTY_MODE")),
        without_manual=frozenset(
            (reader.code(row, "trade_mode", "CL_TRADE_MODE"), reader.code(row, "levy_nature", "CL_LEVY_NATURE"))
            for row in reader.rows("without_manual", "trade_mode", "levy_nature", "reference")
        ),
        natures={
            row["nature"]: {
                role: reader.choice(row, role, "yes", "no") == "yes"
                for role in ("domestic_trader", "owner", "declarant")
            }
            for row in reader.rows(
                "natures", "nature", "name_zh", "name_en", "domestic_trader", "owner", "declarant", "reference"
            )
        },
        rates=_rates(reader),
        transport_documents=_transport(reader, "document"),
        containers=_transport(reader, "containers"),
        no_value=frozenset(
            reader.code(row, "trade_mode", "CL_TRADE_MODE")
            for row in reader.rows("no_value", "trade_mode", "reference")
        ),
        transit=_transit(reader),
        kind_items=_kind_items(reader),
        class_attributes={
            row["class"]: AttributeNeed(
                reader.code(row, "direction", "CL_DIRECTION", blank=True),
                reader.attribute(row, "attribute_kind", "CL_GOODS_ATTRIBUTE", "kind"),
            )
            for row in reader.rows("class_attributes", "class", "direction", "attribute_kind", "reference")
        },
        permits=_permits(reader),
        skipped=_skipped(reader),
        attachments=_attachments(reader),
    )
    if reader.faults:
        first = reader.faults[0]
        message = (
            f"rule tables have faults ({len(reader.faults)}): {first.pointer}:{first.line or ''} {first.message_en}"
        )
        raise BadConfiguration(message, "规则表有误", faults=reader.faults)
    return tables


def _settings(reader: TableReader) -> dict[str, str]:
    rows = reader.rows("settings", "setting", "value", "note")
    found = {row["setting"]: row["value"] for row in rows}
    for setting in SETTINGS:
        if not found.get(setting):
            path = f"mappings/rules/{reader.form.name}.settings.csv"
            reader.faults.append(table_fault(path, None, "setting", f"缺少 {setting}", f"{setting} is missing"))
    for row in rows:
        if row["setting"] == "home_country":
            reader.code(row, "value", "CL_COUNTRY")
        elif row["setting"] == "wood_packaging_commodity":
            reader.code(row, "value", "CL_PSEUDO_COMMODITY")
        elif row["setting"] == "late_after_days" and not (row["value"].isascii() and row["value"].isdigit()):
            reader.fault(row, "value", "应为天数", "must be a number of days")
    return found


def _pairs(reader: TableReader, name: str, key: tuple[str, str], value: tuple[str, str]) -> dict[str, frozenset[str]]:
    """A table of allowed pairs: first code -> second codes."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in reader.rows(name, key[0], value[0], "reference"):
        found[reader.code(row, *key)].add(reader.code(row, *value))
    return {code: frozenset(codes) for code, codes in found.items()}


def _rates(reader: TableReader) -> dict[str, tuple[Decimal, Decimal]]:
    found = {}
    for row in reader.rows("rates", "charge", "lowest", "highest", "reference"):
        reader.choice(row, "charge", "freight", "insurance", "other")
        try:
            found[row["charge"]] = (Decimal(row["lowest"]), Decimal(row["highest"]))
        except InvalidOperation:
            reader.fault(row, "lowest", "应为数字", "must be numbers")
    return found


def _transport(reader: TableReader, column: str) -> dict[str, str]:
    choices = {"document": ("", "sea", "air"), "containers": ("", "expected", "unexpected")}[column]
    return {
        reader.code(row, "transport_mode", "CL_TRANSPORT_MODE"): reader.choice(row, column, *choices)
        for row in reader.rows("transport_modes", "transport_mode", "document", "containers", "reference")
        if row[column]
    }


def _transit(reader: TableReader) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in reader.rows("transit", "item", "value", "reference"):
        found[reader.item(row, "item")].add(row["value"])
    return {item: frozenset(values) for item, values in found.items()}


def _kind_items(reader: TableReader) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in reader.rows("kind_items", "kind", "direction", "item", "reference"):
        direction = reader.code(row, "direction", "CL_DIRECTION", blank=True)
        found[reader.attribute(row, "kind", "CL_HS", "kind")].append((direction, reader.item(row, "item")))
    return {kind: tuple(items) for kind, items in found.items()}


def _permits(reader: TableReader) -> dict[str, tuple[PermitNeed, ...]]:
    found: dict[str, list[PermitNeed]] = defaultdict(list)
    columns = ("kind", "direction", "goods_attribute", "enterprise_qualification", "product_permit", "reference")
    for row in reader.rows("permits", *columns):
        need = PermitNeed(
            reader.code(row, "direction", "CL_DIRECTION", blank=True),
            reader.code(row, "goods_attribute", "CL_GOODS_ATTRIBUTE", blank=True),
            reader.code(row, "enterprise_qualification", "CL_ENTERPRISE_QUALIFICATION", blank=True),
            reader.code(row, "product_permit", "CL_PRODUCT_PERMIT", blank=True),
        )
        found[reader.attribute(row, "kind", "CL_HS", "kind")].append(need)
    return {kind: tuple(needs) for kind, needs in found.items()}


def _skipped(reader: TableReader) -> tuple[Skipped, ...]:
    found = []
    for row in reader.rows("skips", "group", "agency", "item", "code_list", "reference"):
        item = reader.form.items.get(reader.item(row, "item"))
        if item is not None and item.group != row["group"]:
            reader.fault(row, "group", "数据项不在此分组", "the item is not of this group")
        reader.choice(row, "agency", *reader.form.agencies)
        reader.choice(row, "code_list", *reader.codes.lists)
        found.append(Skipped(row["group"], row["agency"], row["item"], row["code_list"]))
    return tuple(found)


def _attachments(reader: TableReader) -> dict[tuple[str, str, str], tuple[AttachmentNeed, ...]]:
    found: dict[tuple[str, str, str], list[AttachmentNeed]] = defaultdict(list)
    lists = {"customs": "CL_ATTACHMENT_TYPE", "inspection": "CL_INSPECTION_ATTACHMENT"}
    for row in reader.rows("attachments", "agency", "direction", "declaration_type", "attachment_type", "reference"):
        code_list = lists.get(reader.choice(row, "agency", *lists), "CL_ATTACHMENT_TYPE")
        key = (
            row["agency"],
            reader.code(row, "direction", "CL_DIRECTION"),
            reader.code(row, "declaration_type", "CL_ENTRY_TYPE", blank=True),
        )
        found[key].append(AttachmentNeed(reader.code(row, "attachment_type", code_list), code_list))
    return {key: tuple(needs) for key, needs in found.items()}
