"""The floor: what lxml and libxml2 cost when nothing is mapped: the form and two ready messages parsed and validated."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from tests.bench.rounds import Job

# The cheapest settings we found: without the blanks between elements there is less to build and to validate.
PARSER = etree.XMLParser(resolve_entities=False, collect_ids=False, remove_blank_text=True)


def parse_and_validate(pairs: Sequence[tuple[bytes, etree.XMLSchema]]) -> Job:
    """Parses and validates each document by its schema."""
    parse = etree.fromstring

    def run() -> None:
        for data, schema in pairs:
            if not schema.validate(parse(data, PARSER)):
                raise SystemExit("the floor's document is not valid")

    return run
