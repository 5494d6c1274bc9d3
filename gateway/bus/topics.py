"""Names of the window's topics and groups, and how a notice looks on them.

`<prefix>.<agency>.out`: a message may be delivered; key is the declaration, value the message id.
`<prefix>.<agency>.back`: an agency's document waits to be taken up; key orders documents, value is the inbox id.
"""

from __future__ import annotations

import re
import time

from adapters.broker.reader import Record
from adapters.broker.topics import Headers
from gateway.observe import tracing

PARTITIONS = 6
"""Of a topic the window makes: as many programs can share its records. Changing it later only moves keys."""
_ID = re.compile(rb"[0-9A-Za-z_-]{1,64}\Z")


def out_topic(prefix: str, agency: str) -> str:
    return f"{prefix}.{agency}.out"


def back_topic(prefix: str, agency: str) -> str:
    return f"{prefix}.{agency}.back"


def workers_group(prefix: str, agency: str) -> str:
    return f"{prefix}.{agency}.workers"


def consumers_group(prefix: str) -> str:
    return f"{prefix}.consumers"


def notice_headers(carried: str) -> Headers:
    """The id for people who look at a topic, and the trace it belongs to."""
    parent = tracing.current()
    return [("message-id", carried.encode()), *([(tracing.HEADER, parent.encode())] if parent else [])]


def carried_id(record: Record) -> str | None:
    """The id a notice carries; None when the record is none of ours."""
    return record.value.decode() if _ID.match(record.value) else None


def age(record: Record) -> float:
    """Seconds since the notice was told, by the clocks of the two programs."""
    return max(0.0, time.time() - record.written_at)
