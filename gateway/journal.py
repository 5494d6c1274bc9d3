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
    "master_key_rotated": ("数据密钥已用新主密钥重新封装", "Data keys were wrapped under a new master key"),
    "accounts_forgotten": ("已清除注销账户的个人信息", "What was kept about closed accounts was removed"),
    "old_data_sealed": ("已加密升级前的明文数据", "What was stored in plain before was sealed"),
    "data_keys_rotated": ("已启用新的数据密钥", "New data keys were made"),
    "mandate_offered": ("提出委托", "A mandate was offered"),
    "mandate_accepted": ("委托已确认", "A mandate was accepted"),
    "mandate_refused": ("委托未获确认", "A mandate was refused"),
    "mandate_withdrawn": ("委托提议已收回", "The offer of a mandate was taken back"),
    "mandate_revoked": ("委托已解除", "A mandate was revoked"),
    "mandate_used": ("受托方依委托办理", "An agent acted under a mandate"),
    "answer_refused": (
        "来件签名未通过验证或非该机构应答，已隔离，未作任何更改",
        "What came was not signed by the agency, or not its to answer: kept aside, nothing was changed",
    ),
    "certificate_added": ("账户绑定了数字证书", "A certificate was linked to an account"),
    "certificate_removed": ("账户解除了数字证书绑定", "A certificate was taken from an account"),
    "certificate_login_refused": ("数字证书登录被拒绝", "A log-in by certificate was refused"),
    "openid_linked": ("账户绑定了 OpenID Connect 身份", "An identity of the OpenID Provider was linked to an account"),
    "openid_unlinked": (
        "账户解除了 OpenID Connect 身份绑定",
        "An OpenID Provider's identity was taken from an account",
    ),
    "openid_login_refused": ("OpenID Connect 登录被拒绝", "A log-in by OpenID Connect was refused"),
    "journal_exported": ("导出了日志", "The journal was exported"),
    "looked": ("查看了申报原文或取值来源", "Stored bytes, or where a value came from, were looked at"),
    "answered": ("已收到该机构的回执", "An answer of the agency was taken up"),
    "removed": (
        "申报已超过保存期限，已从数据库清除，归档文件保留",
        "Past its term: removed from the database; its archive file stays",
    ),
    "tables_changed": ("映射表与规则表有新版本生效", "Other tables came into force"),
    "restored": ("已从备份恢复", "The window was restored from a backup"),
    "logged_in": ("登录", "A person logged in"),
    "logged_out": ("退出登录", "A person logged out"),
    "login_failed": ("登录失败", "An attempt to log in failed"),
    "login_throttled": ("登录失败过多，暂停尝试", "So many attempts to log in failed that none is tried for a while"),
    "organisation_switched": ("切换单位", "A person went on for another organisation"),
    "password_changed": ("已更改密码", "A password was changed"),
    "second_factor_added": ("已启用动态口令", "A second factor was added"),
    "second_factor_removed": ("已停用动态口令", "A second factor was removed"),
    "recovery_code_used": ("使用了恢复码登录", "A recovery code was used"),
    "machine_added": ("已签发接口密钥", "A machine's key was made"),
    "machine_rotated": ("已更换接口密钥", "A machine's key was replaced"),
    "machine_revoked": ("已吊销接口密钥", "A machine's key was revoked"),
    "machine_logged_in": ("接口客户端取得访问令牌", "A machine got an access token"),
    "credential_refused": (
        "已失效、已使用或用错的凭证被拒绝",
        "A credential that had ended, was used already or belongs elsewhere was refused",
    ),
    "act_refused": ("无权代为办理，已拒绝", "An act in the name of another was refused"),
    "registration_asked": ("有单位申请注册", "An organisation asked to be let in"),
    "registrations_seen": ("查看了注册申请", "Registrations were looked at"),
    "registration_approved": ("注册申请已通过", "A registration was approved"),
    "registration_refused": ("注册申请未通过", "A registration was refused"),
    "organisation_seen": ("运行人员查看了单位资料", "An operator looked at an organisation's papers"),
    "organisation_changed": ("单位信息变更", "The organisation was changed"),
    "organisation_suspended": ("单位已暂停", "The organisation was suspended"),
    "organisation_restored": ("单位已恢复", "The organisation's suspension ended"),
    "papers_changed": ("企业资质变更", "The organisation's papers were changed"),
    "papers_verified": ("企业资质已核对", "The organisation's papers were compared with the registers"),
    "papers_used": ("受托方引用了企业资质", "An agent took values of the organisation's papers"),
    "people_seen": ("查看了人员名单", "The list of people was looked at"),
    "person_invited": ("邀请了人员", "Somebody was invited"),
    "invitation_withdrawn": ("邀请已撤回", "An invitation was withdrawn"),
    "person_joined": ("人员加入单位", "A person joined"),
    "person_roles_changed": ("人员角色变更", "A person's roles were changed"),
    "person_removed": ("人员已移出单位", "A person was removed"),
    "prepared_keyed": ("录入了待申报单", "A form was keyed"),
    "prepared_seen": ("查看了待申报单", "A prepared form was looked at"),
    "prepared_reviewed": ("待申报单已复核", "A prepared form was reviewed"),
    "prepared_returned": ("待申报单已退回", "A prepared form was returned to its keyer"),
    "prepared_filed": ("待申报单已申报", "A prepared form was signed and filed"),
    "prepared_dropped": ("待申报单已作废", "A prepared form was dropped"),
    "ship_moved": ("船舶动态已更新", "The ship's movement was taken down"),
    "release_voided": ("情况变化，该机构的放行不再作数", "Because of a change this agency's release no longer counts"),
    "certificate_issued": ("已签发出口岸许可证", "The port clearance was issued"),
    "certificate_valid": ("出口岸许可证恢复有效", "The port clearance is valid again"),
    "certificate_suspended": ("出口岸许可证暂停使用", "The port clearance was suspended"),
    "certificate_superseded": ("出口岸许可证已被新证替换", "The port clearance was superseded by another"),
    "certificate_void": ("出口岸许可证已作废", "The port clearance was voided"),
    "certificate_used": ("船舶已离港，出口岸许可证已使用", "The ship has sailed: the port clearance is used"),
    "certificate_printed": ("打印了出口岸许可证", "The port clearance was printed"),
    "certificate_overdue": (
        "签发24小时后船舶尚未驶离，已提请海事决定",
        "Not sailed 24 hours after issue: maritime is asked to decide",
    ),
    "change_reported": ("签发后报告了情况变化", "A change after issue was reported"),
    "change_decided": ("海事管理机构已作出决定", "The maritime administration decided"),
    "call_cancelled": ("航次已取消", "The call was cancelled"),
    "handover_asked": ("提出变更航次代理", "A handover of the call was asked for"),
    "handover_accepted": ("航次代理已变更", "The call was handed over"),
    "handover_refused": ("未同意变更航次代理", "A handover of the call was refused"),
    "handover_withdrawn": ("变更航次代理的提议已收回", "A handover of the call was taken back"),
    "call_settled": ("运行人员裁定了航次代理", "Operators settled whose the call is"),
    "call_carried": ("引用了以前的船舶申报", "An earlier filing of the ship was carried forward"),
    "manifest_shared": ("货物申报引用了舱单数据", "Manifest data were taken into a goods declaration"),
}
"""code -> words zh, en. A row's `details` hold what differs from case to case."""

WINDOW = "window"
"""The actor where nobody but the window itself acted."""
NOBODY = "nobody"
"""The actor where nobody who is known acted: what was typed is not kept."""
OPERATOR = "operator:"
"""What the name of an actor of the window's operators begins with."""
INTERNAL = frozenset(
    {
        "viewed",
        "looked",
        "answered",
        "removed",
        "approval_asked",
        "approval_granted",
        "approval_refused",
        "approval_withdrawn",
        "mandate_used",
    }
)
"""In the journal for evidence, not in the timeline: acts among operators, and what stands there already for the other side."""
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
    return _row(code, at, f"{OPERATOR}{operator}", belongs, details)


def _row(code: str, at: datetime, actor: str, belongs: tuple[Any, ...], details: Mapping[str, str]) -> dict[str, Any]:
    if code not in ACTS:
        raise ValueError(f"no act {code}")
    facts = dict(zip(_BELONGS, belongs, strict=True))
    return {**facts, "code": code, "actor": actor, "at": at, "details": dict(details)}
