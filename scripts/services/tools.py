"""Programs that some tests need beside the services: a clock to step for one process, and Prometheus' judge of alert rules."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts.services.process import apt_install


def install() -> None:
    """Debian's packages, where they are missing."""
    missing = []
    if not any(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")):
        missing.append("faketime")
    if shutil.which("promtool") is None:
        missing.append("prometheus")
    if missing:
        apt_install(*missing)
