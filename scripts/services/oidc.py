"""A real OpenID Provider for tests: npm's `oidc-provider` as `tests/oidc/package-lock.json` pins it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.services.process import CACHE, ROOT, ServiceError, alone, apt_install

HERE = ROOT / "tests" / "oidc"
PROGRAM = HERE / "provider.js"


def installed() -> Path:
    """Where its packages are kept once downloaded; another lock is another place."""
    return CACHE / f"oidc-{hashlib.sha256((HERE / 'package-lock.json').read_bytes()).hexdigest()[:12]}"


def install() -> None:
    """Node.js and npm from Debian where they are missing, then the packages, once."""
    with alone(CACHE / "lock"):
        missing = [
            package for command, package in (("node", "nodejs"), ("npm", "npm")) if shutil.which(command) is None
        ]
        if missing and not (missing == ["npm"] and installed().exists()):
            apt_install(*missing)
        if installed().exists():
            return
        unfinished = CACHE / "oidc-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, unfinished)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=unfinished,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        if done.returncode != 0:
            raise ServiceError(
                "npm could not get oidc-provider; see above. It needs a way to npm's registry or a mirror"
            )
        unfinished.rename(installed())


def command(configuration: str) -> tuple[list[str], dict[str, str]]:
    """What starts it with this configuration (JSON), and the environment it needs; raises ServiceError when not installed."""
    node = shutil.which("node")
    if node is None or not installed().exists():
        raise ServiceError("oidc-provider is not installed here: python3 -m scripts.services install oidc")
    return [node, str(PROGRAM), configuration], {"OIDC_INSTALLED": str(installed())}
