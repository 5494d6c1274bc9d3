"""Detached signatures of messages and answers, in the profiles of `declarations/signatureterms.py`.

One line of text, in the header `Onewindow-Signature` or in the file `<name>.sig`:

    v1;key=<key id>;alg=<algorithm>;at=<UTC, ISO 8601>;sig=<base64>

What is signed is this block, lines ended by a line feed:

    onewindow signature v1
    key: <key id>
    algorithm: <algorithm>
    at: <as in the line>
    from: <owner of the key>
    to: <whom it is for>
    name: <file name, or message id, percent-encoded>
    sha256: <hex of the SHA-256 over the exact bytes>

So it says who signed what, when, for whom and under which name; sender, receiver and name are not in the line, because whoever
verifies must know them. The algorithm is the key's: a line that names another is refused, it never chooses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from adapters.keyfiles import Key
from adapters.keys import KeyRing
from declarations.errors import (
    BadSignature,
    ExpiredKey,
    OutsideWindow,
    RevokedKey,
    SignatureRefused,
    UnknownKey,
    Unsigned,
    WrongAgency,
    WrongAlgorithm,
)
from declarations.signatureterms import Profile

HEADER = "Onewindow-Signature"
SUFFIX = ".sig"
"""Of the file that holds a signature, behind the whole name of the file it signs."""
LONGEST = 2_048
"""Characters of a signature's line at most: RSA of 8,192 bits has 1,368."""
AHEAD = timedelta(days=1)
"""How far a sender's clock may seem to be ahead. Much, for it may be ours that was set back, and an answer refused for that would
be lost to its declaration; playing one again before its time brings nobody anything."""
_LINE = re.compile(r"v1;key=([0-9a-f]{16});alg=([a-z0-9-]{1,40});at=([0-9TZ:.-]{20,32});sig=([A-Za-z0-9+/=]{1,1600})")


@dataclass(frozen=True)
class Trust:
    """Whose signature is expected, for whom, and how old it may be."""

    sender: str
    recipient: str
    profile: Profile
    window: timedelta
    ahead: timedelta = AHEAD


def sign(key: Key, body: bytes, *, name: str, recipient: str, at: datetime) -> str:
    """The line for these bytes, signed at `at` (aware)."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    signature = key.sign(_block(key, moment, recipient, name, body))
    return f"v1;key={key.id};alg={key.algorithm};at={moment};sig={base64.b64encode(signature).decode()}"


def verify(ring: KeyRing, trust: Trust, line: str | None, body: bytes, *, name: str, now: datetime | None) -> Key:
    """The key that signed; raises a SignatureRefused that says why not. `now`: when the message came; None: its age does not
    matter."""
    if line is None or not line.strip():
        raise Unsigned("it carries no signature", "没有签名")
    if line.startswith("sha256="):
        raise WrongAlgorithm(f"an HMAC is not what {trust.sender} signs with", f"{trust.sender} 的签名算法不是 HMAC")
    found = _LINE.fullmatch(line.strip()) if len(line) <= LONGEST else None
    if found is None:
        raise BadSignature("the signature cannot be read", "签名格式无法读取")
    identity, algorithm, moment, encoded = found.groups()
    key = require_key(ring, trust, identity, algorithm)
    try:
        signature, at = base64.b64decode(encoded, validate=True), datetime.fromisoformat(moment)
    except (binascii.Error, ValueError):
        raise BadSignature("the signature cannot be read", "签名格式无法读取") from None
    if base64.b64encode(signature).decode() != encoded or at.tzinfo is None:
        # two texts must not stand for one signature, and a time without a zone is none
        raise BadSignature("the signature cannot be read", "签名格式无法读取")
    if not key.verify(signature, _block(key, moment, trust.recipient, name, body)):
        raise BadSignature(
            f"the signature of key {key.id} does not fit these bytes under this name",
            f"密钥 {key.id} 的签名与内容或名称不符",
        )
    require_in_force(key, at)
    if now is not None:
        require_recent(trust, at, now)
    return key


def require_key(ring: KeyRing, trust: Trust, identity: str, algorithm: str) -> Key:
    """The sender's own key of that id, if it may sign by this profile at all; raises SignatureRefused."""
    key = ring.find(identity)
    if key is None:
        raise UnknownKey(f"key {identity} is not known", f"密钥 {identity} 未登记")
    if key.owner != trust.sender:
        raise WrongAgency(
            f"key {identity} is {key.owner}'s, not {trust.sender}'s",
            f"密钥 {identity} 属于 {key.owner}，不属于 {trust.sender}",
        )
    if algorithm != key.algorithm or algorithm != trust.profile.algorithm:
        raise WrongAlgorithm(
            f"{trust.sender} signs with {trust.profile.algorithm}; key {identity} is for {key.algorithm}, it says {algorithm}",
            f"{trust.sender} 应以 {trust.profile.algorithm} 签名；密钥 {identity} 用于 {key.algorithm}，签名标明 {algorithm}",
        )
    if key.revoked_at is not None:
        raise RevokedKey(
            f"key {key.id} was revoked at {key.revoked_at:%Y-%m-%d %H:%M} UTC",
            f"密钥 {key.id} 已于 {key.revoked_at:%Y-%m-%d %H:%M}（UTC）吊销",
        )
    return key


def require_in_force(key: Key, at: datetime) -> None:
    """Raises ExpiredKey when the key was not in force when it signed."""
    if not key.in_force(at):
        raise ExpiredKey(
            f"key {key.id} is in force from {key.not_before:%Y-%m-%d} to {key.not_after:%Y-%m-%d}; this was signed {at:%Y-%m-%d}",
            f"密钥 {key.id} 有效期为 {key.not_before:%Y-%m-%d} 至 {key.not_after:%Y-%m-%d}，签名日期为 {at:%Y-%m-%d}",
        )


def require_recent(trust: Trust, at: datetime, now: datetime) -> None:
    """Raises OutsideWindow when what was signed at `at` comes too late, or from the future."""
    if not now - trust.window <= at <= now + trust.ahead:
        hours = round(trust.window.total_seconds() / 3600)
        raise OutsideWindow(
            f"signed at {at:%Y-%m-%d %H:%M} UTC, more than {hours} hours ago or ahead of the clock",
            f"签名时间 {at:%Y-%m-%d %H:%M}（UTC）不在允许的 {hours} 小时之内",
        )


def code_of(problem: str) -> str:
    """The code at the beginning of what `described` made; empty when it is something else."""
    code = problem.partition(":")[0]
    return code if code in CODES else ""


def described(error: SignatureRefused) -> str:
    """A refusal as one text, for the column that says why a document was not taken up."""
    return f"{error.code}: {error.message_en}"


CODES = {
    cls.code: cls
    for cls in (Unsigned, UnknownKey, ExpiredKey, RevokedKey, WrongAlgorithm, WrongAgency, OutsideWindow, BadSignature)
}
"""code -> class of every refusal of a signature."""


def _block(key: Key, at: str, recipient: str, name: str, body: bytes) -> bytes:
    return (
        f"onewindow signature v1\nkey: {key.id}\nalgorithm: {key.algorithm}\nat: {at}\nfrom: {key.owner}\nto: {recipient}\n"
        f"name: {quote(name, safe='')}\nsha256: {hashlib.sha256(body).hexdigest()}\n"
    ).encode("ascii")
