"""One agency folded into another, as inspection was into customs in 2018: the same tables with a column and a folder less.

What an officer would write by hand is done here by rule, for the ships' form: the other agency takes the items, and its messages
get a record with those they did not have.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib

from lxml import etree

from declarations.bundle import Bundle
from declarations.dictionary import load_form
from declarations.formschema import form_xsd

FORM = "vessel"
RECORD = "TakenOver"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_STRONGEST = {"": 0, "O": 1, "C": 2, "M": 3}


def folded(bundle: Bundle, gone: str, into: str) -> Bundle:
    """The tables of a port where `into` does the work of `gone`, for ships only."""
    files = {path: body for path, body in bundle.files.items() if not _goes(path, gone)}
    for path in files:
        if path.startswith("mappings/codes/"):
            files[path] = files[path].replace(f"# system: {gone}\n".encode(), f"# system: {into}\n".encode())
    _without_goods(files)
    taken = _fold_dictionary(files, gone, into)
    for meta_path in sorted(path for path in files if re.fullmatch(f"mappings/{into}/[^/]+/[^/]+/meta.toml", path)):
        meta = tomllib.loads(files[meta_path].decode())
        if meta["direction"] == "out" and "Notice" not in meta["message"]:
            _take_over(files, meta_path, meta, taken)
    files[f"xsd/merged/{FORM}.xsd"] = form_xsd(load_form(Bundle(files), FORM))
    return Bundle(files)


def _goes(path: str, gone: str) -> bool:
    return path.startswith((f"mappings/{gone}/", f"xsd/{gone}/", "mappings/forms/goods.", "xsd/merged/goods."))


def _without_goods(files: dict[str, bytes]) -> None:
    """A port that clears ships only: nothing is left that speaks of the goods form."""
    for path in [path for path in files if path.endswith("/meta.toml")]:
        meta = tomllib.loads(files[path].decode())
        if (meta["direction"], meta.get("form", "goods")) == ("out", "goods"):
            for name in ("meta.toml", "map.csv"):
                del files[path.replace("meta.toml", name)]
    for path, column in (("mappings/forms.csv", "form"), ("mappings/retention.csv", "what")):
        _edit(files, path, lambda rows, column=column: [row for row in rows if row[column] != "goods"])
    for path in [path for path in files if path.endswith("/routing.csv")]:
        _edit(files, path, lambda rows: [row for row in rows if row["form"] == FORM])


def _fold_dictionary(files: dict[str, bytes], gone: str, into: str) -> list[dict[str, str]]:
    """Moves a column, an agency of the scopes and the agency's conditions; returns the items that `into` has from `gone` now."""
    taken = []

    def column(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for row in rows:
            mark = row.pop(gone)
            if mark:
                taken.append(row)
            row[into] = max(mark, row[into], key=_STRONGEST.__getitem__)
        return rows

    _edit(files, f"mappings/forms/{FORM}.csv", column)
    for path in [f"mappings/forms/{FORM}.scopes.csv", *_rule_tables(files)]:
        _edit(files, path, lambda rows: _renamed(rows, gone, into))
    return taken


def _rule_tables(files: dict[str, bytes]) -> list[str]:
    return [path for path in files if path.startswith(f"mappings/rules/{FORM}.")]


def _renamed(rows: list[dict[str, str]], gone: str, into: str) -> list[dict[str, str]]:
    """Rows that name the agency that went name the other one; what then stands twice stands once."""
    kept: list[dict[str, str]] = []
    for row in rows:
        for name in ("agency", "agencies"):
            if name in row:
                row[name] = " ".join(dict.fromkeys(into if each == gone else each for each in row[name].split()))
        told = {name: value for name, value in row.items() if name not in ("note", "reference")}
        if not any(told.items() <= other.items() for other in kept):
            kept.append(row)
    return kept


def _take_over(files: dict[str, bytes], meta_path: str, meta: dict[str, str], taken: list[dict[str, str]]) -> None:
    """Gives a message a record with the items it does not name yet, in its table and in its schema."""
    map_path = meta_path.replace("meta.toml", "map.csv")
    rows = _rows(files[map_path])
    named = {name for row in rows for name in re.findall("[a-z][a-z0-9_]+", row["source"])}
    left = [item for item in taken if item["item_id"] not in named]
    if not left:
        return
    groups = list(dict.fromkeys(item["group"] for item in left))
    schema = etree.fromstring(files[meta["schema"]])
    sequence = _content(schema, meta["root"])
    place = next((number for number, each in enumerate(sequence) if each.tag == f"{_XS}any"), len(sequence))
    record = etree.Element(f"{_XS}element", name=RECORD, minOccurs="0")
    sequence.insert(place, record)
    inside = _record(record)
    for group in sorted(groups, key=bool):  # the header's items, then the groups'
        path, within = f"{RECORD}/", inside
        if group:
            path += f"{group}[]"
            each = etree.SubElement(inside, f"{_XS}element", name=group, minOccurs="0", maxOccurs="unbounded")
            within = _record(each)
            rows.append(_row(rows, path, occurs="0..n", each=group))
            path += "/"
        for item in (item for item in left if item["group"] == group):
            etree.SubElement(
                within, f"{_XS}element", name=item["item_id"], minOccurs="0", type=f"{_prefix(schema)}string"
            )
            rows.append(
                _row(rows, path + item["item_id"], occurs="0..1", source=item["item_id"], how="copy", empty="omit")
            )
    files[meta["schema"]] = etree.tostring(schema, encoding="UTF-8", xml_declaration=True)
    digest = hashlib.sha256(files[meta["schema"]]).hexdigest()
    files[meta_path] = files[meta_path].replace(meta["schema_sha256"].encode(), digest.encode())
    files[map_path] = _written(rows)


def _content(schema: etree._Element, root: str) -> etree._Element:
    """The sequence of the root element's children."""
    declared = next(each for each in schema.findall(f"{_XS}element") if each.get("name") == root)
    name = (declared.get("type") or "").rpartition(":")[2]
    kind = next((each for each in schema.findall(f"{_XS}complexType") if name and each.get("name") == name), declared)
    found = kind.find(f".//{_XS}sequence")
    assert found is not None
    return found


def _record(element: etree._Element) -> etree._Element:
    return etree.SubElement(etree.SubElement(element, f"{_XS}complexType"), f"{_XS}sequence")


def _prefix(schema: etree._Element) -> str:
    return f"{schema.prefix}:" if schema.prefix else ""


def _row(rows: list[dict[str, str]], target: str, **cells: str) -> dict[str, str]:
    return {**dict.fromkeys(rows[0], ""), "line": f"FOLDED-{len(rows):04d}", "target": target, **cells}


def _rows(body: bytes) -> list[dict[str, str]]:
    lines = [line for line in body.decode().splitlines(keepends=True) if not line.startswith("#")]
    return list(csv.DictReader(io.StringIO("".join(lines))))


def _written(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _edit(files: dict[str, bytes], path: str, change: object) -> None:
    """Passes a table's rows through `change`; its head and its columns' order stay, columns that went are gone."""
    assert callable(change)
    rows = change(_rows(files[path]))
    head = "".join(f"{line}\n" for line in files[path].decode().splitlines() if line.startswith("#"))
    columns = next(line for line in files[path].decode().splitlines() if not line.startswith("#"))
    files[path] = head.encode() + (_written(rows) if rows else f"{columns}\n".encode())
