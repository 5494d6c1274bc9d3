"""What was done and by whom: acts of the window and of its operators, each with its words. Most belong to one declaration and
stand in its timeline; an operator's act on an agency or a document belongs to none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

ACTS: dict[str, tuple[str, str]] = {
    "accepted": ("单一窗口已接收申报", "The window accepted the declaration"),
    "refiled": ("已提交更正后的新版本", "A corrected version was filed"),
    "carried_over": ("报文内容未变，沿用已发送的报文", "The message is unchanged: the one already sent stays in force"),
    "waits": ("报文等待另一机构的号码", "The message waits for another agency's number"),
    "rendered": ("已取得所等待的号码，报文已生成", "The awaited number came; the message was made"),
    "sent": ("报文已交给该机构", "The message was handed over to the agency"),
    "outcome_unknown": (
        "报文可能已送达，结果待确认",
        "The message may have reached the agency; the outcome is not known",
    ),
    "parked": ("报文暂停发送，由运行人员处理", "The message is parked for the window's operators"),
    "withdrawn": ("报文在发送前撤回", "The message was withdrawn before it was sent"),
    "superseded": ("报文未发送，已由新版本取代", "The message was not sent; a later version replaced it"),
    "status": ("合并状态变更", "The combined status changed"),
    "resent": ("运行人员安排重新发送报文（内容不变）", "Operators had the message sent again, unchanged"),
    "remade": ("运行人员安排重新生成报文", "Operators had the message made again"),
    "released_by_operator": (
        "运行人员确认该机构已收到报文",
        "Operators established that the agency has the message",
    ),
    "approval_asked": ("运行人员申请处理，待第二人批准", "An operator asks for an act that a second one must grant"),
    "approval_granted": ("第二名运行人员已批准", "A second operator granted it"),
    "approval_refused": ("第二名运行人员未批准", "A second operator refused it"),
    "approval_withdrawn": ("申请人已撤回", "The operator who asked took it back"),
    "requeued": ("已收到的文件重新处理", "A document that came was taken up again"),
    "paused": ("已暂停向该机构发送", "Sending to the agency was paused"),
    "resumed": ("已恢复向该机构发送", "Sending to the agency was resumed"),
    "viewed": ("运行人员查看了报文", "An operator looked at a message"),
    "replayed": ("按现行映射表重新读取回执", "Stored answers were read again by the tables in force"),
    "archived": ("已归档办结的申报", "Ended declarations were archived"),
    "retention": ("已清理超过保存期限的申报", "Declarations past their term were removed"),
}
"""code -> words zh, en. A row's `details` hold what differs from case to case."""

WINDOW = "window"
"""The actor where nobody but the window itself acted."""
INTERNAL = frozenset({"viewed", "approval_asked", "approval_granted", "approval_refused", "approval_withdrawn"})
"""Acts among operators: in the journal for evidence, not in the trader's timeline."""
_BELONGS = ("organisation_id", "declaration_id", "version", "agency")


def entry(
    code: str,
    *,
    at: datetime,
    organisation_id: str | None = None,
    declaration_id: str | None = None,
    version: int | None = None,
    agency: str | None = None,
    actor: str = WINDOW,
    **details: str,
) -> dict[str, Any]:
    """One row of the journal; `code` is of ACTS."""
    return _row(code, at, actor, (organisation_id, declaration_id, version, agency), details)


def operators(
    code: str, operator: str, at: datetime, details: Mapping[str, str], about: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One row for an operator's act. `about`: organisation_id, declaration_id, version, agency, as far as it has them."""
    belongs = tuple((about or {}).get(name) for name in _BELONGS)
    # a client may have the same name
    return _row(code, at, f"operator:{operator}", belongs, details)


def _row(code: str, at: datetime, actor: str, belongs: tuple[Any, ...], details: Mapping[str, str]) -> dict[str, Any]:
    if code not in ACTS:
        raise ValueError(f"no act {code}")
    facts = dict(zip(_BELONGS, belongs, strict=True))
    return {**facts, "code": code, "actor": actor, "at": at, "details": dict(details)}
