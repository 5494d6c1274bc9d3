"""The same split written as XSLT, one stylesheet for each message, generated from the very tables that our compiler reads.

Written the way a careful author would write it by hand for speed: every path spelled out, code lists as one searchable
string each (`substring-before(substring-after(…))`, the fastest look-up of XSLT 1.0 that we found), containers grouped by a
key. What XSLT 1.0 cannot do well is given to it ready: dates of the window come as parameters already formatted.
It does less than ours: a missing mandatory value or an unknown code is not an error here, and nothing is proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from declarations.conditions import Condition, Equals, InCodes, InValues, Joined, Not, Present
from declarations.conversions import format_date
from declarations.reach import Frames
from declarations.tablecontext import TableContext, parse_each
from declarations.tables import Each, MapRow, Node

XSL = "http://www.w3.org/1999/XSL/Transform"


class Stylesheet:
    """The stylesheet of one message table. `version` 1.0 adds up doubles; 3.0 adds up exact decimals, which only Saxon can."""

    def __init__(self, context: TableContext, version: str) -> None:
        self.context = context
        self.version = version
        self.strings: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.parameters: dict[str, tuple[str, str]] = {}
        """parameter -> (value of the window, date format or '')"""
        table = context.table
        self.namespace = table.namespace
        body = self.content(table.tree, Frames(context.form, context.filing))
        self.text = self._document(body)

    def values(self, filing: Mapping[str, str]) -> dict[str, str]:
        """The parameters' values for one filing; blank where the window has none."""
        found = {}
        for name, (value, pattern) in self.parameters.items():
            text = filing.get(value, "")
            found[name] = format_date(text, pattern, self.context.timezone) if text and pattern else text
        return found

    def _document(self, body: str) -> str:
        table = self.context.table
        form = self.context.form
        parameters = "".join(f'<xsl:param name="{name}"/>' for name in self.parameters)
        strings = "".join(
            f'<xsl:variable name="{name}">{escape(text)}</xsl:variable>' for name, text in self.strings.items()
        )
        keys = "".join(self.keys.values())
        attribute = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" exclude-result-prefixes="xs"'
        return (
            f'<xsl:stylesheet version="{self.version}" xmlns:xsl="{XSL}" {attribute}>'
            f'<xsl:output method="xml" encoding="UTF-8" indent="no"/><xsl:strip-space elements="*"/>'
            f"{keys}{parameters}{strings}"
            f'<xsl:template match="/{form.root}"><xsl:variable name="r0" select="."/>'
            f'<{table.root} xmlns="{table.namespace}">{body}</{table.root}></xsl:template></xsl:stylesheet>'
        )

    # --- elements

    def content(self, node: Node, frames: Frames) -> str:
        return "".join(self.child(child, frames) for child in node.children.values())

    def child(self, node: Node, frames: Frames) -> str:
        if node.mark == "[]":
            return self.loop(node, frames)
        if node.mark == "[+]":
            assert node.loop is not None
            element = f"<{node.name}>{self.content(node, frames)}</{node.name}>"
            return element if node.loop.when is None else self.when(self.test(node.loop.when, frames), element)
        if node.rows:
            return self.leaf(node, frames)
        element = f"<{node.name}>{self.content(node, frames)}</{node.name}>"
        feeders = self.feeders(node, frames)
        return self.when(" or ".join(feeders), element) if feeders else element

    def feeders(self, node: Node, frames: Frames) -> list[str]:
        """Tests of which one must hold for a plain wrapper to appear; none when it always does."""
        found: list[str] = []
        for child in node.children.values():
            if child.mark == "[]" and child.loop is not None and child.loop.each is not None:
                found.append(self.rows(child.loop.each, frames))
            elif child.mark == "[+]" and child.loop is not None and child.loop.when is not None:
                found.append(self.test(child.loop.when, frames))
            else:
                rows = child.rows
                if any(row.when is None and (row.occurs == "1" or row.how == "const") for row in rows):
                    return []
                found += [self.operand(source, frames) for row in rows for source in row.sources]
        return found

    @staticmethod
    def when(test: str, content: str) -> str:
        return f"<xsl:if test={quoteattr(test)}>{content}</xsl:if>"

    def loop(self, node: Node, frames: Frames) -> str:
        assert node.loop is not None
        each = node.loop.each
        assert each is not None
        inner = frames.inside(each)
        select = self.rows(each, frames)
        if each.by:
            row = self.context.form.groups[each.group].row
            key = f"{each.group}_by_{each.by}"
            self.keys[key] = f'<xsl:key name="{key}" match="{row}" use="{each.by}"/>'
            select += f"[generate-id() = generate-id(key('{key}', {each.by})[1])]"
        return (
            f'<xsl:for-each select={quoteattr(select)}><xsl:variable name="r{inner.depth}" select="."/>'
            f"<{node.name}>{self.content(node, inner)}</{node.name}></xsl:for-each>"
        )

    def rows(self, each: Each, frames: Frames) -> str:
        place = frames.rows(each.group)
        if place.members:
            by = next(key for key in self.keys if key.startswith(f"{each.group}_by_"))
            return f"key('{by}', $r{place.depth}/{by.removeprefix(each.group + '_by_')})"
        row = self.context.form.groups[each.group].row
        here = "" if place.depth == frames.depth else f"$r{place.depth}/"
        path = f"{here}{each.group}/{row}"
        return f"{path}[{self.test(each.where, frames.inside(each))}]" if each.where is not None else path

    def leaf(self, node: Node, frames: Frames) -> str:
        """The rows of one target as a choice; a value that may be missing is written only if it is there."""
        choices = []
        for row in node.rows:
            written = self.written(node, row, frames)
            if row.when is None:
                choices.append(("", written))
                break
            choices.append((self.test(row.when, frames), written))
        if len(choices) == 1:
            test, written = choices[0]
            return self.when(test, written) if test else written
        branches = "".join(
            f"<xsl:when test={quoteattr(test)}>{text}</xsl:when>" if test else f"<xsl:otherwise>{text}</xsl:otherwise>"
            for test, text in choices
        )
        return f"<xsl:choose>{branches}</xsl:choose>"

    def written(self, node: Node, row: MapRow, frames: Frames) -> str:
        value, tested = self.value(row, frames)
        if node.is_attribute:
            return f'<xsl:attribute name="{node.name[1:]}">{value}</xsl:attribute>'
        element = f"<{node.name}>{value}</{node.name}>"
        return self.when(tested, element) if tested else element

    # --- values

    def value(self, row: MapRow, frames: Frames) -> tuple[str, str]:
        """(what writes the value, the test of its presence or '' when it is always there)."""
        if row.how == "const":
            return escape(row.arg), ""
        if row.how == "seq":
            return '<xsl:value-of select="position()"/>', ""
        if row.how == "count":
            return self.value_of(f"count({self.rows(parse_each(row.arg), frames)})"), ""
        if row.how == "sum":
            paths = f"{self.rows(parse_each(row.arg.partition(';')[0]), frames)}/{row.sources[0]}"
            total = f"sum({paths})" if self.version == "1.0" else f"sum({paths}/xs:decimal(.))"
            return self.value_of(total), paths
        sources = [self.operand(source, frames, row.arg if row.how == "date" else "") for source in row.sources]
        texts = [self.converted(row, source) for source in sources]
        default = f"<xsl:otherwise>{escape(row.default)}</xsl:otherwise>" if row.default is not None else ""
        if len(sources) == 1 and not default:
            optional = row.occurs.startswith("0") and row.empty != "error"
            test = sources[0] if row.how != "split" else f"string({texts[0]})"
            return self.value_of(texts[0]), (test if optional else "")
        branches = "".join(
            f"<xsl:when test={quoteattr(f'string({source})')}>{self.value_of(text)}</xsl:when>"
            for source, text in zip(sources, texts, strict=True)
        )
        test = "" if default or row.empty == "error" else " or ".join(f"string({source})" for source in sources)
        return f"<xsl:choose>{branches}{default}</xsl:choose>", test

    @staticmethod
    def value_of(select: str) -> str:
        return f"<xsl:value-of select={quoteattr(select)}/>"

    def converted(self, row: MapRow, source: str) -> str:
        if row.how == "code":
            return self.translated(row.arg, source)
        if row.how == "text":
            return f"substring({source}, 1, {int(row.arg.removeprefix('max').strip())})"
        if row.how == "date" and not source.startswith("$f_"):
            parts = {
                "yyyy": f"substring({source}, 1, 4)",
                "MM": f"substring({source}, 5, 2)",
                "dd": f"substring({source}, 7, 2)",
            }
            year, month, day = (parts[part] for part in row.arg.split("-"))
            return f"concat({year}, '-', {month}, '-', {day})"
        if row.how == "split":
            signs, number = row.arg.rsplit(" ", 1)
            joined = f"translate({source}, '{signs}', '{signs[0] * len(signs)}')"
            first = f"substring-before(concat({joined}, '{signs[0]}'), '{signs[0]}')"
            return first if number == "1" else f"substring-after({joined}, '{signs[0]}')"
        return source

    def translated(self, name: str, source: str) -> str:
        """Codes that go as they are cost nothing here; ours looks each of them up and refuses what is not in the list."""
        translation = self.context.translation(name)
        if all(code == target for code, target in translation.items()):
            return source
        self.strings[f"codes_{name}"] = "|" + "|".join(f"{code}={target}" for code, target in translation.items()) + "|"
        return f"substring-before(substring-after($codes_{name}, concat('|', {source}, '=')), '|')"

    # --- operands and conditions

    def operand(self, name: str, frames: Frames, pattern: str = "") -> str:
        value = frames.value(name)
        if value.depth is None:
            parameter = f"f_{value.name}_{''.join(sign for sign in pattern if sign.isalpha())}".rstrip("_")
            self.parameters[parameter] = (value.name, pattern)
            return f"${parameter}"
        return value.name if value.depth == frames.depth else f"$r{value.depth}/{value.name}"

    def test(self, condition: Condition, frames: Frames) -> str:
        if isinstance(condition, Present):
            return f"string({self.operand(condition.name, frames)})"
        if isinstance(condition, Equals):
            return f"{self.operand(condition.name, frames)} = '{condition.value}'"
        if isinstance(condition, InCodes):
            codes = sorted(self.context.code_set(condition.code_list))
            self.strings[f"set_{condition.code_list}"] = f"|{'|'.join(codes)}|"
            return f"contains($set_{condition.code_list}, concat('|', {self.operand(condition.name, frames)}, '|'))"
        if isinstance(condition, InValues):
            value, values = self.operand(condition.name, frames), self.operand(condition.values, frames)
            return f"contains(concat(',', {values}, ','), concat(',', {value}, ','))"
        if isinstance(condition, Not):
            return f"not({self.test(condition.inner, frames)})"
        assert isinstance(condition, Joined)
        return "(" + f" {condition.word} ".join(self.test(part, frames) for part in condition.parts) + ")"
