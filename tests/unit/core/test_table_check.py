"""The proof of the tables: every broken table is named by file, row and column, and stops the start."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from core_forms import NOW, ROOT, bundle, edited, row_line, set_cell

from declarations import messageproof
from declarations.bundle import Bundle
from declarations.errors import BadConfiguration
from declarations.faults import Fault
from declarations.rulebook import Rulebook
from declarations.tablecheck import check_tables

CUSTOMS = "mappings/customs/DecMessage/2015/map.csv"
INSPECTION = "mappings/inspection/ITF_DCL_IO_DECL/2015/map.csv"
ROUTING = "mappings/customs/routing.csv"
GOODS = "mappings/forms/goods.csv"
META = "mappings/customs/DecMessage/2015/meta.toml"


@pytest.fixture(autouse=True, scope="module")
def _schemas_read_once() -> Iterator[None]:
    """A broken table leaves most schemas as they are, and reading them is most of a proof."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messageproof, "XMLSchema", cache(messageproof.XMLSchema))
        yield


def faults_of(files: Bundle) -> list[Fault]:
    found = check_tables(files, None, NOW)
    for fault in found:
        assert fault.message_zh
        assert fault.message_en
        assert "#" in fault.pointer
    return found


def without(first: str) -> Callable[[str], str]:
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith(first + ","))


