"""Our own chain: the whole of it as `submit` runs it, and each stage alone for the breakdown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

from lxml import etree

from declarations.checking import check, read_form
from declarations.compiler import Program
from declarations.form import Declaration
from declarations.parsing import parse_xml
from declarations.routing import Leg, plan
from declarations.rulebook import Rulebook
from declarations.rules import engine
from declarations.split import split
from declarations.xmlform import parse_form, read_tree
from tests.bench.documents import MOMENT, Document
from tests.bench.rounds import Job

MEDIA_TYPE = "application/xml"
_calls = count()
LEGS = 2
"""Both legs of a declaration have its one moment of acceptance."""


def filing_values(leg: Leg) -> dict[str, str]:
    """What the window supplies for a leg: a staffed trader's settings, and a moment of acceptance that no cache has seen."""
    return {
        "message_id": f"M{leg.agency}",
        "accepted_at": (MOMENT + timedelta(microseconds=next(_calls) // LEGS % 1_000_000)).isoformat(),
        "filer_name": "上海汇桥报关有限公司",
        "filer_customs_id": "3122980219",
        "organisation_code": "132234567",
        "typist_id": "8930000012345",
        "inputter_name": "陈立",
        "declarant_person_name": "周宁",
        "declarant_person_certificate_id": "3100201508",
        "operator_card_id": "8930000012345",
    }


@dataclass(slots=True)
class Chain:
    """One document with everything the chain needs around it."""

    rulebook: Rulebook
    document: Document

    def messages(self) -> list[tuple[Leg, bytes]]:
        """The two messages as they would be sent."""
        declaration = read_form(self.rulebook, self.document.xml, MEDIA_TYPE)
        found = split(self.rulebook, declaration, filing_values, self._on)
        return [(each.leg, each.body or b"") for each in found]

    @property
    def _on(self) -> date:
        return self.rulebook.context(MOMENT).accepted_on

    def without_rules(self) -> Job:
        """Parse, validate, read, route, render, parse and validate both messages."""
        rulebook, xml, on = self.rulebook, self.document.xml, self._on

        def run() -> object:
            return split(rulebook, read_form(rulebook, xml, MEDIA_TYPE), filing_values, on)

        return run

    def with_rules(self) -> Job:
        """The same with every business rule of both agencies, as `submit` does it."""
        rulebook, xml, on = self.rulebook, self.document.xml, self._on
        context = rulebook.context(MOMENT)

        def run() -> object:
            checked = check(rulebook, xml, MEDIA_TYPE, context)
            if checked.declaration is None or not checked.valid:
                raise SystemExit("the benchmark's own document has faults")
            return split(rulebook, checked.declaration, filing_values, on)

        return run

    def split_alone(self) -> Job:
        """From a parsed tree to the bytes of both messages: what an XSLT of the same job does."""
        root = self.tree()
        form = self.rulebook.forms["goods"]
        parts = [(program, filing) for program, filing, *_ in self.programs()]

        def run() -> object:
            declaration = read_tree(form, root, True)
            return [program.render(declaration, filing).encode() for program, filing in parts]

        return run

    def floor_pairs(self) -> list[tuple[bytes, etree.XMLSchema]]:
        """The form and both messages, each with its schema: what any chain must parse and validate."""
        schemas = [schema for *_, schema in self.programs()]
        bodies = [body for _, body in self.messages()]
        form = (self.document.xml, self.rulebook.form_rules("goods").schema)
        return [form, *zip(bodies, schemas, strict=True)]

    def tree(self) -> etree._Element:
        return parse_form(self.document.xml, self.rulebook.words)

    def declaration(self) -> Declaration:
        return read_tree(self.rulebook.forms["goods"], self.tree(), True)

    def programs(self) -> list[tuple[Program, dict[str, str], Leg, etree.XMLSchema]]:
        """Of each leg its compiled table, window's values and agency schema."""
        found = []
        for leg in plan(self.rulebook, self.declaration(), self._on):
            table = self.rulebook.agencies[leg.agency].table(leg.message, leg.version)
            filing = {**filing_values(leg), "scope": "customs_and_inspection"}
            program = self.rulebook.program(table, self._on, plain=True)
            found.append((program, filing, leg, self.rulebook.schema(table.schema)))
        return found

    def stages(self) -> dict[str, Job]:
        """Every stage alone, on ready input of the stage before; their sum is nearly the chain."""
        rulebook, xml, on = self.rulebook, self.document.xml, self._on
        rules = rulebook.form_rules("goods")
        context = rulebook.context(MOMENT)
        root, declaration = self.tree(), self.declaration()
        jobs: dict[str, Job] = {
            "parse": lambda: parse_form(xml, rulebook.words),
            "validate": lambda: rules.schema.validate(root),
            "read": lambda: read_tree(rules.form, root, True),
            "rules": lambda: engine.run(rulebook, declaration, context),
            "route": lambda: plan(rulebook, declaration, on),
        }
        for program, filing, leg, schema in self.programs():
            text = program.render(declaration, filing)
            body = text.encode()
            tree = parse_xml(body)
            jobs |= {
                f"render {leg.agency}": lambda program=program, filing=filing: program.render(declaration, filing),
                f"encode {leg.agency}": text.encode,
                f"parse {leg.agency}": lambda body=body: parse_xml(body),
                f"validate {leg.agency}": lambda schema=schema, tree=tree: schema.validate(tree),
            }
        return jobs
