"""Hypothesis strategies made from the dictionary: any form its schema allows."""

from __future__ import annotations

from typing import Any

from core_forms import rulebook
from hypothesis import strategies as st

from declarations.dictionary import Form, Item

LETTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"
)
AWKWARD = st.sampled_from(
    ["&", "<", ">", '"', "'", "]]>", "&amp;", "<!--", "%s", "%", "{0}", "\\", "𠮷", "é", "中", "a b"]
)


def values(item: Item) -> st.SearchStrategy[str]:
    """Values of an item's type that the form's schema takes."""
    if item.type == "date":
        return st.dates().map(lambda day: day.strftime("%Y%m%d").zfill(8))
    if item.type == "integer":
        return st.integers(0, 10**item.length - 1).map(str)
    if item.type == "decimal":
        whole = st.integers(0, 10 ** (item.length - item.decimals) - 1).map(str)
        behind = st.text("0123456789", max_size=item.decimals).map(lambda digits: f".{digits}" if digits else "")
        return st.tuples(st.sampled_from(["", "", "", "-"]), whole, behind).map("".join)
    least = item.length if item.fixed_length else 1
    if item.format.startswith("id"):
        return st.text("ABCXYZ0123456789", min_size=least, max_size=item.length)
    if item.type == "code":
        return st.text("ABXabx019/-", min_size=least, max_size=item.length)
    text = st.one_of(st.text(LETTERS, min_size=1, max_size=20), st.lists(AWKWARD, min_size=1, max_size=5).map("".join))
    exact = st.text("字A1", min_size=item.length, max_size=item.length)
    return exact if item.fixed_length else text.map(lambda found: found[: item.length].strip(" ") or "x")


@st.composite
def rows(draw: st.DrawFn, form: Form, group: str) -> dict[str, Any]:
    """One row of a group, with its nested groups, as JSON."""
    items = form.group_items(group)
    chosen = draw(st.lists(st.sampled_from(items), max_size=8, unique_by=lambda item: item.item_id))
    found: dict[str, Any] = {item.item_id: draw(values(item)) for item in chosen}
    for child in form.children(group):
        inner = draw(st.lists(rows(form, child.group), max_size=2))
        if inner:
            found[child.group] = inner
    return found


@st.composite
def forms(draw: st.DrawFn) -> dict[str, Any]:
    """A whole form: any scope, any items of the right type, any rows."""
    form = rulebook().forms["goods"]
    return {"filing_scope": draw(st.sampled_from(list(form.scopes))), **draw(rows(form, ""))}
