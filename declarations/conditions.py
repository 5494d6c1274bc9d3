"""The `when` grammar of the tables (design.md section 2), closed on purpose:

    present(x)   x = 'A'   x in CL_LIST   x in list(y)   not   and   or   ( )

`x` and `y` are item ids, `parent.item`, `filing.NAME`, or, in the tables of answers, element paths such as `A/B`.
A condition is read once, asked directly (`holds`) by rules and explain, and turned into Python (`python`) by the compiler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Protocol

from declarations.codelists import CodeLists

Lookup = Callable[[str], str | None]
Expression = Callable[[str], str]
"""operand -> a Python expression that gives its text or None; used when a condition is compiled."""


class ConditionError(ValueError):
    """A condition outside the grammar; the text says where."""


class Condition(Protocol):
    """A parsed condition."""

    def holds(self, lookup: Lookup, codes: CodeLists, on: date) -> bool:
        """Whether it holds for the values that `lookup` gives, with code lists taken on a date."""

    def python(self, operand: Expression, code_set: Expression) -> str:
        """A Python expression, 'True' and 'False' folded; `operand` and `code_set` give values' and code lists' expressions."""

    def operands(self) -> Iterator[str]:
        """Every x and y it reads."""

    def code_lists(self) -> Iterator[str]:
        """Every CL_ list it asks."""


@dataclass(frozen=True, slots=True)
class Present:
    name: str

    def holds(self, lookup: Lookup, codes: CodeLists, on: date) -> bool:
        return bool(lookup(self.name))

    def python(self, operand: Expression, code_set: Expression) -> str:
        expression = operand(self.name)
        if expression.isidentifier():  # None, or a local name: a value known to be there
            return str(expression != "None")
        return f"({expression} is not None)"

    def operands(self) -> Iterator[str]:
        yield self.name

    def code_lists(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True, slots=True)
class Equals:
    name: str
    value: str

    def holds(self, lookup: Lookup, codes: CodeLists, on: date) -> bool:
        return lookup(self.name) == self.value

    def python(self, operand: Expression, code_set: Expression) -> str:
        expression = operand(self.name)
        return "False" if expression == "None" else f"({expression} == {self.value!r})"

    def operands(self) -> Iterator[str]:
        yield self.name

    def code_lists(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True, slots=True)
class InCodes:
    name: str
    code_list: str

    def holds(self, lookup: Lookup, codes: CodeLists, on: date) -> bool:
        value = lookup(self.name)
        return bool(value) and codes.lists[self.code_list].get(value or "", on) is not None

    def python(self, operand: Expression, code_set: Expression) -> str:
        expression = operand(self.name)
        return "False" if expression == "None" else f"({expression} in {code_set(self.code_list)})"

    def operands(self) -> Iterator[str]:
        yield self.name

    def code_lists(self) -> Iterator[str]:
        yield self.code_list


@dataclass(frozen=True, slots=True)
class InValues:
    """`x in list(y)`: y holds several values, comma separated."""

    name: str
    values: str

    def holds(self, lookup: Lookup, codes: CodeLists, on: date) -> bool:
        value, values = lookup(self.name), lookup(self.values)
        return bool(value and values) and value in split_values(values or "")

    def python(self, operand: Expression, code_set: Expression) -> str:
        value, values = operand(self.name), operand(self.values)
        if "None" in (value, values):
            return "False"
        return f"({value} in split_values({values} or ''))"

    def operands(self) -> Iterator[str]:
        yield from (self.name, self.values)

    def code_lists(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True, slots=True)
class Not:
    inner: Condition

    def holds(self, lookup: Lookup, codes: CodeLists, on: date) -> bool:
        return not self.inner.holds(lookup, codes, on)

    def python(self, operand: Expression, code_set: Expression) -> str:
        inner = self.inner.python(operand, code_set)
        return {"True": "False", "False": "True"}.get(inner, f"(not {inner})")

    def operands(self) -> Iterator[str]:
        return self.inner.operands()

    def code_lists(self) -> Iterator[str]:
        return self.inner.code_lists()


@dataclass(frozen=True, slots=True)
class Joined:
    """`and` / `or` over two or more conditions."""

    word: str
    parts: tuple[Condition, ...]

    def holds(self, lookup: Lookup, codes: CodeLists, on: date) -> bool:
        answers = (part.holds(lookup, codes, on) for part in self.parts)
        return all(answers) if self.word == "and" else any(answers)

    def python(self, operand: Expression, code_set: Expression) -> str:
        neutral, decisive = ("True", "False") if self.word == "and" else ("False", "True")
        written = [part.python(operand, code_set) for part in self.parts]
        if decisive in written:
            return decisive
        kept = [text for text in written if text != neutral]
        return f"({f' {self.word} '.join(kept)})" if kept else neutral

    def operands(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.operands()

    def code_lists(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.code_lists()


@lru_cache(1024)
def split_values(text: str) -> tuple[str, ...]:
    """The values of a `list` item: '1, 3' -> ('1', '3')."""
    return tuple(value.strip() for value in text.split(",") if value.strip())


_TOKEN = re.compile(r"\s*(?:(?P<text>'[^']*')|(?P<sign>[()=])|(?P<word>[A-Za-z_@][\w./@]*))")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                raise ConditionError(f"cannot read {text[position:]!r}")
            self.tokens.append(found[0].strip())
            position = found.end()
        self.next = 0

    def peek(self) -> str:
        return self.tokens[self.next] if self.next < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise ConditionError(f"expected {expected or 'more'} but found {token or 'the end'} in {self.text!r}")
        self.next += 1
        return token

    def joined(self, word: str) -> Condition:
        part = self.joined if word == "or" else self.negated
        parts = [part("and")]
        while self.peek() == word:
            self.take()
            parts.append(part("and"))
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def negated(self, _: str = "") -> Condition:
        if self.peek() == "not":
            self.take()
            return Not(self.negated())
        if self.peek() == "(":
            self.take()
            inner = self.joined("or")
            self.take(")")
            return inner
        return self.test()

    def test(self) -> Condition:
        name = self.name()
        if name == "present" and self.peek() == "(":
            self.take("(")
            operand = self.name()
            self.take(")")
            return Present(operand)
        sign = self.take()
        if sign == "=":
            value = self.take()
            if not value.startswith("'"):
                raise ConditionError(f"compare with a quoted value, not {value} in {self.text!r}")
            return Equals(name, value[1:-1])
        if sign != "in":
            raise ConditionError(f"expected = or in but found {sign} in {self.text!r}")
        where = self.name()
        if where == "list":
            self.take("(")
            values = self.name()
            self.take(")")
            return InValues(name, values)
        if not where.startswith("CL_"):
            raise ConditionError(f"`in` takes a code list or list(item), not {where} in {self.text!r}")
        return InCodes(name, where)

    def name(self) -> str:
        token = self.take()
        if not re.match(r"[A-Za-z_@]", token) or token in ("and", "or", "not", "in"):
            raise ConditionError(f"expected a name but found {token} in {self.text!r}")
        return token


def parse(text: str) -> Condition:
    """Read one condition; raises ConditionError."""
    parser = _Parser(text)
    condition = parser.joined("or")
    if parser.peek():
        raise ConditionError(f"unexpected {parser.peek()} in {text!r}")
    return condition
