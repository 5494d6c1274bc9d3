"""What was done to a declaration and by whom, for the timeline: acts of the window, each with its words."""

from __future__ import annotations

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
}
"""code -> words zh, en. A row's `details` hold what differs from case to case."""

WINDOW = "window"
"""The actor where nobody but the window itself acted."""


def entry(
    code: str,
    *,
    organisation_id: str,
    declaration_id: str,
    version: int,
    at: datetime,
    agency: str | None = None,
    actor: str = WINDOW,
    **details: str,
) -> dict[str, Any]:
    """One row of the journal; `code` is of ACTS."""
    if code not in ACTS:
        raise ValueError(f"no act {code}")
    return {
        "organisation_id": organisation_id,
        "declaration_id": declaration_id,
        "version": version,
        "agency": agency,
        "code": code,
        "actor": actor,
        "at": at,
        "details": details,
    }
