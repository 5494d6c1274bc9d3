"""Receipts: what the window signs for every version it accepted, for the trader to keep.

A compact JWS (RFC 7515) by Ed25519 (`alg` EdDSA, RFC 8037) over what was received, by its SHA-256, when, under which id and for
whom. It can be verified without the window, with the public keys of `GET /keys`.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection

from adapters.keyfiles import Key
from adapters.keys import WINDOW
from declarations.errors import BadSignature, NotFound, UnknownKey, WrongAlgorithm
from declarations.signatureterms import ED25519
from gateway import tenancy
from gateway.database.stores import declarations
from gateway.identity import Caller

if TYPE_CHECKING:
    from gateway.wiring import Window

TYPE = "onewindow-receipt+jws"
LONGEST = 16_000
"""Characters of a receipt at most."""


def receipt(window: Window, caller: Caller, reference: str, version: dict[str, Any]) -> str:
    """The receipt of a version about to be stored; `version` is its row. Raises BadConfiguration when there is no key."""
    at = version["accepted_at"]
    key = window.keys.signing(WINDOW, ED25519, at)
    told = {
        "declaration": version["declaration_id"],
        "reference": reference,
        "version": version["version"],
        "sha256": version["sha256"],
        "accepted_at": at.isoformat(),
        "organisation": version["organisation_id"],
        "on_behalf_of": caller.for_id,
    }
    signed = f"{_encoded({'alg': 'EdDSA', 'kid': key.id, 'typ': TYPE})}.{_encoded(told)}"
    return f"{signed}.{_base64(key.sign(signed.encode()))}"


async def receipt_of(window: Window, caller: Caller, declaration_id: str, number: int | None) -> str:
    """The receipt of one version of the caller's declaration, of the last one if `number` is None; raises NotFound."""

    def find(connection: Connection) -> str:
        row = tenancy.owned(connection, caller, declaration_id)
        known = {each.version for each in declarations.versions(connection, declaration_id)}
        wanted = row.version if number is None else number
        found = declarations.version(connection, declaration_id, wanted).receipt if wanted in known else None
        if found is None:
            raise NotFound(
                f"there is no receipt of version {wanted} of {declaration_id}",
                f"申报 {declaration_id} 的第 {wanted} 版没有回执",
            )
        return str(found)

    return await window.database.read(find)


def verified(text: str, keys: dict[str, Key]) -> dict[str, Any]:
    """What a receipt says, and under `key` the key that signed it. Raises BadSignature, UnknownKey, WrongAlgorithm.

    The algorithm is the key's; what the receipt's own header says can only agree with it.
    """
    parts = text.strip().split(".")
    if len(parts) != 3 or len(text) > LONGEST:
        raise BadSignature("it is no receipt: three parts with points between", "不是受理凭证：应由三段组成，以点分隔")
    header, told = _decoded(parts[0]), _decoded(parts[1])
    if header.get("alg") != "EdDSA" or header.get("typ") != TYPE or set(header) != {"alg", "typ", "kid"}:
        raise WrongAlgorithm("a receipt is signed by EdDSA and nothing else", "受理凭证只使用 EdDSA 签名")
    key = keys.get(str(header["kid"]))
    if key is None:
        raise UnknownKey(f"key {header['kid']} is not among the window's", f"密钥 {header['kid']} 不在单一窗口公钥之中")
    if key.owner != WINDOW or key.algorithm != ED25519:
        raise WrongAlgorithm(
            f"key {key.id} of {key.owner} signs no receipts", f"{key.owner} 的密钥 {key.id} 不用于受理凭证"
        )
    if not key.verify(_bytes(parts[2]), f"{parts[0]}.{parts[1]}".encode()):
        raise BadSignature("the signature does not fit the receipt", "签名与受理凭证不符")
    return {**told, "key": key.as_dict()}


def _encoded(content: dict[str, Any]) -> str:
    return _base64(orjson.dumps(content))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(part: str) -> bytes:
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature("it is no receipt: a part is not base64url", "不是受理凭证：内容不是 base64url") from None
    if _base64(data) != part:
        # two texts must not stand for the same bytes
        raise BadSignature("it is no receipt: a part is not base64url", "不是受理凭证：内容不是 base64url")
    return data


def _decoded(part: str) -> dict[str, Any]:
    try:
        content = orjson.loads(_bytes(part))
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise BadSignature("it is no receipt: a part is not JSON", "不是受理凭证：内容不是 JSON")
    return content