def moved(first: str, before: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        lines = text.splitlines(keepends=True)
        row = next(line for line in lines if line.startswith(first + ","))
        lines.remove(row)
        place = next(number for number, line in enumerate(lines) if line.startswith(before + ","))
        return "".join([*lines[:place], row, *lines[place:]])

    return change


def test_the_tables_in_the_tree_are_proved() -> None:
    assert faults_of(bundle()) == []


BROKEN_CELLS = [
    ("unknown_item", CUSTOMS, "CUS-0060", "source", "contract_number", "source", "contract_number"),
    ("unknown_second_source", CUSTOMS, "CUS-0060", "source", "contract_id | contract_number", "source", "contract_number"),
    ("unknown_filing_value", CUSTOMS, "CUS-0380", "source", "filing.filer", "source", "filing.filer"),
    ("item_of_the_other_agency", CUSTOMS, "CUS-0060", "source", "contact_person_name", "source", "contact_person_name"),
    ("item_of_a_group_no_loop_goes_through", CUSTOMS, "CUS-0060", "source", "goods_description", "source", "goods_items"),
    ("no_source", CUSTOMS, "CUS-0060", "source", "", "source", ""),
    ("unknown_group", CUSTOMS, "CUS-0700", "each", "boxes", "each", "boxes"),
    ("unreachable_group", CUSTOMS, "CUS-0700", "each", "product_permits", "each", "product_permits"),
    ("loop_by_an_unknown_item", INSPECTION, "INS-1030", "each", "containers by container_size", "each", "container_size"),
    ("loop_without_each", CUSTOMS, "CUS-0700", "each", "", "each", ""),
    ("each_on_a_single_element", CUSTOMS, "CUS-0060", "each", "containers", "each", ""),
    ("each_outside_the_grammar", CUSTOMS, "CUS-0700", "each", "containers, all", "each", ""),
    ("where_with_an_unknown_item", CUSTOMS, "CUS-0700", "each", "containers where present(x)", "each", "x"),
    ("where_with_an_unknown_list", CUSTOMS, "CUS-0700", "each", "containers where container_id in CL_X", "each", "CL_X"),
    ("unknown_target", CUSTOMS, "CUS-0060", "target", "DecHead/ContractNo", "target", "ContractNo"),
    ("unknown_attribute", CUSTOMS, "CUS-0010", "target", "@Edition", "target", "Edition"),
    ("target_outside_the_grammar", CUSTOMS, "CUS-0060", "target", "DecHead//ContrNo", "target", ""),
    ("target_below_a_value", CUSTOMS, "CUS-0060", "target", "DecHead/IEFlag/ContrNo", "target", "IEFlag"),
    ("value_of_a_record", CUSTOMS, "CUS-0880", "target", "DecSign", "target", "DecSign"),
    ("repeat_without_a_row_of_its_own", CUSTOMS, "CUS-0060", "target", "DecHeads[]/ContrNo", "target", "DecHeads"),
    ("occurs_more_than_the_schema", CUSTOMS, "CUS-0060", "occurs", "1..n", "occurs", "0..1"),
    ("occurs_less_than_the_schema", CUSTOMS, "CUS-0020", "occurs", "0..1", "occurs", "1..1"),
    ("occurs_outside_the_list", CUSTOMS, "CUS-0060", "occurs", "maybe", "occurs", ""),
    ("mandatory_but_omitted", CUSTOMS, "CUS-0150", "empty", "omit", "empty", ""),
    ("last_row_of_a_mandatory_target_with_when", CUSTOMS, "CUS-0570", "when", "trade_direction_code = 'I'", "when", ""),
    ("rows_behind_one_without_when", CUSTOMS, "CUS-0560", "when", "", "when", ""),
    ("when_outside_the_grammar", CUSTOMS, "CUS-0560", "when", "trade_direction_code == 'E'", "when", ""),
    ("when_with_an_unknown_item", CUSTOMS, "CUS-0560", "when", "direction = 'E'", "when", "direction"),
    ("when_with_an_unknown_list", CUSTOMS, "CUS-0560", "when", "trade_direction_code in CL_X", "when", "CL_X"),
    ("unknown_list", INSPECTION, "INS-0760", "arg", "CL_MONEY", "arg", "CL_MONEY"),
    ("list_without_conversions", INSPECTION, "INS-0760", "arg", "CL_LEVY_NATURE", "arg", "CL_LEVY_NATURE"),
    ("copy_between_code_systems", INSPECTION, "INS-0760", "how", "copy", "how", "currency_code"),
    ("unknown_way", CUSTOMS, "CUS-0060", "how", "clone", "how", ""),
    ("no_way", CUSTOMS, "CUS-0060", "how", "", "how", ""),
    ("unknown_function", CUSTOMS, "CUS-0060", "how", "fn:nothing", "how", ""),
    ("sequence_from_a_word", CUSTOMS, "CUS-0550", "arg", "one", "arg", "one"),
    ("cut_without_a_length", CUSTOMS, "CUS-0380", "arg", "max", "arg", "max"),
    ("cut_to_nothing", CUSTOMS, "CUS-0380", "arg", "max 0", "arg", "max 0"),
    ("date_without_a_format", CUSTOMS, "CUS-0920", "arg", "today", "arg", "today"),
    ("split_without_an_index", INSPECTION, "INS-0320", "arg", "*_", "arg", ""),
    ("split_at_part_zero", INSPECTION, "INS-0320", "arg", "*_ 0", "arg", "1"),
    ("constant_of_nothing", CUSTOMS, "CUS-0370", "arg", "", "arg", ""),
    ("sum_over_an_unknown_group", INSPECTION, "INS-0500", "arg", "lines", "arg", "lines"),
    ("count_over_an_unreachable_group", INSPECTION, "INS-1050", "arg", "product_permits", "arg", "product_permits"),
    ("unknown_empty", CUSTOMS, "CUS-0060", "empty", "blank", "empty", ""),
    ("bad_values_let_through", CUSTOMS, "CUS-0060", "bad", "pass", "bad", ""),
    ("line_id_used_twice", CUSTOMS, "CUS-0070", "line", "CUS-0060", "line", ""),
    ("route_to_no_message", ROUTING, "goods", "message", "DecMod", "message", "DecMod"),
    ("route_of_no_form", ROUTING, "goods", "form", "vessels", "form", "vessels"),
    ("route_due_outside_the_grammar", ROUTING, "goods", "due", "always", "due", ""),
    ("route_due_by_an_unknown_value", ROUTING, "goods", "due", "present(filing.range)", "due", "filing.range"),
    ("wait_for_no_agency", ROUTING, "goods", "waits_for", "harbour.clearance_form_id", "waits_for", ""),
    ("wait_for_no_answer", ROUTING, "goods", "waits_for", "inspection.certificate", "waits_for", "certificate"),
    ("wait_by_no_function", ROUTING, "goods", "waits_when", "fn:always", "waits_when", ""),
    ("carry_no_filing_value", ROUTING, "goods", "carries", "clearance_number", "carries", ""),
    ("wait_without_carrying", ROUTING, "goods", "carries", "", "carries", ""),
    ("item_of_no_list", GOODS, "trade_mode_code", "code_list", "CL_MODES", "code_list", "CL_MODES"),
    ("item_no_message_sends", GOODS, "remarks", "inspection", "O", "inspection", ""),
    ("item_for_nobody", GOODS, "remarks", "customs", "", "reference", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "first", "column", "value", "named", "said"),
    [case[1:] for case in BROKEN_CELLS],
    ids=[c[0] for c in BROKEN_CELLS],
)
def test_a_broken_cell_is_named_by_file_row_and_column(
    path: str, first: str, column: str, value: str, named: str, said: str
) -> None:
    faults = faults_of(edited(path, set_cell(first, column, value)))
    named_path = path
    found = [
        fault for fault in faults if (fault.pointer, fault.line) == (f"{named_path}#{named}", row_line(path, first))
    ]
    assert found, [(fault.pointer, fault.line, fault.message_en) for fault in faults]
    assert any(said in fault.message_en for fault in found)


def test_a_mandatory_target_without_a_row_is_named() -> None:
    [fault] = [f for f in faults_of(edited(CUSTOMS, without("CUS-0150"))) if f.pointer == f"{CUSTOMS}#target"]
    assert "IEPort" in fault.message_en
    assert "IEPort" in fault.message_zh


def test_a_whole_record_without_rows_is_named() -> None:
    def change(text: str) -> str:
        return "".join(line for line in text.splitlines(keepends=True) if ",DecSign/" not in line)

    assert any("DecSign" in fault.message_en for fault in faults_of(edited(CUSTOMS, change)))


def test_a_loop_with_nothing_in_it_is_named() -> None:
    def change(text: str) -> str:
        return "".join(line for line in text.splitlines(keepends=True) if ",DecContainers/Container[]/" not in line)

    faults = faults_of(edited(CUSTOMS, change))
    assert (f"{CUSTOMS}#target", row_line(CUSTOMS, "CUS-0700")) in [(fault.pointer, fault.line) for fault in faults]


def test_rows_out_of_schema_order_are_named() -> None:
    faults = faults_of(edited(CUSTOMS, moved("CUS-0920", "CUS-0860")))
    assert any(fault.pointer == f"{CUSTOMS}#target" and "order" in fault.message_en for fault in faults)


def test_an_item_that_no_message_sends_any_more_is_named_in_the_dictionary() -> None:
    faults = faults_of(edited(CUSTOMS, without("CUS-0060")))
    assert (f"{GOODS}#customs", row_line(GOODS, "contract_id")) in [(fault.pointer, fault.line) for fault in faults]


def test_an_item_marked_unused_with_a_reason_is_no_fault() -> None:
    unused = edited(CUSTOMS, without("CUS-0060")).files
    unused[META] = unused[META] + b'\ncontract_id = "left out for this test"\n'
    assert faults_of(Bundle(unused)) == []


def test_a_schema_changed_behind_the_tables_is_named() -> None:
    faults = faults_of(edited("xsd/customs/2015/DecMessage.xsd", lambda text: text + "<!-- changed -->\n"))
    assert [fault.pointer for fault in faults] == [f"{META}#schema_sha256"]


def test_a_stale_form_schema_is_named() -> None:
    faults = faults_of(edited(GOODS, set_cell("remarks", "format", "an..254")))
    assert "xsd/merged/goods.xsd#" in [fault.pointer for fault in faults]


@pytest.mark.parametrize(
    ("path", "change", "pointer"),
    [
        (META, lambda text: text.replace('form = "goods"', 'form = "vessels"'), f"{META}#form"),
        (META, lambda text: text.replace('root = "DecMessage"', 'root = "DecMassage"'), "xsd/customs/2015/DecMessage.xsd#root"),
        (META, lambda text: text.replace('valid_from = "2015-01-01"', 'valid_from = "January"'), META),
        (META, lambda text: text.replace('name_zh = "报关单"', ""), f"{META}#name_zh"),
        (META, lambda text: text.replace("[unused]", "[unused"), META),
        (META, lambda text: text.replace("DecMessage.xsd", "DecMassage.xsd"), f"{META}#schema"),
        ("mappings/customs/agency.toml", lambda text: text.replace("timezone", "zone", 1),
         "mappings/customs/agency.toml#timezone"),
        (ROUTING, lambda text: text.replace("due", "when", 1), f"{ROUTING}#due"),
        (CUSTOMS, lambda text: text.replace("occurs", "count", 1), f"{CUSTOMS}#"),
        (CUSTOMS, lambda text: text.replace("CUS-0020,", "CUS-0020,,", 1), f"{CUSTOMS}#"),
        ("mappings/filing.csv", lambda text: text.replace("value", "name", 1), "mappings/filing.csv#"),
        ("mappings/profiles.csv", lambda text: text.replace("setting", "key", 1), "mappings/profiles.csv#setting"),
        ("xsd/customs/2015/DecMessage.xsd", lambda text: text.replace("</xs:schema>", ""), "xsd/customs/2015/DecMessage.xsd#"),
        ("xsd/merged/goods.xsd", lambda text: text.replace("</xs:schema>", ""), "xsd/merged/goods.xsd#"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named(path: str, change: Callable[[str], str], pointer: str) -> None:
    faults = faults_of(edited(path, change))
    assert any(fault.pointer.startswith(pointer) for fault in faults), [fault.pointer for fault in faults]


@pytest.mark.parametrize(
    "path",
    ["mappings/filing.csv", "mappings/profiles.csv", "mappings/rules/form.csv", "mappings/customs/routing.csv",
     "mappings/customs/responses.csv", "xsd/merged/goods.xsd", "xsd/customs/2015/DecMessage.xsd", CUSTOMS],
)  # fmt: skip
def test_a_missing_file_is_named(path: str) -> None:
    faults = faults_of(Bundle({name: data for name, data in bundle().files.items() if name != path}))
    assert any(path in fault.pointer or path in fault.message_en for fault in faults), [f.pointer for f in faults]


AGENCY = "mappings/customs/agency.toml"


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ('outgoing = "detached-ecdsa-p256"', 'outgoing = "rot13"', "signature.outgoing"),
        ('outgoing = "detached-ecdsa-p256"', 'outgoing = ["none"]', "signature.outgoing"),
        ('incoming = "detached-ecdsa-p256"', 'incoming = "detached-sha1"', "signature.incoming"),
        ('incoming = "detached-ecdsa-p256"', "", "signature.incoming"),
        ('outgoing = "detached-ecdsa-p256"', "", "signature.outgoing"),
        ('incoming = "detached-ecdsa-p256"', 'incoming = "hmac-sha256"', "signature.incoming"),
        ('incoming = "detached-ecdsa-p256"', 'incomming = "none"', "signature.incomming"),
        ("window_hours = 168", "window_hours = 0", "signature.window_hours"),
        ("window_hours = 168", "window_hours = 745", "signature.window_hours"),
        ("window_hours = 168", "window_hours = 1.5", "signature.window_hours"),
        ("window_hours = 168", "window_hours = true", "signature.window_hours"),
        ("[signature]", "[signatures]", "signature"),
    ],
)
def test_a_section_that_does_not_say_how_is_signed_is_named(old: str, new: str, column: str) -> None:
    """Profile known, both ways given, hours sane, no shared secret in a folder."""
    assert old in bundle().text(AGENCY)
    faults = faults_of(edited(AGENCY, lambda text: text.replace(old, new, 1)))
    assert f"{AGENCY}#{column}" in [fault.pointer for fault in faults]


WORDS, PROFILES = "mappings/rules/form.csv", "mappings/profiles.csv"


@pytest.mark.parametrize(
    ("path", "old", "new", "place"),
    [
        (WORDS, "{item} may stand only once", "{itm} may stand only once", (f"{WORDS}#words_en", 11)),
        (WORDS, "{item} may stand only once", "{item may stand only once", (f"{WORDS}#words_en", 11)),
        (WORDS, "{item}只能出现一次", "", (f"{WORDS}#words_zh", 11)),
        (WORDS, "F-REPEATED,", "F-TWICE,", (f"{WORDS}#rule", None)),
        (PROFILES, "2015,line_limit,20", "2015,line_limit,twenty", (f"{PROFILES}#value", 3)),
        (PROFILES, "default,line_limit,50", "default,line_limit,0", (f"{PROFILES}#value", 2)),
        (PROFILES, "default,line_limit", "default,lines", (f"{PROFILES}#setting", None)),
    ],
)
def test_broken_words_and_profiles_are_named(path: str, old: str, new: str, place: tuple[str, int | None]) -> None:
    if place[1] is not None:
        assert old in bundle().text(path).splitlines()[place[1] - 1]
    faults = faults_of(edited(path, lambda text: text.replace(old, new, 1)))
    assert place in [(fault.pointer, fault.line) for fault in faults]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("goods,货物", "ships,货物", ("mappings/forms.csv#form", None)),
        (",trade_direction_code,", ",trade_direction,", ("mappings/forms.csv#direction_item", 3)),
        (",trader_assigned_reference_id,", ",,", ("mappings/forms.csv#reference_item", 3)),
    ],
)
def test_a_form_needs_its_row_and_items(old: str, new: str, place: tuple[str, int | None]) -> None:
    """Without them nobody could say what a mandate covers, and the start is refused."""
    faults = faults_of(edited("mappings/forms.csv", lambda text: text.replace(old, new, 1)))
    assert place in [(fault.pointer, fault.line) for fault in faults]


