"""The `when` grammar: what it says, what it refuses, and that compiled conditions agree with interpreted ones."""

from __future__ import annotations

from datetime import date

import pytest
from core_forms import TODAY, rulebook
from hypothesis import given, settings
from hypothesis import strategies as st

from declarations.conditions import Condition, ConditionError, parse, split_values

DAY = date(2015, 10, 19)
CODES = rulebook().codes
GIVEN = {"a": "I", "b": "2", "items": "1, 2,13", "unit": "035", "parent.n": "13", "filing.scope": "customs_only"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("present(a)", True),
        ("present(gone)", False),
        ("present(filing.scope)", True),
        ("a = 'I'", True),
        ("a = 'i'", False),
        ("gone = ''", False),
        ("gone = 'I'", False),
        ("filing.scope = 'customs_only'", True),
        ("unit in CL_MASS_UNIT", True),
        ("a in CL_MASS_UNIT", False),
        ("gone in CL_MASS_UNIT", False),
        ("b in list(items)", True),
        ("parent.n in list(items)", True),
        ("a in list(items)", False),
        ("b in list(gone)", False),
        ("gone in list(items)", False),
        ("not a = 'I'", False),
        ("not not a = 'I'", True),
        ("not present(gone)", True),
        ("a = 'I' and b = '2'", True),
        ("a = 'I' and b = '3'", False),
        ("a = 'E' or b = '2'", True),
        ("a = 'E' and b = '2' or present(a)", True),
        ("present(a) or a = 'E' and b = '3'", True),
        ("(present(a) or a = 'E') and b = '3'", False),
        ("not (a = 'E' or b = '3')", True),
        ("not a = 'E' and b = '3'", False),
        ("  a='I'  ", True),
        ("a = 'it is (and) or = not'", False),
    ],
)
def test_what_conditions_say(text: str, answer: bool) -> None:
    assert parse(text).holds(GIVEN.get, CODES, DAY) is answer


def test_code_lists_are_taken_on_the_day() -> None:
    assert parse("unit in CL_MASS_UNIT").holds(GIVEN.get, CODES, TODAY)
    assert not parse("unit in CL_MASS_UNIT").holds(GIVEN.get, CODES, date(1999, 1, 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a",
        "a =",
        "a = I",
        "a = 'I",
        "a == 'I'",
        "= 'I'",
        "a in",
        "a in MASS_UNIT",
        "a in list",
        "a in list()",
        "a in list(b",
        "present()",
        "present(a",
        "present a",
        "(a = 'I'",
        "a = 'I')",
        "a = 'I' and",
        "a = 'I' b = '2'",
        "and a = 'I'",
        "not",
        "a <> 'I'",
        "a = 'I' && b = '2'",
        'a = "I"',
        "__import__('os')",
        "a = 'I'; b = '2'",
    ],
)
def test_what_is_outside_the_grammar_is_refused_in_words(text: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert str(caught.value)


def test_operands_and_lists_are_told() -> None:
    condition = parse("present(a) and (b in list(c) or not d in CL_UNIT) and filing.scope = 'x'")
    assert list(condition.operands()) == ["a", "b", "c", "d", "filing.scope"]
    assert list(condition.code_lists()) == ["CL_UNIT"]


def test_values_of_a_list_are_split_at_commas() -> None:
    assert split_values(" 1, 3,,4 ") == ("1", "3", "4")


NAMES = ["x", "y", "z"]
VALUES = ["I", "E", "035", "1,2", "2"]
tests_of_one = st.one_of(
    st.sampled_from(NAMES).map(lambda name: f"present({name})"),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(lambda pair: f"{pair[0]} = '{pair[1]}'"),
    st.sampled_from(NAMES).map(lambda name: f"{name} in CL_MASS_UNIT"),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map(lambda pair: f"{pair[0]} in list({pair[1]})"),
)
conditions = st.recursive(
    tests_of_one,
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} {parts[2]}"
        ),
    ),
    max_leaves=6,
)


def compiled(condition: Condition, values: dict[str, str], known: set[str], missing: set[str]) -> tuple[str, bool]:
    """Compile a condition for a shape: `known` items are there, `missing` ones are not, of the rest nothing is said."""

    def operand(name: str) -> str:
        if name in known:
            return f"local_{name}"
        return "None" if name in missing else f"v.get({name!r})"

    source = condition.python(operand, lambda name: f"lists[{name!r}]")
    lists = {name: frozenset(CODES.lists[name].current(DAY)) for name in condition.code_lists()}
    local = {f"local_{name}": values[name] for name in known}
    return source, bool(eval(source, {"v": values, "lists": lists, "split_values": split_values, **local}))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(conditions, st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)), st.sets(st.sampled_from(NAMES)))
def test_a_compiled_condition_agrees_with_the_interpreted_one(
    text: str, values: dict[str, str], unsaid: set[str]
) -> None:
    condition = parse(text)
    known, missing = set(values) - unsaid, set(NAMES) - set(values) - unsaid
    source, answer = compiled(condition, values, known, missing)
    assert answer is condition.holds(values.get, CODES, DAY)
    if source in ("True", "False"):
        assert answer is (source == "True")


def test_what_a_shape_decides_is_folded_away() -> None:
    nothing: dict[str, str] = {}
    assert compiled(parse("present(x)"), nothing, set(), {"x"})[0] == "False"
    assert compiled(parse("not present(x)"), nothing, set(), {"x"})[0] == "True"
    assert compiled(parse("present(x) and y = 'I'"), nothing, set(), {"x"})[0] == "False"
    assert compiled(parse("present(x) or y = 'I'"), {"x": "I"}, {"x"}, set())[0] == "True"
    assert compiled(parse("x in list(y)"), nothing, set(), {"y"})[0] == "False"
    assert compiled(parse("present(x) and y = 'I'"), {"x": "I", "y": "I"}, {"x", "y"}, set())[0].count("==") == 1
