"""IMO FAL forms 1 to 7 from a ship's filing, as PDF: what the tables of `mappings/papers/` say, set by one template.

A list runs over as many pages as it needs, its head repeated. The papers are prints: nothing signs them, and no agency gets them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from declarations.codelists import CodeLists
from declarations.dateforms import SHANGHAI
from declarations.dictionary import Form
from declarations.form import Declaration
from declarations.papers import FOOT, HEAD, LIST, Box, Filling, Paper
from gateway.paper.typesetting import typeset, typeset_apart

TEMPLATE = "forms.typ"
MOST_ROWS = 200
"""Rows that are set in this process."""


def printed(paper: Paper, declaration: Declaration, form: Form, codes: CodeLists, at: datetime) -> bytes:
    """The paper filled from a filing; codes are named as on the day of `at` in Shanghai, which also dates the PDF."""
    filling = Filling(declaration, form, codes, at.astimezone(SHANGHAI).date())
    data: dict[str, Any] = {
        "title_zh": paper.title_zh,
        "title_en": paper.title_en,
        "reference": declaration.header.get(form.reference_item, ""),
        "landscape": paper.landscape,
        "head": _filled(paper.of(HEAD), filling.boxes(paper, HEAD)),
        "columns": [_labelled(box) for box in paper.of(LIST)],
        "rows": filling.rows(paper) if paper.group else [],
        "foot": _filled(paper.of(FOOT), filling.boxes(paper, FOOT)),
    }
    return (typeset if len(data["rows"]) <= MOST_ROWS else typeset_apart)(TEMPLATE, data, at)


def _filled(boxes: list[Box], values: list[str]) -> list[dict[str, Any]]:
    return [_labelled(box) | {"value": value} for box, value in zip(boxes, values, strict=True)]


def _labelled(box: Box) -> dict[str, Any]:
    return {"number": box.number, "zh": box.label_zh, "en": box.label_en, "width": box.width}
