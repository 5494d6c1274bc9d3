"""Whether what is installed has known holes: pip-audit over `requirements.lock`, against the advisories of PyPI.

Ends with 1 when something is found. When the advisories cannot be reached that is said, and with AUDIT=required it is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
UNREACHABLE = (
    "ConnectionError",
    "ConnectError",
    "ServiceError",
    "HTTPError",
    "Timeout",
    "Max retries",
    "404",
    "JSONDecodeError",
)


def main() -> int:
    words = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        str(LOCK),
        "--no-deps",
        "--disable-pip",
        "--progress-spinner",
        "off",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    if done.returncode == 0:
        return 0
    if not done.stdout.strip() and any(sign in done.stderr for sign in UNREACHABLE):
        print("NOT AUDITED: the advisories of PyPI cannot be reached from here", file=sys.stderr)
        return 1 if os.environ.get("AUDIT") == "required" else 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
