"""The rule of coded values: each stands in its list on the day, and each receiving agency has a conversion."""

from __future__ import annotations

from declarations.form import Row
from declarations.rules.rule import CONTEXT, ROW, Finding, RuleContext, each_coded, rule

OWN_RULE = ("commodity_classification_id", "container_type_code", "dangerous_goods_un_id")
"""Items whose codes another rule speaks of (R-LIN-03, R-CNT-02, R-INS-04)."""


@rule("R-MAP-01", each_coded(but=OWN_RULE), ROW, CONTEXT)
def code_can_be_sent(item: str, value: str, row: Row, context: RuleContext) -> list[Finding]:
    """Unknown in a complete list, ill-formed, expired, or without conversion: an error.

    Unknown but well-formed in a partial list whose codes every receiver takes as they are: a warning.
    """
    return context.coded.faults(item, value, row)
