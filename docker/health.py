"""`health.py [folder|host:port]`: exit 0 when the program of this container is ready.

It asks `/readyz`; of a simulated agency, which has none, whether its exchange folder can be written or its port answers.
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.request


def main(of: str = "") -> bool:
    """Whether it is; raises OSError when nobody answers."""
    if of == "folder":
        return os.access(os.path.join(os.environ["ONEWINDOW_DATA_DIR"], "exchange"), os.W_OK)
    if of:
        host, _, port = of.partition(":")
        socket.create_connection((host, int(port)), timeout=4).close()
        return True
    port = os.environ.get("ONEWINDOW_METRICS_PORT") or os.environ["ONEWINDOW_PORT"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=4) as reply:
        return bool(reply.status == 200)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