def test_a_missing_form_is_named_by_whoever_needs_it() -> None:
    faults = faults_of(Bundle({name: data for name, data in bundle().files.items() if name != GOODS}))
    assert {f"{META}#form", f"{ROUTING}#form"} <= {fault.pointer for fault in faults}


def test_a_table_that_is_not_utf8_is_named() -> None:
    files = bundle().files
    files[GOODS] = files[GOODS].decode("utf-8-sig").encode("gb18030")
    assert faults_of(Bundle(files))[0].pointer == f"{GOODS}#"


def test_every_broken_row_is_named_at_once() -> None:
    def change(text: str) -> str:
        for line, column, value in [
            ("CUS-0060", "source", "x"),
            ("CUS-0150", "empty", "omit"),
            ("CUS-0370", "arg", ""),
        ]:
            text = set_cell(line, column, value)(text)
        return text

    named = {fault.pointer for fault in faults_of(edited(CUSTOMS, change))}
    assert {f"{CUSTOMS}#source", f"{CUSTOMS}#empty", f"{CUSTOMS}#arg"} <= named


def test_broken_tables_stop_the_start(tmp_path: Path) -> None:
    for folder in ("mappings", "xsd"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assert Rulebook.load(tmp_path).digest == bundle().digest
    broken = edited(CUSTOMS, set_cell("CUS-0060", "source", "contract_number"))
    (tmp_path / CUSTOMS).write_bytes(broken.data(CUSTOMS))
    with pytest.raises(BadConfiguration) as caught:
        Rulebook.load(tmp_path)
    line = row_line(CUSTOMS, "CUS-0060")
    first = caught.value.faults[0]
    assert f"{first.pointer}:{first.line}: {first.message_en}" in str(caught.value)
    assert [(fault.pointer, fault.line) for fault in caught.value.faults if "#source" in fault.pointer] == [
        (f"{CUSTOMS}#source", line)
    ]


def test_no_tables_at_all_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration):
        Rulebook.load(tmp_path)


