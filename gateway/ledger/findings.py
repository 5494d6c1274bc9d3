"""Findings: what verifying an export can find wrong, the words for it, and the report they stand in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FINDINGS_AT_MOST = 1_000
"""Findings that are told one by one."""
WORDS: dict[str, tuple[str, str]] = {
    "altered": ("记录被改动", "an entry was altered"),
    "removed": ("记录被删除", "entries were removed"),
    "inserted": ("插入了不属于日志的记录", "an entry was inserted"),
    "reordered": ("记录顺序被改变", "entries were put in another order"),
    "rewritten": (
        "两次封签之间的记录被改写，不能确定是哪一条",
        "entries between two signed heads were rewritten, any of them",
    ),
    "truncated": ("日志末尾被截去", "the end was cut off"),
    "batch_altered": ("封签批次被改动", "a batch was altered"),
    "batch_removed": ("封签批次被删除", "batches were removed"),
    "batch_reordered": ("封签批次的顺序有误", "a batch stands where it does not belong"),
    "anchor_differs": ("与另处留存的封签批次不符", "the journal is not the one that was noted elsewhere"),
    "unknown_key": ("没有核验该批次所需的公钥", "the key that signed a batch was not given"),
    "key_not_in_force": ("封签时密钥不在有效期内或已吊销", "a batch was signed with a key that was not in force"),
    "timestamp_invalid": ("时间戳无效", "a timestamp is not valid"),
    "count_differs": ("导出文件的计数不符", "the export's own count differs"),
    "unreadable": ("行无法读取", "a line cannot be read"),
}
"""kind -> zh, en"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction: entries `first` to `last` of a chain, or a batch (`until`: a range of them), or a line of the file."""

    kind: str
    chain: str | None = None
    first: int | None = None
    last: int | None = None
    batch: int | None = None
    line: int | None = None
    why: str = ""
    until: int | None = None

    @property
    def place(self) -> str:
        """Where, in words that need no translation."""
        parts = []
        if self.chain is not None:
            numbers = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
            parts.append(f"{self.chain} #{numbers}")
        if self.batch is not None:
            parts.append(f"batch {self.batch}" + (f"-{self.until}" if self.until not in (None, self.batch) else ""))
        if self.line is not None:
            parts.append(f"line {self.line}")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        zh, en = WORDS[self.kind]
        names = ("kind", "chain", "first", "last", "batch", "until", "line", "why")
        return {**{name: getattr(self, name) for name in names}, "place": self.place, "zh": zh, "en": en}


@dataclass(frozen=True, slots=True)
class Anchor:
    """A batch that somebody noted elsewhere while it was the newest."""

    batch: int
    hash: str


@dataclass(slots=True)
class Report:
    """What was verified, and every contradiction."""

    chain: str | None = None
    batches: int = 0
    entries: int = 0
    first_batch: int | None = None
    last_batch: int | None = None
    last_hash: str | None = None
    sealed_until: str | None = None
    timestamps: int = 0
    timestamped_at: datetime | None = None
    authority_checked: bool = False
    revoked_keys: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    @property
    def good(self) -> bool:
        return not self.findings

    def found(self, findings: Iterable[Finding]) -> None:
        for each in findings:
            if len(self.findings) < FINDINGS_AT_MOST:
                self.findings.append(each)
            else:
                self.more += 1
