"""Whether what is installed has known holes: pip-audit over `requirements.lock`, against the advisories of PyPI.

Ends with 1 when something is found. What could not be looked up is said; with AUDIT=required it is a failure too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
OPTIONS = ("--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json")


def main() -> int:
    words = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), *OPTIONS]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"NOT AUDITED: the advisories of PyPI cannot be reached from here\n{done.stderr[-500:]}", file=sys.stderr)
        return _unaudited()
    found = [
        (package["name"], package["version"], each["id"]) for package in packages for each in package.get("vulns", ())
    ]
    left_out = [package["name"] for package in packages if "skip_reason" in package]
    for name, version, advisory in found:
        print(f"{name} {version}: {advisory}")
    print(f"{len(packages) - len(left_out)} of {len(packages)} packages looked up, {len(found)} advisories")
    if found:
        return 1
    if left_out:
        named = ", ".join(left_out[:5])
        print(
            f"NOT AUDITED: {len(left_out)} packages ({named} …): PyPI's advisories cannot be reached from here",
            file=sys.stderr,
        )
        return _unaudited()
    return 0


def _unaudited() -> int:
    return 1 if os.environ.get("AUDIT") == "required" else 0


if __name__ == "__main__":
    sys.exit(main())
