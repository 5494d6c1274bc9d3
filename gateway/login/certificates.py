"""People's certificates, as agencies give them on cards: linked to an account by their public key, and logging in with them.

The key and not the certificate is linked, so that a renewed certificate of the same key goes on opening. It is linked by whoever
proves that he holds the key, and to nobody else's account.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from declarations.errors import Forbidden
from declarations.loginerrors import CertificateUnknown, CertificateUnreadable, IdentityTaken
from gateway import ids
from gateway.database.stores import entries, identities
from gateway.database.stores.identities import CERTIFICATE
from gateway.identity import Caller
from gateway.journal import entry
from gateway.login import challenges, peers
from gateway.login.challenges import LINK, LOG_IN, Proof
from gateway.login.entering import enter, person_of
from gateway.login.linked import Linkable, shown
from gateway.wiring import Window

LINKED = Linkable(CERTIFICATE, ("certificate", "signature"), "certificate_removed", "certificate", "证书")


async def log_in_by_connection(window: Window, request: Request, organisation_id: str | None) -> Response:
    """A session for whoever owns the certificate this connection proved; raises CertificateRefused."""
    window.authorities.require_on()
    facts: dict[str, Any] = {"method": "certificate"}
    async with _refusals_kept(window, facts):
        certificate = peers.presented(request, window.settings)
        person_id = await _owner(window, certificate, facts)
    return await enter(window, person_id, "certificate", organisation_id)


async def log_in_by_signature(window: Window, login: str, proof: Proof, organisation_id: str | None) -> Response:
    """A session for `login`, whose certificate's key signed the challenge. Raises ChallengeClosed, SignatureRefused,
    CertificateRefused."""
    window.authorities.require_on()
    facts: dict[str, Any] = {"method": "signature"}
    async with _refusals_kept(window, facts):
        facts["key"] = key_of(proof.certificate)
        await challenges.require_signed(window, proof, LOG_IN)
        person_id = await _owner(window, proof.certificate, facts, login)
    return await enter(window, person_id, "signature", organisation_id)


async def link(
    window: Window, caller: Caller, request: Request, proof: Proof | None, label: str | None
) -> dict[str, Any]:
    """Links a certificate to the caller's account: the connection's, or the one in a signed challenge. Raises IdentityTaken."""
    window.authorities.require_on()
    person_id = person_of(caller)
    async with _refusals_kept(window, {"method": "link", "by": caller.name}):
        if proof is None:
            certificate = peers.presented(request, window.settings)
        else:
            await challenges.require_signed(window, proof, LINK, person_id)
            certificate = proof.certificate
        now = window.clock()
        window.authorities.check(certificate, now)
    credential_id = ids.new_id(ids.CREDENTIAL, now)
    row = {
        "id": credential_id,
        "person_id": person_id,
        "kind": CERTIFICATE,
        "identity": key_of(certificate),
        "label": label,
        "created_at": now,
        "expires_at": certificate.not_valid_after_utc,
    }

    def act(connection: Connection) -> Any:
        identities.add(connection, row)
        done = entry(
            "certificate_added",
            at=now,
            organisation_id=caller.organisation_id or None,
            actor=caller.name,
            credential=credential_id,
        )
        entries.add(connection, [done])
        return next(
            each for each in identities.of_person(connection, person_id, CERTIFICATE) if each.id == credential_id
        )

    try:
        return shown(await window.database.write(act))
    except IntegrityError as error:
        raise IdentityTaken("this certificate is linked to an account already", "该证书已绑定账户") from error


def key_of(certificate: x509.Certificate) -> str:
    """What a certificate is known by: the SHA-256 of its public key (SubjectPublicKeyInfo), in hex."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


async def _owner(window: Window, certificate: x509.Certificate, facts: dict[str, Any], login: str | None = None) -> str:
    """The person a certificate belongs to, who is `login` where one is named. Raises CertificateRefused."""
    facts["key"] = key_of(certificate)
    now = window.clock()
    window.authorities.check(certificate, now)

    def act(connection: Connection) -> Any:
        found = identities.find(connection, CERTIFICATE, facts["key"])
        if found is not None:
            identities.used(connection, found.id, now)
        return found

    found = await window.database.write(act)
    if found is None or found.state != "active" or (login is not None and found.login.lower() != login.strip().lower()):
        raise CertificateUnknown(
            "this certificate is not linked to that account; log in otherwise and link it",
            "该证书未绑定此账户，请用其他方式登录后绑定",
        )
    person_id: str = found.person_id
    return person_id


@asynccontextmanager
async def _refusals_kept(window: Window, facts: dict[str, Any]) -> AsyncIterator[None]:
    """Keeps in the journal why a log-in was refused."""
    try:
        yield
    except (Forbidden, CertificateUnreadable) as error:
        row = entry("certificate_login_refused", at=window.clock(), reason=error.code, **facts)
        await window.database.write(lambda connection: entries.add(connection, [row]))
        raise
