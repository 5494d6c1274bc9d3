"""One seam: no use case that a client reaches reads rows by id past `gateway/tenancy.py`.

Read from the sources. A use case is a function with a `caller`. Where it touches the database, it has to name whose data it
wants: by passing the caller on to the seam (or to another function that takes one), or by the caller's own organisation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "gateway"
ELSEWHERE = ("api", "cli", "database", "observe", "bus", "operations", "ledger")
"""Folders with no use case of a client's: doors only pass on what use cases give; operators see every organisation's data."""
CALLER = "caller"
STORES = "gateway.database.stores"
ABOUT_ORGANISATION = frozenset({"organisation_id", "person_id", "session", "for_id"})
"""What a caller's own data are told by."""
NAMED_BY_ID = frozenset(
    {"declarations", "messages", "sent", "inbox", "outbox", "archive", "search", "prepared", "papers"}
)
"""Stores of organisations' data that read by id alone."""


def use_cases() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, set[str]]]:
    """Each function with a caller that touches the database, by name, with the names under which its module has stores."""
    for path in sorted(GATEWAY.rglob("*.py")):
        if path.relative_to(GATEWAY).parts[0] in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        stores = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == STORES
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and CALLER in _arguments(node):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node, stores


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}


def _reads(node: ast.AST, stores: set[str]) -> set[str]:
    """Calls into stores inside a function: `declarations.get` …; writing the journal reads nothing."""
    called = {
        f"{call.func.value.id}.{call.func.attr}"
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in stores
    }
    return called - {"entries.add"}


def _says_whose(node: ast.AST) -> bool:
    """Whether it passes its caller on, or names the caller's organisation or person."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) == CALLER and each.attr in ABOUT_ORGANISATION:
            return True
        if isinstance(each, ast.Call) and any(isinstance(arg, ast.Name) and arg.id == CALLER for arg in each.args):
            return True
    return False


CASES = list(use_cases())


@pytest.mark.parametrize(("node", "stores"), [pytest.param(*each[1:], id=each[0]) for each in CASES])
def test_whoever_reads_for_a_caller_says_whose_data_it_wants(
    node: ast.FunctionDef | ast.AsyncFunctionDef, stores: set[str]
) -> None:
    if _reads(node, stores):
        assert _says_whose(node), f"{node.name} reads {sorted(_reads(node, stores))} for anybody"


@pytest.mark.parametrize("name", ["declaration", "timeline", "messages", "message_bytes", "explain", "find"])
def test_what_clients_ask_goes_through_the_seam(name: str) -> None:
    """Every function of `ask` that a client's door calls asks the seam before it reads anything by id."""
    node = next(each for label, each, _ in CASES if label.startswith("gateway/ask.py") and each.name == name)
    called = {ast.unparse(call.func): call.lineno for call in ast.walk(node) if isinstance(call, ast.Call)}
    seam = [line for callee, line in called.items() if callee == "owned" or callee.startswith("tenancy.")]
    assert seam, f"ask.{name} never asks gateway/tenancy.py"
    first_read = min(
        (line for callee, line in called.items() if callee.partition(".")[0] in NAMED_BY_ID and "." in callee),
        default=10**9,
    )
    assert min(seam) <= first_read


def test_doors_read_no_store_themselves() -> None:
    """What a door shows has passed a use case."""
    reaching = [
        str(path.relative_to(ROOT))
        for path in sorted((GATEWAY / "api").glob("*.py"))
        if any(
            isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway.database.stores")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert reaching == []


def test_the_seam_is_the_only_place_that_compares_organisations_of_declarations() -> None:
    """`row.organisation_id == caller.organisation_id` anywhere else would be a second seam, which forgets the principal."""
    allowed = {"gateway/tenancy.py", "gateway/mandates.py", "gateway/mandate_offers.py"}
    found = set()
    for path in sorted(GATEWAY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = {ast.unparse(each) for each in (node.left, *node.comparators)}
                if any(side == "caller.organisation_id" for side in sides) and any(
                    side.endswith(".organisation_id") and not side.startswith("caller") for side in sides
                ):
                    found.add(str(path.relative_to(ROOT)))
    assert found <= allowed, sorted(found - allowed)
