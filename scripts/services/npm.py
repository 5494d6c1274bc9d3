"""Packages of npm that tests need, as the `package-lock.json` of a folder pins them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.services.process import CACHE, ServiceError, alone, apt_install


def installed(folder: Path) -> Path:
    """Where the packages of a folder are kept once downloaded; another lock is another place."""
    return CACHE / f"{folder.name}-{hashlib.sha256((folder / 'package-lock.json').read_bytes()).hexdigest()[:12]}"


def install(folder: Path) -> None:
    """Node.js and npm from Debian where they are missing, then the packages, once."""
    with alone(CACHE / "lock"):
        missing = [
            package for command, package in (("node", "nodejs"), ("npm", "npm")) if shutil.which(command) is None
        ]
        if missing and not (missing == ["npm"] and installed(folder).exists()):
            apt_install(*missing)
        if installed(folder).exists():
            return
        unfinished = CACHE / f"{folder.name}-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, unfinished)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=unfinished,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        if done.returncode != 0:
            raise ServiceError(
                f"npm could not get what {folder.name} needs; see above. It needs a way to npm's registry or a mirror"
            )
        unfinished.rename(installed(folder))
