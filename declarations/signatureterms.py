"""How an agency and the window sign: the profiles there are, and `[signature]` of `agency.toml`, which names them.

The signatures themselves are made by `adapters/`. Older tables, by which old declarations are explained, have no such section:
it is asked for at the start and by `onewindow tables check`, not when tables are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from declarations.tables import TableFaults

ED25519, ECDSA_P256, RSA_SHA256 = "ed25519", "ecdsa-p256-sha256", "rsa-sha256"
"""Algorithms by name: each is one algorithm with all its parameters."""
DETACHED, ENVELOPED, SECRET, NONE = "detached", "enveloped", "secret", "none"
DEFAULT_HOURS = 168
HOURS_AT_MOST = 31 * 24
"""An answer may lie over the longest holiday; what is older than a month is no answer any more."""


@dataclass(frozen=True)
class Profile:
    """How something is signed. `way`: detached, enveloped (XMLDSig), secret (HMAC over the bytes) or none."""

    way: str
    algorithm: str = ""


PROFILES = {
    "detached-ed25519": Profile(DETACHED, ED25519),
    "detached-ecdsa-p256": Profile(DETACHED, ECDSA_P256),
    "detached-rsa": Profile(DETACHED, RSA_SHA256),
    "xmldsig-ecdsa-p256": Profile(ENVELOPED, ECDSA_P256),
    "xmldsig-rsa": Profile(ENVELOPED, RSA_SHA256),
    "hmac-sha256": Profile(SECRET),
    "none": Profile(NONE),
}


@dataclass(frozen=True, slots=True)
class SignatureTerms:
    """What we send an agency, what it sends, and how long after it was signed that may arrive."""

    outgoing: Profile
    incoming: Profile
    window: timedelta


def signature_terms(agency: str, settings: Mapping[str, Any], faults: TableFaults) -> SignatureTerms | None:
    """`[signature]` of an agency's table; what is wrong with it goes into `faults`, and there are no terms then."""
    path, known = f"mappings/{agency}/agency.toml", ", ".join(PROFILES)
    given = settings.get("signature")
    if not isinstance(given, Mapping):
        faults.note_file(path, "signature", "缺少 [signature]", "there is no [signature]: it says who signs how")
        return None
    before = len(faults.found)
    for name in sorted(set(given) - {"outgoing", "incoming", "window_hours"}):
        faults.note_file(path, f"signature.{name}", "[signature] 中没有此项", "[signature] has no such entry")
    for name in ("outgoing", "incoming"):
        profile = str(given.get(name, ""))
        if profile not in PROFILES:
            faults.note_file(
                path, f"signature.{name}", f"[signature] 须为 {known} 之一", f"[signature]: one of {known}"
            )
        elif PROFILES[profile].way == SECRET and settings.get("channel") == "folder":
            faults.note_file(
                path,
                f"signature.{name}",
                "[signature]：文件夹通道不能使用共享密钥",
                "[signature]: a shared secret is not for folders, where a file bears nothing beside itself",
            )
    hours = given.get("window_hours", DEFAULT_HOURS)
    if type(hours) is not int or not 0 < hours <= HOURS_AT_MOST:
        faults.note_file(
            path,
            "signature.window_hours",
            f"[signature]：须为 1 至 {HOURS_AT_MOST} 的整数",
            f"[signature]: a whole number from 1 to {HOURS_AT_MOST}",
        )
    if len(faults.found) > before:
        return None
    return SignatureTerms(PROFILES[given["outgoing"]], PROFILES[given["incoming"]], timedelta(hours=hours))
