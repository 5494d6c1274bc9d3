"""Exchange: what goes to an agency is signed, what comes from one is verified before anything reads it.

How, says `[signature]` of its `agency.toml`; with which keys, the key ring. A message is signed once, when it is made: the
signature is stored beside its bytes and every attempt carries the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters import signatures, signing, xmldsig
from adapters.agency import reached_by
from adapters.keys import WINDOW, KeyRing
from adapters.signatures import Trust
from declarations.agency import Agency
from declarations.answers import Response
from declarations.errors import BadConfiguration, BadSignature, SignatureRefused, UnreadableResponse, Unsigned
from declarations.signatureterms import DETACHED, ED25519, ENVELOPED, NONE, SECRET, Profile, signature_terms
from declarations.tables import TableFaults

if TYPE_CHECKING:
    from gateway.identity import Secrets

INSIDE = "xmldsig"
"""What stands in place of a signature's line where the signature is in the document itself."""


@dataclass(frozen=True)
class Manner:
    """How one agency and the window sign: what we send, and what is expected of it."""

    outgoing: Profile
    trust: Trust


class Exchange:
    """The signatures of all agencies. Built once; keys come and go below it."""

    def __init__(self, agencies: dict[str, Agency], urls: dict[str, str], keys: KeyRing, secrets: Secrets) -> None:
        """Raises BadConfiguration for a profile that there is not."""
        self._manners = {name: _manner(name, agency.settings) for name, agency in agencies.items()}
        self._reached_by = {name: reached_by(agency.channel, urls.get(name, "")) for name, agency in agencies.items()}
        self._keys = keys
        self._secrets = secrets

    def algorithms(self) -> list[str]:
        """Those the window itself signs with: receipts and the journal by Ed25519, messages as their agencies want."""
        wanted = [manner.outgoing.algorithm for manner in self._manners.values()]
        return list(dict.fromkeys([ED25519, *(algorithm for algorithm in wanted if algorithm)]))

    def shares_secret(self, agency: str) -> bool:
        """Whether its channel signs by the HMAC key that both share."""
        return self._manners[agency].outgoing.way == SECRET

    def sign(self, row: dict[str, Any], body: bytes, at: datetime) -> str | None:
        """The signature of a message just made; None where none is kept with it. `row`: the message's, with agency, id and
        exchange_name. Raises BadConfiguration when there is no key to sign with."""
        agency = row["agency"]
        outgoing = self._manners[agency].outgoing
        if outgoing.way in (NONE, SECRET):
            return None
        key = self._keys.signing(WINDOW, outgoing.algorithm, at)
        if outgoing.way == ENVELOPED:
            return xmldsig.sign(key, body)
        name = f"{row['exchange_name']}.xml" if self._reached_by[agency] == "folder" else row["id"]
        return signatures.sign(key, body, name=name, recipient=agency, at=at)

    def lacks(self, agency: str, signature: str | None) -> bool:
        """Whether a stored message has still to be signed: one accepted before its agency wanted signatures."""
        return signature is None and self._manners[agency].outgoing.way in (DETACHED, ENVELOPED)

    def refusal(
        self, agency: str, body: bytes, name: str | None, signature: str | None, at: datetime | None
    ) -> SignatureRefused | None:
        """Why what came at `at` is not this agency's, None when it is. Nothing of it is read but for its signature.

        `at` is None for what was taken in time once: only its age is not looked at.
        """
        trust = self._manners[agency].trust
        # the place in a topic is no name that the agency could know
        signed_name = "" if self._reached_by[agency] == "kafka" else name or ""
        try:
            match trust.profile.way:
                case "detached":
                    signatures.verify(self._keys, trust, signature, body, name=signed_name, now=at)
                case "enveloped":
                    key, _ = xmldsig.verify(self._keys, trust, body)
                    if at is not None:
                        signatures.require_in_force(key, at)
                case "secret":
                    self._require_secret(agency, body, signature)
        except SignatureRefused as error:
            return error
        return None

    def kept_signature(self, agency: str, signature: str | None) -> str | None:
        """What is stored beside a document: the line it came with, or that its signature is inside."""
        if self._manners[agency].trust.profile.way == ENVELOPED:
            return INSIDE
        return signature[: signatures.LONGEST] if signature else None

    def require_recent(self, agency: str, signature: str | None, responses: list[Response], at: datetime) -> None:
        """A signature inside a document bears no time; the answers' own must not be older than the window allows."""
        if signature == INSIDE:
            for moment in (response.at for response in responses if response.at is not None):
                signatures.require_recent(self._manners[agency].trust, moment, at)

    def _require_secret(self, agency: str, body: bytes, signature: str | None) -> None:
        if not signature:
            raise Unsigned("it carries no signature", "没有签名")
        if not signing.verify(self._secrets.agency_key(agency), body, signature):
            raise BadSignature("the signature does not fit these bytes", "签名与内容不符")


def sent_as(body: bytes, signature: str | None) -> tuple[bytes, str | None]:
    """The bytes as they go, and the detached signature that goes with them."""
    if signature is not None and signature.startswith("<"):
        return xmldsig.embed(body, signature), None
    return body, signature


def content(body: bytes, signature: str | None) -> bytes:
    """The document to be read: what was signed, where the signature is inside it. Raises UnreadableResponse."""
    if signature != INSIDE:
        return body
    try:
        return xmldsig.content(body)
    except SignatureRefused as error:
        raise UnreadableResponse(error.message_en, error.message_zh) from error


def _manner(agency: str, settings: dict[str, Any]) -> Manner:
    """`[signature]` of an agency's table; raises BadConfiguration."""
    faults = TableFaults()
    terms = signature_terms(agency, settings, faults)
    if terms is None:
        first = faults.found[0]
        raise BadConfiguration(
            f"{first.pointer}: {first.message_en}", f"{first.pointer}：{first.message_zh}", faults=faults.found
        )
    return Manner(terms.outgoing, Trust(agency, WINDOW, terms.incoming, terms.window))
