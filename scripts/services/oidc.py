"""A real OpenID Provider for tests: npm's `oidc-provider` as `tests/oidc/package-lock.json` pins it."""

from __future__ import annotations

import shutil

from scripts.services import npm
from scripts.services.process import ROOT, ServiceError

HERE = ROOT / "tests" / "oidc"
PROGRAM = HERE / "provider.js"


def install() -> None:
    """Once per machine."""
    npm.install(HERE)


def command(configuration: str) -> tuple[list[str], dict[str, str]]:
    """What starts it with this configuration (JSON), and the environment it needs; raises ServiceError when not installed."""
    node = shutil.which("node")
    if node is None or not npm.installed(HERE).exists():
        raise ServiceError("oidc-provider is not installed here: python3 -m scripts.services install oidc")
    return [node, str(PROGRAM), configuration], {"OIDC_INSTALLED": str(npm.installed(HERE))}
