"""Imports go one way, gateway -> adapters -> declarations, and the trade knows no HTTP, SQL, Kafka, clock or network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BELOW = {"gateway": {"gateway", "adapters", "declarations"}, "adapters": {"adapters", "declarations"}}
OURS = {"gateway", "adapters", "declarations", "tests", "scripts"}
MODULES = sorted(path for name in ("declarations", "adapters", "gateway") for path in (ROOT / name).rglob("*.py"))
TRADE_KNOWS = {
    # of the standard library: text, numbers, files through the bundle, no network, processes or threads
    "__future__", "ast", "bisect", "collections", "contextlib", "csv", "dataclasses", "datetime", "decimal", "enum",
    "functools",
    "hashlib", "heapq", "inspect", "io", "itertools", "json", "keyword", "math", "operator", "pathlib", "re", "string",
    "textwrap", "tomllib", "types", "typing", "unicodedata", "weakref", "xml", "zipfile", "zoneinfo", "declarations",
    # of others: XML and schemas, Chinese initials, JSON, names of countries
    "lxml", "orjson", "pypinyin", "xmlschema", "babel", "pycountry",
}  # fmt: skip
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}
MOST_LINES = 320
EMPTY_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "manager",
    "managers",
    "base",
    "core",
    "lib",
    "tools",
}


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted module, line) of every import in a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield str(node.module), node.lineno


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_is_something_to_look_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == {"declarations", "adapters", "gateway"}
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    for module, line in imported(path):
        top = module.split(".")[0]
        assert top not in OURS or top in BELOW.get(own, {"declarations"}), f"{named(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", [path for path in MODULES if named(path).startswith("declarations/")], ids=named)
def test_the_trade_knows_no_service_libraries(path: Path) -> None:
    for module, line in imported(path):
        assert module.split(".")[0] in TRADE_KNOWS, f"{named(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", [path for path in MODULES if named(path).startswith("declarations/")], ids=named)
def test_the_trade_asks_no_clock_and_opens_no_files(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        where = f"{named(path)}:{node.lineno}"
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            assert (node.func.value.id, node.func.attr) not in CLOCKS, f"{where} asks the clock"
        if isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input"), f"{where} calls {node.func.id}"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_are_short_and_named_by_the_field(path: Path) -> None:
    lines = path.read_text().count("\n")
    # a migration is a list that nobody reads twice
    assert lines <= MOST_LINES or path.parent.name == "versions", f"{named(path)} has {lines} lines: split it"
    assert not EMPTY_NAMES & {path.stem, *path.relative_to(ROOT).parts[:-1]}, f"{named(path)} is named after nothing"
    assert not {word for word in EMPTY_NAMES - {"base", "core", "lib", "tools"} if path.stem.endswith(f"_{word}")}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), named(path)


def test_tables_and_schemas_hold_no_code() -> None:
    for folder in ("mappings", "xsd"):
        kinds = {path.suffix for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert kinds <= {".csv", ".toml", ".xsd", ".json", ".md"}, kinds
