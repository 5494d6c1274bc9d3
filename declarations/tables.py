"""Mapping tables read from the bundle: `mappings/<agency>/<message>/<version>/` (design.md section 2, docs/tables.md)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from declarations.bundle import Bundle, TableRow, table_fault
from declarations.conditions import Condition, ConditionError, parse
from declarations.errors import BadConfiguration
from declarations.faults import Fault

MAP_COLUMNS = (
    "line", "target", "occurs", "each", "source", "when", "how", "arg", "empty", "bad", "reference", "note",
)  # fmt: skip
HOWS = ("copy", "const", "code", "date", "number", "text", "sum", "count", "join", "split", "seq", "lookup")
"""The closed list of conversions; `fn:name` calls a registered Python function (declarations/functions.py)."""
SOURCELESS = ("const", "count", "seq")
_SEGMENT = re.compile(r"@?[A-Za-z_][A-Za-z0-9_.-]*(\[\]|\[\+\])?")
_EACH = re.compile(r"(?P<group>[a-z_]+)(?:\s+where\s+(?P<where>.+?))?(?:\s+by\s+(?P<by>[a-z_]+))?")


@dataclass(frozen=True, slots=True)
class Each:
    """A loop: the rows of a group, those for which `where` holds, once per distinct value of `by`."""

    group: str
    where: Condition | None
    by: str


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row of a map.csv, its small languages already read."""

    line: str
    target: str
    occurs: str
    each: Each | None
    sources: tuple[str, ...]
    when: Condition | None
    how: str
    arg: str
    empty: str
    reference: str
    note: str
    row: TableRow

    @property
    def default(self) -> str | None:
        """The value written when the source is empty, if the row names one."""
        return self.empty.removeprefix("default:") if self.empty.startswith("default:") else None


