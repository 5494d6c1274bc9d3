"""Logging in by signing: a challenge, signed once with the key of a certificate, for cards whose programs cannot do mutual TLS.

What is signed names the purpose and the window, so that it opens nothing elsewhere and nothing else here.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography import x509
from sqlalchemy import Connection

from adapters.algorithms import ALGORITHMS, PublicKey, verify
from declarations.errors import BadSignature, WrongAlgorithm
from declarations.loginerrors import ChallengeClosed, ChallengeExpired, ChallengeUsed
from gateway.database.stores import challenges
from gateway.wiring import Window

LOG_IN, LINK = "log-in", "link"
OPEN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Proof:
    """A challenge as it was signed."""

    certificate: x509.Certificate
    challenge: str
    signature: str
    """Base64. ECDSA: DER, as cards give it."""
    algorithm: str | None
    """What it was signed with, of `adapters/algorithms.py`; None: what the key is for."""


async def give(window: Window, purpose: str, person_id: str | None = None) -> dict[str, Any]:
    """A new challenge for LOG_IN, or for a person's LINK; it is open for two minutes."""
    token = secrets.token_urlsafe(32)
    expires_at = window.clock() + OPEN
    details = {"purpose": purpose, "person_id": person_id}
    await window.database.write(
        lambda connection: challenges.add(connection, token, challenges.SIGNATURE, details, expires_at)
    )
    return {"challenge": token, "sign": _text(window, purpose, token), "expires_at": expires_at}


async def require_signed(window: Window, proof: Proof, purpose: str, person_id: str | None = None) -> None:
    """Returns when the challenge was given for this purpose and person, and is signed with the certificate's key. It is used up
    either way. Raises ChallengeClosed, WrongAlgorithm, BadSignature."""
    now, meant = window.clock(), {"purpose": purpose, "person_id": person_id}

    def take(connection: Connection) -> ChallengeClosed | None:
        before = challenges.known(connection, proof.challenge, challenges.SIGNATURE)
        taken = challenges.take(connection, proof.challenge, challenges.SIGNATURE, now)
        if taken == meant:
            return None
        if before is None or before.details != meant:
            return ChallengeClosed("this challenge was not given for this; ask for one", "该挑战码无效，请重新获取")
        if before.expires_at <= now:
            return ChallengeExpired("two minutes are over; ask for a new challenge", "该挑战码已超过两分钟，请重新获取")
        return ChallengeUsed("this challenge was used; ask for a new one", "该挑战码已使用，请重新获取")

    refusal = await window.database.write(take)
    if refusal is not None:
        raise refusal
    algorithm, key = _pinned(proof.certificate)
    if proof.algorithm not in (None, algorithm):
        raise WrongAlgorithm(f"this certificate's key signs with {algorithm}", f"该证书的密钥应使用 {algorithm} 签名")
    text = _text(window, purpose, proof.challenge).encode()
    if not verify(algorithm, key, _bytes(proof.signature), text):
        raise BadSignature("the signature does not fit the challenge and the certificate", "签名与挑战码及证书不符")


def _text(window: Window, purpose: str, token: str) -> str:
    return f"onewindow {purpose} 1\n{window.settings.public_address}\n{token}"


def _pinned(certificate: x509.Certificate) -> tuple[str, PublicKey]:
    """The one algorithm a certificate's key signs with."""
    key: Any = certificate.public_key()
    for name, algorithm in ALGORITHMS.items():
        if algorithm.fits(key):
            return name, key
    names = ", ".join(ALGORITHMS)
    raise WrongAlgorithm(f"keys of this kind are not taken; taken are {names}", f"不支持该类型的密钥；支持：{names}")


def _bytes(signature: str) -> bytes:
    try:
        return base64.b64decode(signature.translate(str.maketrans("-_", "+/")), validate=True)
    except ValueError as error:
        raise BadSignature("the signature is not Base64", "签名不是 Base64 编码") from error
