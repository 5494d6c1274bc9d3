"""Convert: a merged form from XML to JSON and back, without loss."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from declarations import jsonform, xmlform
from declarations.form import Declaration

if TYPE_CHECKING:
    from declarations.rulebook import Rulebook


def to_json(rulebook: Rulebook, declaration: Declaration) -> bytes:
    """The JSON form, indented for people, UTF-8."""
    found = jsonform.to_json(rulebook.forms[declaration.form], declaration)
    return (json.dumps(found, ensure_ascii=False, indent=1) + "\n").encode()


def to_xml(rulebook: Rulebook, declaration: Declaration) -> bytes:
    """The XML form in dictionary order, indented for people, UTF-8."""
    return xmlform.to_xml(rulebook.forms[declaration.form], declaration)