def test_the_digest_names_every_byte_of_the_tables() -> None:
    assert Bundle(bundle().files).digest == bundle().digest
    assert edited(CUSTOMS, lambda text: text + "\n").digest != bundle().digest
    assert edited("xsd/merged/goods.xsd", lambda text: text + "\n").digest != bundle().digest


def test_the_golden_cases_exercise_what_is_in_the_tree() -> None:
    """`tables check --cases`: without cases every row is untried, with a sample those it runs are not."""
    cases = ROOT / "tests/data/cases"
    untried = check_tables(bundle(), cases, NOW)
    nothing = check_tables(bundle(), ROOT / "tests/unit/core", NOW)
    assert len(untried) < len(nothing)
    assert (f"{CUSTOMS}#line", row_line(CUSTOMS, "CUS-0020")) in [(fault.pointer, fault.line) for fault in nothing]
    assert (f"{CUSTOMS}#line", row_line(CUSTOMS, "CUS-0020")) not in [(fault.pointer, fault.line) for fault in untried]


def versions(earlier_ends: str, later_begins: str) -> Bundle:
    """The tables with a second version of the customs message."""
    files = bundle().files
    folder = META.rpartition("/")[0]
    meta = files[META].decode()
    later = folder.replace("2015", "2018")
    for name in ("map.csv", "meta.toml"):
        files[f"{later}/{name}"] = files[f"{folder}/{name}"]
    files[META] = meta.replace('valid_to = ""', f'valid_to = "{earlier_ends}"').encode()
    files[f"{later}/meta.toml"] = (
        meta.replace('version = "2015"', 'version = "2018"').replace("2015-01-01", later_begins).encode()
    )
    return Bundle(files)


@pytest.mark.parametrize("ends", ["", "2018-07-01", "2018-09-01"])
def test_versions_follow_each_other_without_gap_or_overlap(ends: str) -> None:
    """Open-ended, ending too early, ending too late: on some day no version or two would be valid."""
    assert [fault.pointer for fault in faults_of(versions(ends, "2018-08-01"))] == [f"{META}#valid_to"]
    assert faults_of(versions("2018-08-01", "2018-08-01")) == []
