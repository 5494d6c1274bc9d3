"""The running programs of the window and how far their clocks are off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from gateway.database.stores import processes as store
from gateway.database.types import AnyRow

if TYPE_CHECKING:
    from gateway.wiring import Window

SKEW_SECONDS = 5.0
"""A clock farther off than this is flagged: it dates acceptances and signatures. Leases run on the database's clock."""
SILENT_SECONDS = 60.0
"""A program without a sign of life for so long is flagged; it gives one every ten seconds."""


async def processes(window: Window) -> dict[str, Any]:
    """Every program by its last sign of life, what is wrong flagged."""

    def read(connection: Connection) -> dict[str, Any]:
        return {"items": [_shown(row) for row in store.every(connection)]}

    return await window.database.read(read)


def _shown(row: AnyRow) -> dict[str, Any]:
    silent_for, skew = max(0.0, (row.now - row.seen_at).total_seconds()), store.skew(row)
    flags_zh, flags_en = [], []
    if silent_for > SILENT_SECONDS:
        flags_zh.append(f"已 {silent_for:.0f} 秒无信号，可能已停止")
        flags_en.append(f"no sign of life for {silent_for:.0f} s: it may have stopped")
    if abs(skew) > SKEW_SECONDS:
        way_zh, way_en = ("快", "ahead of") if skew > 0 else ("慢", "behind")
        flags_zh.append(f"时钟比数据库{way_zh} {abs(skew):.1f} 秒，请校时")
        flags_en.append(f"its clock is {abs(skew):.1f} s {way_en} the database's: set it right")
    return {
        "id": row.id,
        "kind": row.kind,
        "host": row.host,
        "pid": row.pid,
        "version": row.version,
        "started_at": row.started_at,
        "seen_at": row.seen_at,
        "silent_seconds": silent_for,
        "skew_seconds": skew,
        "alive": silent_for <= SILENT_SECONDS,
        "flagged": bool(flags_en),
        "flags_zh": "；".join(flags_zh),
        "flags_en": "; ".join(flags_en),
    }
