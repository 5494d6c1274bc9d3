"""What page tests look with: Debian's Chromium, a Chinese font, and axe-core from npm (`tests/axe/package-lock.json`)."""

from __future__ import annotations

import shutil
import subprocess

from scripts.services import npm
from scripts.services.process import CACHE, ROOT, alone, apt_install

HERE = ROOT / "tests" / "axe"
CHROMIUM = "/usr/bin/chromium"


def install() -> None:
    """Once per machine."""
    with alone(CACHE / "lock"):
        missing = [] if shutil.which(CHROMIUM) else ["chromium"]
        # without one, every Chinese word in a screenshot is a row of boxes
        if shutil.which("fc-list") is None or not subprocess.run(["fc-list", ":lang=zh"], capture_output=True).stdout:
            missing += ["fontconfig", "fonts-wqy-microhei"]
        if missing:
            apt_install(*missing)
    npm.install(HERE)


def axe() -> str:
    """The script that judges a page."""
    return (npm.installed(HERE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
