"""The dictionary: its figures, its columns, and faults that name file, row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from core_forms import ROOT, bundle, edited, rulebook, set_cell

from declarations.dictionary import ITEM_COLUMNS, TAIL_COLUMNS, load_form
from declarations.errors import BadConfiguration
from declarations.itemlist import item_list
from declarations.stats import table_stats

GOODS = "mappings/forms/goods.csv"
GROUPS = "mappings/forms/goods.groups.csv"


def test_goods_has_103_base_items_and_32_shared() -> None:
    base = [item for item in rulebook().forms["goods"].items.values() if item.profile == "base"]
    assert len(base) == 103
    assert sum(set(item.obligations) == {"customs", "inspection"} for item in base) == 32


def test_stats_say_the_same_and_count_every_agency() -> None:
    goods = table_stats(rulebook())["forms"]["goods"]
    assert set(goods) == {"items", "shared", "ext", "by_agency", "reduction"}
    assert (goods["items"], goods["shared"]) == (103, 32)
    counted = {agency: figures["items"] for agency, figures in goods["by_agency"].items()}
    assert counted == {"customs": 64, "inspection": 71}
    assert goods["reduction"] == {"saved": 32, "of": 135, "agencies": ["customs", "inspection"]}
    with (ROOT / GOODS).open(encoding="utf-8-sig") as file:
        assert goods["ext"] == sum(row["profile"] == "ext" for row in csv.DictReader(file)) > 0


def test_columns_are_as_designed_and_every_item_has_both_names() -> None:
    header = next(csv.reader(io.StringIO(bundle().text(GOODS))))
    assert tuple(header) == (*ITEM_COLUMNS, "customs", "inspection", *TAIL_COLUMNS)
    for item in rulebook().forms["goods"].items.values():
        assert item.name_zh
        assert item.name_en
        assert set(item.obligations.values()) <= {"M", "C", "O"}


def test_groups_nest_as_designed() -> None:
    groups = {group.group: group.parent for group in rulebook().forms["goods"].groups.values()}
    assert groups == {
        "goods_items": "",
        "product_permits": "goods_items",
        "containers": "",
        "regulatory_documents": "",
        "attachments": "",
        "inspection_attachments": "",
        "requested_certificates": "",
        "enterprise_qualifications": "",
    }


def test_the_item_list_on_paper_is_fresh() -> None:
    assert (ROOT / "docs/items-goods.md").read_text() == item_list(rulebook().forms["goods"])


@pytest.mark.parametrize(
    ("item", "column", "value"),
    [
        ("contract_id", "item_id", "Contract-ID"),
        ("contract_id", "item_id", "voyage_id"),
        ("contract_id", "item_id", "containers"),
        ("contract_id", "group", "nowhere"),
        ("contract_id", "profile", "basic"),
        ("contract_id", "type", "string"),
        ("contract_id", "format", "n..9"),
        ("total_net_mass", "format", "n..19"),
        ("departure_date", "format", "yyyy-MM-dd"),
        ("trade_mode_code", "code_list", ""),
        ("contract_id", "occurs", "many"),
        ("contract_id", "customs", "X"),
        ("contract_id", "inspection", "m"),
        ("contract_id", "name_zh", ""),
        ("contract_id", "name_en", " "),
    ],
)
def test_a_broken_row_is_named_by_file_row_and_column(item: str, column: str, value: str) -> None:
    line = next(row.line for row in bundle().table(GOODS) if row["item_id"] == item)
    if value == "voyage_id":  # the second of two equal ids is the one at fault
        line = next(row.line for row in bundle().table(GOODS) if row["item_id"] == value)
    with pytest.raises(BadConfiguration) as caught:
        load_form(edited(GOODS, set_cell(item, column, value)), "goods")
    places = [(fault.pointer, fault.line) for fault in caught.value.faults]
    assert (f"{GOODS}#{column}", line) in places
    assert all(fault.message_zh and fault.message_en for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("group", "column", "value"),
    [
        ("containers", "group", "Containers!"),
        ("containers", "group", "goods_items"),
        ("product_permits", "parent", "nowhere"),
        ("containers", "row", ""),
        ("containers", "occurs", "1"),
        ("containers", "name_zh", ""),
    ],
)
def test_a_broken_group_is_named_by_file_row_and_column(group: str, column: str, value: str) -> None:
    line = next(row.line for row in bundle().table(GROUPS) if row["group"] == group)
    with pytest.raises(BadConfiguration) as caught:
        load_form(edited(GROUPS, set_cell(group, column, value)), "goods")
    assert (f"{GROUPS}#{column}", line) in [(fault.pointer, fault.line) for fault in caught.value.faults]


def test_all_broken_rows_are_named_at_once() -> None:
    both = edited(GOODS, lambda text: set_cell("remarks", "type", "x")(set_cell("contract_id", "profile", "x")(text)))
    with pytest.raises(BadConfiguration) as caught:
        load_form(both, "goods")
    assert {fault.pointer for fault in caught.value.faults} == {f"{GOODS}#profile", f"{GOODS}#type"}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("wco_id", "wco", 1),
        lambda text: text.replace("item_id,section", "section,item_id", 1),
        lambda text: text.replace("contract_id,", "contract_id,x,", 1),
        lambda text: text.replace("name_zh,name_en", "name_zh,name_zh", 1),
    ],
)
def test_a_table_with_wrong_columns_is_refused_with_its_file(change: Callable[[str], str]) -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_form(edited(GOODS, change), "goods")
    assert caught.value.faults[0].pointer.startswith(f"{GOODS}#")
    assert caught.value.faults[0].line is not None


def test_a_missing_column_names_the_file_and_the_column() -> None:
    broken = edited(GROUPS, lambda text: text.replace("occurs", "occurrence", 1))
    with pytest.raises(BadConfiguration) as caught:
        load_form(broken, "goods")
    assert caught.value.faults[0].pointer == f"{GROUPS}#occurs"


def test_a_table_saved_by_a_spreadsheet_program_reads_the_same() -> None:
    """A byte-order mark, CRLF line ends, and a quoted cell with a line break in a note change nothing."""
    saved = edited(GOODS, lambda text: "\ufeff" + text.replace("\n", "\r\n"))
    assert load_form(saved, "goods") == load_form(bundle(), "goods")