@dataclass(slots=True)
class Node:
    """An element (or attribute) of the message: its rows if it is a leaf, its loop if it repeats, its children in order."""

    name: str
    mark: str = ""
    rows: list[MapRow] = field(default_factory=list)
    loop: MapRow | None = None
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def is_attribute(self) -> bool:
        return self.name.startswith("@")

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children.values():
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class MessageTable:
    """One version of one agency message: its meta.toml and its rows."""

    agency: str
    message: str
    version: str
    direction: str
    form: str
    root: str
    namespace: str
    schema: str
    valid_from: date
    valid_to: date | None
    name_zh: str
    name_en: str
    path: str
    meta: dict[str, Any]
    rows: tuple[MapRow, ...]
    tree: Node

    @property
    def unused(self) -> dict[str, str]:
        """Items of this agency that the message leaves out on purpose -> the reason."""
        return dict(self.meta.get("unused", {}))

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class TableFaults:
    """Gathers faults of tables, each with file, row and column."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def note(self, row: TableRow, column: str, zh: str, en: str) -> None:
        self.found.append(table_fault(row.path, row.line, column, zh, en))

    def note_file(self, path: str, column: str, zh: str, en: str) -> None:
        self.found.append(table_fault(path, None, column, zh, en))

    def raise_if_any(self, what: str) -> None:
        if self.found:
            first = self.found[0]
            raise BadConfiguration(f"{what}: {first.pointer}: {first.message_en}", faults=self.found)


def message_versions(bundle: Bundle, agency: str) -> list[str]:
    """Folders `mappings/<agency>/<message>/<version>` that hold a meta.toml."""
    return [path.removesuffix("/meta.toml") for path in bundle.paths(f"mappings/{agency}/", "/meta.toml")]


def load_message(bundle: Bundle, folder: str, faults: TableFaults) -> MessageTable | None:
    """Read one version folder; what is wrong goes into `faults` (None when meta.toml is unusable)."""
    path, meta_path = f"{folder}/map.csv", f"{folder}/meta.toml"
    try:
        meta = tomllib.loads(bundle.text(meta_path))
        valid_from = date.fromisoformat(meta["valid_from"])
        valid_to = date.fromisoformat(meta["valid_to"]) if meta.get("valid_to") else None
        texts = {key: str(meta[key]) for key in ("agency", "message", "version", "direction", "root", "schema")}
        names = {key: str(meta[key]) for key in ("name_zh", "name_en")}
    except (KeyError, ValueError, tomllib.TOMLDecodeError) as error:
        faults.note_file(meta_path, str(error).strip("'"), f"meta.toml 无法使用：{error}", f"cannot be used: {error}")
        return None
    rows = [found for row in bundle.table(path) if (found := _map_row(row, faults)) is not None]
    tree = _tree(texts["root"], rows, faults) if texts["direction"] == "out" else Node(texts["root"])
    return MessageTable(
        **texts,
        **names,
        form=str(meta.get("form", "goods")),
        namespace=str(meta.get("namespace", "")),
        valid_from=valid_from,
        valid_to=valid_to,
        path=path,
        meta=meta,
        rows=tuple(rows),
        tree=tree,
    )


def _map_row(row: TableRow, faults: TableFaults) -> MapRow | None:
    if tuple(row) != MAP_COLUMNS:
        faults.note(row, "", "列名不符", f"columns must be {', '.join(MAP_COLUMNS)}")
        return None
    when = _condition(row, "when", row["when"], faults)
    each = None
    if row["each"]:
        found = _EACH.fullmatch(row["each"])
        if found is None:
            faults.note(row, "each", "each 写法有误", "write `group [where CONDITION] [by ITEM]`")
        else:
            where = _condition(row, "each", found["where"] or "", faults)
            each = Each(found["group"], where, found["by"] or "")
    sources = tuple(part.strip() for part in row["source"].split("|") if part.strip())
    _check_cells(row, sources, faults)
    return MapRow(
        row["line"], row["target"], row["occurs"], each, sources, when,
        row["how"], row["arg"], row["empty"] or "omit", row["reference"], row["note"], row,
    )  # fmt: skip


def _condition(row: TableRow, column: str, text: str, faults: TableFaults) -> Condition | None:
    if not text:
        return None
    try:
        return parse(text)
    except ConditionError as error:
        faults.note(row, column, f"条件写法有误：{error}", f"not a condition: {error}")
        return None


def _check_cells(row: TableRow, sources: tuple[str, ...], faults: TableFaults) -> None:
    owns_loop = row["target"].endswith(("[]", "[+]"))
    if row["how"] and row["how"] not in HOWS and not row["how"].startswith("fn:"):
        faults.note(row, "how", "未知的取值方式", f"must be one of {', '.join(HOWS)} or fn:name")
    if not row["how"] and not owns_loop:
        faults.note(row, "how", "缺少取值方式", "say how the value is made")
    if row["how"] and row["how"] not in SOURCELESS and not sources:
        faults.note(row, "source", "缺少来源", "say which item the value comes from")
    if row["empty"] not in ("", "omit", "error") and not row["empty"].startswith("default:"):
        faults.note(row, "empty", "只能是 omit、default:值 或 error", "must be omit, default:X or error")
    if row["bad"] not in ("", "error"):
        faults.note(row, "bad", "只能是 error", "must be error: a bad value is never passed on")
    if row["each"] and not row["target"].endswith("[]"):
        faults.note(row, "each", "each 只能写在 [] 结尾的目标上", "each belongs on a target that ends with []")
    if row["target"].endswith("[]") and not row["each"]:
        faults.note(row, "each", "重复元素缺少 each", "a repeating target needs its each")


def _tree(root: str, rows: list[MapRow], faults: TableFaults) -> Node:
    tree = Node(root)
    lines: set[str] = set()
    for row in rows:
        if row.line in lines or not row.line:
            faults.note(row.row, "line", "行号缺失或重复", "line id missing or used twice")
        lines.add(row.line)
        segments = row.target.split("/")
        if not all(_SEGMENT.fullmatch(segment) for segment in segments):
            faults.note(row.row, "target", "目标路径写法有误", "not a target path")
            continue
        node = tree
        for number, segment in enumerate(segments):
            child = node.children.get(segment)
            if child is None:
                name = segment.removesuffix("[]").removesuffix("[+]")
                child = node.children[segment] = Node(name, segment[len(name) :])
                if child.mark and number < len(segments) - 1:
                    faults.note(row.row, "target", f"{segment} 没有自己的行", f"{segment} has no row that owns it")
            node = child
        if node.mark:
            if node.loop is not None:
                faults.note(row.row, "target", "循环已有行", "this repeat already has its row")
            node.loop = row
        else:
            node.rows.append(row)
    return tree
