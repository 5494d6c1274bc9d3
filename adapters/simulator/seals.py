"""A simulated agency's signatures: it verifies what the window sends it and signs its answers, as its table says.

Its own keys lie in its own directory; of the window's it has the public halves. To a window that knows no key of this agency it
makes its own known, as an agency would by letter; a window that trusts other keys of it is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog

from adapters import signatures, signing, xmldsig
from adapters.algorithms import pem_of
from adapters.keys import WINDOW, KeyRing
from adapters.signatures import Trust
from adapters.simulator.documents import UntrustedError
from declarations.errors import SignatureRefused
from declarations.signatureterms import DETACHED, ENVELOPED, PROFILES, SECRET

log = structlog.get_logger(__name__)
PATIENCE = timedelta(days=30)
"""How old a message may be: the window tries for days to reach an agency."""


class Seals(Protocol):
    """What a door needs of signatures. `name`: file name or message id, as `adapters/signatures.py` binds it."""

    def sealed(self, name: str, body: bytes) -> tuple[bytes, str | None]:
        """An answer's bytes as they go, and the signature that goes with them."""

    def opened(self, name: str, body: bytes, signature: str | None) -> bytes:
        """The message that was signed; raises UntrustedError when it is not the window's."""


class NoSeals:
    """For an agency that neither signs nor asks for signatures."""

    def sealed(self, name: str, body: bytes) -> tuple[bytes, str | None]:  # noqa: ARG002  # the shape of Seals
        return body, None

    def opened(self, name: str, body: bytes, signature: str | None) -> bytes:  # noqa: ARG002
        return body


class SecretSeals:
    """HMAC by a key that both share."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sealed(self, name: str, body: bytes) -> tuple[bytes, str | None]:  # noqa: ARG002
        return body, signing.sign(self._key, body)

    def opened(self, name: str, body: bytes, signature: str | None) -> bytes:  # noqa: ARG002
        if not signing.verify(self._key, body, signature):
            raise UntrustedError("签名不符 the signature does not fit the bytes")
        return body


class KeySeals:
    """By keys, in the profiles of the agency's table."""

    def __init__(
        self,
        agency: str,
        table: dict[str, Any],
        *,
        window_keys: Path,
        own_keys: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`table`: `[signature]` of `agency.toml`; `window_keys`: the window's key ring; `own_keys`: the agency's."""
        self._clock = clock
        self._agency = agency
        self._answers = PROFILES[table["incoming"]]
        self._trust = Trust(WINDOW, agency, PROFILES[table["outgoing"]], PATIENCE)
        self._window = KeyRing(window_keys)
        self._own = KeyRing(own_keys)
        if self._answers.algorithm:
            self._own.create_missing(agency, [self._answers.algorithm], clock())
            self._make_known()

    def sealed(self, name: str, body: bytes) -> tuple[bytes, str | None]:
        if not self._answers.algorithm:
            return body, None
        now = self._clock()
        key = self._own.signing(self._agency, self._answers.algorithm, now)
        if self._answers.way == ENVELOPED:
            try:
                return xmldsig.embed(body, xmldsig.sign(key, body)), None
            except SignatureRefused:
                # a rehearsed answer that is no XML any more
                return body, None
        return body, signatures.sign(key, body, name=name, recipient=WINDOW, at=now)

    def opened(self, name: str, body: bytes, signature: str | None) -> bytes:
        now = self._clock()
        try:
            if self._trust.profile.way == DETACHED:
                signatures.verify(self._window, self._trust, signature, body, name=name, now=now)
            elif self._trust.profile.way == ENVELOPED:
                key, body = xmldsig.verify(self._window, self._trust, body)
                signatures.require_in_force(key, now)
        except SignatureRefused as error:
            raise UntrustedError(f"签名未通过验证（{error.code}）：{error.message_zh} / {error.message_en}") from None
        return body

    def _make_known(self) -> None:
        known = self._window.of(self._agency)
        for key in self._own.of(self._agency):
            if any(each.id == key.id for each in known):
                return
            if not known:
                self._window.add_public(self._agency, pem_of(key.public), key.algorithm, key.not_before, key.not_after)
                log.info("key_made_known", agency=self._agency, key=key.id)
            else:
                log.warning("window_trusts_other_keys", agency=self._agency, key=key.id)


def seals_of(
    agency: str, table: dict[str, Any], *, hmac_key: bytes, window_keys: Path | None, own_keys: Path, default: Seals
) -> Seals:
    """What the agency's table asks for; `default` without a key ring, as in tests of one door alone."""
    if window_keys is None:
        return default
    ways = {PROFILES[table[name]].way for name in ("outgoing", "incoming")}
    if SECRET in ways:
        return SecretSeals(hmac_key)
    return KeySeals(agency, table, window_keys=window_keys, own_keys=own_keys)
