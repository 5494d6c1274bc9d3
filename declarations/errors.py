"""One family of errors with the trade's classes. It knows no HTTP: `gateway/problems.py` turns them into replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from declarations.faults import Fault


class OnewindowError(Exception):
    """Anything the window refuses. `code` is stable; words are for people, `details` for programs."""

    code: ClassVar[str] = "error"

    def __init__(
        self,
        message_en: str,
        message_zh: str = "",
        *,
        faults: Sequence[Fault] = (),
        details: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message_en)
        self.message_en = message_en
        self.message_zh = message_zh or message_en
        self.faults = list(faults)
        self.details = details or {}


class UnreadableDocument(OnewindowError):
    """The bytes are no document of ours: not well formed, wrong encoding, a DOCTYPE, too deep."""

    code = "malformed_document"


class TooLarge(OnewindowError):
    """The body is larger than this door takes."""

    code = "too_large"


class TooManyRequests(OnewindowError):
    """More requests than this caller may make; there is room again after `retry_after` seconds."""

    code = "too_many_requests"

    def __init__(
        self, message_en: str, message_zh: str = "", *, retry_after: float = 1.0, details: dict[str, str] | None = None
    ) -> None:
        super().__init__(message_en, message_zh, details=details)
        self.retry_after = retry_after


class MalwareFound(OnewindowError):
    """The scanner found malware in what was sent; nothing was kept of it."""

    code = "malware_found"


class ContentMismatch(OnewindowError):
    """The bytes are not of the type that was declared."""

    code = "content_mismatch"


class ScannerUnavailable(OnewindowError):
    """What was sent could not be scanned, and nothing unscanned is taken."""

    code = "scanner_unavailable"


class ForbiddenAddress(OnewindowError):
    """The window does not call this address: it is no public one, or not by a scheme and port it calls."""

    code = "forbidden_address"


class InvalidDeclaration(OnewindowError):
    """A readable declaration with faults; nothing was stored or sent."""

    code = "invalid_declaration"


class NotFound(OnewindowError):
    """No such thing, or not yours to see."""

    code = "not_found"


class DuplicateReference(OnewindowError):
    """The trader's reference is on a live filing; `details["declaration_id"]` names it."""

    code = "duplicate_reference"


class IdempotencyKeyReused(OnewindowError):
    """The same Idempotency-Key came with another body."""

    code = "idempotency_key_reused"


class MoveNotAllowed(OnewindowError):
    """The declaration's state does not allow this act."""

    code = "move_not_allowed"


class Unauthorised(OnewindowError):
    """No credential, or one we do not know."""

    code = "unauthorised"


class Forbidden(OnewindowError):
    """A known caller without the right to this act, or a wrong signature."""

    code = "forbidden"


class SignatureRefused(Forbidden):
    """What came is not signed as its sender signs: kept aside, never read. Each reason is a class with a code of its own."""

    code = "signature_refused"


class Unsigned(SignatureRefused):
    """No signature at all."""

    code = "unsigned"


class UnknownKey(SignatureRefused):
    """Signed with a key we do not know."""

    code = "unknown_key"


class ExpiredKey(SignatureRefused):
    """Signed when the key was not in force: after its end, or before its beginning."""

    code = "expired_key"


class RevokedKey(SignatureRefused):
    """Signed with a key that was revoked."""

    code = "revoked_key"


class WrongAlgorithm(SignatureRefused):
    """Signed by another algorithm than the one that belongs to the key and to its sender."""

    code = "wrong_algorithm"


class AnotherAgency(Forbidden):
    """An agency's token at the door of another agency."""

    code = "another_agency"


class WrongAgency(SignatureRefused):
    """Signed by another agency, or an answer to another agency's message."""

    code = "wrong_agency"


class OutsideWindow(SignatureRefused):
    """Signed too long ago, or in the future: perhaps seen before and played again."""

    code = "outside_window"


class BadSignature(SignatureRefused):
    """The signature does not fit these bytes, this name, this receiver; or cannot be read."""

    code = "bad_signature"


class MandateNotInForce(Forbidden):
    """No mandate that is in force now covers this act in another organisation's name."""

    code = "mandate_not_in_force"


class FiledByAnother(Forbidden):
    """The principal sees what its agent filed; correcting it is the agent's."""

    code = "filed_by_another"


class SharedDocument(Forbidden):
    """An agency's document that speaks of other organisations' filings too; its bytes are for nobody but the operators."""

    code = "shared_document"


class BadRequest(OnewindowError):
    """A parameter or header that cannot be understood."""

    code = "bad_request"


class StorageUnavailable(OnewindowError):
    """The database cannot take writes now; nothing was stored."""

    code = "storage_unavailable"


class SealedDataUnreadable(OnewindowError):
    """What is stored cannot be read: it was altered, or the key it was sealed under is not here."""

    code = "sealed_data_unreadable"


class AgencyUnavailable(OnewindowError):
    """Nothing reached the agency; try again, after `retry_after` seconds where it said so."""

    code = "agency_unavailable"

    def __init__(self, message_en: str, message_zh: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message_en, message_zh)
        self.retry_after = retry_after


class AgencyRefused(OnewindowError):
    """The agency will not take this message; sending it again changes nothing."""

    code = "agency_refused"


class OutcomeUnknown(OnewindowError):
    """The message may have reached the agency; only its answer, or asking it, can tell."""

    code = "outcome_unknown"


class UnreadableResponse(OnewindowError):
    """An agency's answer we cannot read or match: it is kept and shown to the operator, never guessed."""

    code = "unreadable_response"


class UnreadableSheet(OnewindowError):
    """The bytes are no spreadsheet we read: no workbook, packed to harm, with macros or links; `details.reason` says which."""

    code = "unreadable_sheet"


class BadConfiguration(OnewindowError):
    """Tables, schemas or settings that contradict themselves; the start is refused. `faults` name file, row and column."""

    code = "bad_configuration"
