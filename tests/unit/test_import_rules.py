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
    "textwrap", "tomllib", "types", "typing", "typing_extensions", "unicodedata",
    "weakref", "xml", "zipfile", "zoneinfo", "declarations",
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


READS = {
    *(("etree", name) for name in ("XMLParser", "HTMLParser", "XMLPullParser")),
    *(("etree", name) for name in ("fromstring", "parse", "XML", "HTML", "iterparse")),
    *((module, name) for module in ("json", "orjson") for name in ("load", "loads", "JSONDecoder")),
    ("zipfile", "ZipFile"), ("zipfile", "Path"),
}  # fmt: skip
"""What makes a tree, an object or files of bytes."""
OTHER_READERS = {
    "xml",
    "html.parser",
    "defusedxml",
    "pickle",
    "marshal",
    "shelve",
    "yaml",
    "tarfile",
    "gzip",
    "bz2",
    "lzma",
}
READERS = {
    "declarations/parsing.py": "the reader of XML",
    "declarations/jsonform.py": "the reader of JSON forms",
    "adapters/unzipping.py": "the reader of ZIP",
    # what the window wrote itself, sealed or signed
    "gateway/database/sealing.py": "columns", "gateway/database/types.py": "columns",
    "gateway/sealedfiles.py": "archives", "gateway/archiving.py": "archives", "gateway/retention.py": "archives",
    "gateway/backup.py": "backups", "gateway/cli/trial.py": "samples",
    "gateway/cli/ship_trial.py": "samples and the window's replies",
    # on the machine of whoever asks for it, and bounded there
    "gateway/receipts.py": "a receipt to be verified", "gateway/ledger/verify.py": "a journal to be verified",
    "gateway/cli/receipts.py": "a receipt to be verified", "gateway/cli/journal.py": "public keys",
    "gateway/cli/client.py": "the window's replies",
    "gateway/login/openid_provider.py": "the operator's OpenID Provider, 64 KiB at most",
    # parts of a workbook that was unpacked within limits, read as a stream: more cells than a declaration has elements
    "adapters/workbookcells.py": "workbooks",
    "gateway/cli/papers.py": "public keys", "gateway/paper/verification.py": "a paper whose signature holds",
    "gateway/paper/typesetting.py": "what the window itself has its typesetter set",
}  # fmt: skip
"""Modules that may read, and what. Bytes of strangers come to the first three alone, and workbooks to theirs."""


def _reads(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            called = (node.func.value.id, node.func.attr)
            mode = next((each for each in node.args[1:2] if isinstance(each, ast.Constant)), None)
            if called in READS and not (called == ("zipfile", "ZipFile") and mode is not None and mode.value == "w"):
                yield ".".join(called), node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module in ("json", "orjson", "zipfile", "lxml.etree"):
            # under its own name it would be seen above
            yield f"from {node.module}", node.lineno


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_bytes_of_strangers_have_one_reader_of_each_kind(path: Path) -> None:
    """One parser and one set of limits: a second one would be a door without them."""
    for module, line in imported(path):
        reads = module != "xml.sax.saxutils" and {module, module.split(".")[0]} & OTHER_READERS
        assert not reads, f"{named(path)}:{line} imports {module}"
    found = [f"{named(path)}:{line} {what}" for what, line in _reads(path)]
    assert not found or named(path) in READERS, (
        f"{found}: read by declarations/parsing.py, jsonform.py, adapters/unzipping.py"
    )


def test_who_may_read_does() -> None:
    assert {named(path) for path in MODULES if any(True for _ in _reads(path))} == set(READERS)


def test_tables_and_schemas_hold_no_code() -> None:
    for folder in ("mappings", "xsd"):
        kinds = {path.suffix for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert kinds <= {".csv", ".toml", ".xsd", ".json", ".md"}, kinds
