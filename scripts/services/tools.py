"""Programs that some tests need beside the services: a clock to step for one process, Prometheus' judge of alert rules, an
OpenID Provider, and a browser."""

from __future__ import annotations

import shutil
from pathlib import Path

from scripts.services import browser, oidc
from scripts.services.process import apt_install


def install() -> None:
    """Debian's packages, where they are missing, and npm's."""
    missing = []
    if not any(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")):
        missing.append("faketime")
    if shutil.which("promtool") is None:
        missing.append("prometheus")
    if missing:
        apt_install(*missing)
    oidc.install()
    browser.install()
