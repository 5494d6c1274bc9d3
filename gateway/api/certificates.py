"""Logging in with a certificate: by the connection that proved it, or by signing a challenge; and linking one to an account."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import openapi, replies
from gateway.api.login import ENTERED
from gateway.api.requests import Admitted, WindowOf
from gateway.login import certificates, challenges, linked
from gateway.login.challenges import Proof
from gateway.login.entering import person_of
from gateway.login.peers import LONGEST, certificate_of

router = APIRouter(tags=["log-in"])

CredentialId = Annotated[str, Path(max_length=64, examples=["C01…"])]
Organisation = Annotated[
    str | None, Field(default=None, max_length=64, description="Which of your organisations; unset: the usual one")
]
CHALLENGE: dict[str, Any] = {
    "challenge": "o3Jz…",
    "sign": "onewindow log-in 1\nhttps://window.example\no3Jz…",
    "expires_at": "2015-10-23T01:02:00Z",
}
CERTIFICATE: dict[str, Any] = {
    "id": "C01KAHJ3R6V0N7E9QK2M4T8WXYZ",
    "label": "报关员卡",
    "created_at": "2015-10-23T01:00:00Z",
    "expires_at": "2018-10-22T16:00:00Z",
    "used_at": None,
}
_GIVEN = openapi.answers("Challenge", CHALLENGE, status=201, words="Open for two minutes, once")


class EnteringByConnection(BaseModel):
    """A log-in by the certificate of the connection."""

    model_config = ConfigDict(extra="forbid")
    organisation: Organisation


class Signed(BaseModel):
    """A challenge, signed: the UTF-8 bytes of its `sign`, with the key of `certificate`."""

    model_config = ConfigDict(extra="forbid")
    certificate: str = Field(max_length=LONGEST, description="PEM")
    challenge: str = Field(max_length=100)
    signature: str = Field(max_length=2048, description="Base64; ECDSA as DER")
    algorithm: str | None = Field(
        default=None, max_length=40, description="ed25519, ecdsa-p256-sha256 or rsa-sha256; there is one for each key"
    )

    def proof(self) -> Proof:
        return Proof(certificate_of(self.certificate.encode()), self.challenge, self.signature, self.algorithm)


class SignedLogin(Signed):
    """A log-in by a signed challenge."""

    login: str = Field(min_length=1, max_length=200)
    organisation: Organisation


class Linking(BaseModel):
    """A certificate to link to your account: that of the connection, or one that signed a challenge."""

    model_config = ConfigDict(extra="forbid")
    label: str | None = Field(default=None, max_length=100)
    signed: Signed | None = None


@router.post("/session/certificate", summary="Log in with the certificate of this connection (mutual TLS)", **ENTERED)
async def enter_by_certificate(request: Request, window: WindowOf, entering: EnteringByConnection) -> Response:
    """Answers as POST /session does."""
    return await certificates.log_in_by_connection(window, request, entering.organisation)


@router.post("/session/challenge", status_code=201, summary="A challenge to sign", **_GIVEN)
async def ask_challenge(window: WindowOf) -> Response:
    """Open for two minutes, once."""
    return replies.json(await challenges.give(window, challenges.LOG_IN), 201)


@router.post("/session/signature", summary="Log in with a signed challenge", **ENTERED)
async def enter_by_signature(window: WindowOf, signed: SignedLogin) -> Response:
    """Answers as POST /session does. The challenge is used up, whatever comes of it."""
    return await certificates.log_in_by_signature(window, signed.login, signed.proof(), signed.organisation)


@router.post("/account/challenge", status_code=201, summary="A challenge to link a certificate", **_GIVEN)
async def ask_link_challenge(window: WindowOf, caller: Admitted) -> Response:
    return replies.json(await challenges.give(window, challenges.LINK, person_of(caller)), 201)


@router.post(
    "/account/certificates",
    status_code=201,
    summary="Link a certificate to your account",
    **openapi.answers(
        "Credential", CERTIFICATE, openapi.conflict("Linked to an account already"), status=201, words="Linked"
    ),
)
async def link_certificate(request: Request, window: WindowOf, caller: Admitted, linking: Linking) -> Response:
    proof = linking.signed.proof() if linking.signed is not None else None
    return replies.json(await certificates.link(window, caller, request, proof, linking.label), 201)


@router.get(
    "/account/certificates",
    summary="Certificates linked to your account",
    **openapi.answers("Credentials", {"items": [CERTIFICATE]}),
)
async def list_certificates(window: WindowOf, caller: Admitted) -> Response:
    return replies.json(await linked.listed(window, caller, certificates.LINKED))


@router.delete("/account/certificates/{credential}", status_code=204, summary="Take a certificate from your account")
async def unlink_certificate(window: WindowOf, caller: Admitted, credential: CredentialId) -> Response:
    """At once, with the sessions it opened, but for the one in use."""
    await linked.unlink(window, caller, credential, certificates.LINKED)
    return Response(status_code=204)
