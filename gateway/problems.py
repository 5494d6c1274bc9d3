"""Errors as replies: the one table from error class to HTTP status, and the RFC 9457 shape every refusal has.

422 is for the content of a declaration, 409 for conflicts with what is already there, 400 for what cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from declarations import callerrors, credentialerrors, errors, loginerrors, peopleerrors
from declarations.errors import OnewindowError
from gateway import refusals
from gateway.observe import metrics

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
"""What a caller is told to wait when we do not know better."""

STATUS: dict[type[OnewindowError], tuple[int, str]] = {
    errors.UnreadableDocument: (400, "The document cannot be read"),
    errors.BadRequest: (400, "The request cannot be understood"),
    credentialerrors.PasswordRefused: (400, "This password is not taken"),
    loginerrors.CertificateUnreadable: (400, "The certificate cannot be read"),
    errors.UnreadableSheet: (400, "The spreadsheet cannot be read"),
    errors.UnreadableResponse: (400, "The agency's answer cannot be read"),
    errors.Unauthorised: (401, "Who is calling is not known"),
    credentialerrors.LoginFailed: (401, "Not logged in"),
    credentialerrors.SessionExpired: (401, "The session has expired"),
    credentialerrors.SessionEnded: (401, "The session was ended"),
    credentialerrors.KeyExpired: (401, "The key has expired"),
    credentialerrors.KeyRevoked: (401, "The key is revoked"),
    errors.Forbidden: (403, "This caller may not do this"),
    credentialerrors.CsrfRefused: (403, "The request is not from our own pages"),
    credentialerrors.LogInAgain: (403, "Log in again for this"),
    credentialerrors.ProofWrong: (403, "The password or code does not fit"),
    errors.MandateNotInForce: (403, "No mandate in force covers this"),
    errors.FiledByAnother: (403, "Another organisation filed this"),
    errors.SharedDocument: (403, "The document speaks of others too"),
    errors.SignatureRefused: (403, "The signature is not taken"),
    errors.Unsigned: (403, "There is no signature"),
    errors.UnknownKey: (403, "The signature's key is not known"),
    errors.ExpiredKey: (403, "The signature's key was not in force"),
    errors.RevokedKey: (403, "The signature's key is revoked"),
    errors.WrongAlgorithm: (403, "The signature is by another algorithm"),
    errors.WrongAgency: (403, "It is another agency's"),
    errors.AnotherAgency: (403, "This is another agency's door"),
    errors.OutsideWindow: (403, "It was signed too long ago or in the future"),
    errors.BadSignature: (403, "The signature does not fit"),
    loginerrors.CertificateRefused: (403, "The certificate is not taken"),
    loginerrors.CertificateMissing: (403, "There is no certificate"),
    loginerrors.CertificateExpired: (403, "The certificate has expired"),
    loginerrors.CertificateNotYetValid: (403, "The certificate is not valid yet"),
    loginerrors.CertificateRevoked: (403, "The certificate is revoked"),
    loginerrors.CertificateNotTrusted: (403, "The certificate is not from a trusted authority"),
    loginerrors.RevocationUnknown: (403, "The certificate may be revoked"),
    loginerrors.CertificateUnknown: (403, "The certificate belongs to no account"),
    loginerrors.CertificateHeaderRefused: (403, "The certificate's header is not taken"),
    loginerrors.ChallengeClosed: (403, "The challenge is not open"),
    loginerrors.ChallengeUsed: (403, "The challenge was used"),
    loginerrors.ChallengeExpired: (403, "The challenge has expired"),
    loginerrors.OpenIdRefused: (403, "The OpenID Provider refused"),
    loginerrors.OpenIdStateUnknown: (403, "This log-in was not begun here"),
    loginerrors.OpenIdTokenRefused: (403, "The OpenID Provider's token is not taken"),
    loginerrors.OpenIdTokenExpired: (403, "The OpenID Provider's token has expired"),
    loginerrors.OpenIdTokenOfAnother: (403, "The OpenID Provider's token is another's"),
    loginerrors.OpenIdTokenAlgorithm: (403, "The OpenID Provider's token is by another algorithm"),
    loginerrors.OpenIdTokenReplayed: (403, "The OpenID Provider's token is of another log-in"),
    loginerrors.OpenIdAccountUnknown: (403, "No account is linked"),
    loginerrors.PeopleOnly: (403, "Only for people"),
    peopleerrors.InvitationClosed: (403, "The invitation is not open"),
    peopleerrors.InvitationUsed: (403, "The invitation was used"),
    peopleerrors.InvitationWithdrawn: (403, "The invitation was withdrawn"),
    peopleerrors.InvitationExpired: (403, "The invitation has expired"),
    peopleerrors.DutiesNotSeparate: (403, "Another person has to do this"),
    errors.NotFound: (404, "There is no such thing"),
    loginerrors.LoginMethodOff: (404, "This way to log in is not set up"),
    loginerrors.IdentityTaken: (409, "It is linked already"),
    peopleerrors.LoginTaken: (409, "The log-in is somebody's"),
    peopleerrors.RegistrationConflict: (409, "It is somebody's already"),
    peopleerrors.LastAdministrator: (409, "There must be an administrator"),
    peopleerrors.PapersConflict: (409, "The papers are not as they were, or another's"),
    errors.DuplicateReference: (409, "This reference is already filed"),
    credentialerrors.SecondFactorState: (409, "The second factor does not allow this"),
    credentialerrors.NameTaken: (409, "This name is taken"),
    errors.IdempotencyKeyReused: (409, "This Idempotency-Key came with another body"),
    errors.MoveNotAllowed: (409, "The declaration's state does not allow this"),
    callerrors.CallRefused: (409, "The ship's call does not take this"),
    callerrors.CallOfAnother: (409, "Another agent has this call"),
    callerrors.StepOutOfOrder: (409, "This step is out of order"),
    callerrors.StepFiledTwice: (409, "This step is filed already"),
    callerrors.CallDeparted: (409, "The ship has sailed"),
    callerrors.CallCancelled: (409, "The call was cancelled"),
    callerrors.CertificateMissing: (409, "No port clearance is issued"),
    callerrors.CertificateNotInForce: (409, "The port clearance is not in force"),
    callerrors.NothingToDecide: (409, "Nothing waits for a decision"),
    callerrors.HandoverConflict: (409, "The handover does not allow this"),
    callerrors.NothingChanged: (409, "Nothing has changed"),
    errors.TooLarge: (413, "The body is too large"),
    errors.ContentMismatch: (415, "The content is of another type"),
    errors.MalwareFound: (400, "The content is malware"),
    errors.ForbiddenAddress: (400, "The window does not call this address"),
    errors.TooManyRequests: (429, "Too many requests"),
    credentialerrors.TooManyAttempts: (429, "Too many attempts to log in"),
    errors.ScannerUnavailable: (503, "The content cannot be scanned now"),
    errors.InvalidDeclaration: (422, "The declaration has faults"),
    errors.AgencyRefused: (502, "The agency refused the message"),
    errors.OutcomeUnknown: (502, "The agency may have received the message"),
    errors.AgencyUnavailable: (503, "The agency cannot be reached"),
    loginerrors.OpenIdUnavailable: (503, "The OpenID Provider cannot be reached"),
    peopleerrors.RegistrationsFull: (503, "Too many registrations wait"),
    errors.StorageUnavailable: (503, "Nothing can be stored now"),
    errors.SealedDataUnreadable: (503, "What is stored cannot be read"),
    errors.BadConfiguration: (503, "The tables contradict themselves"),
    errors.OnewindowError: (500, "The window made a mistake"),
}
"""Every class of the family; a test keeps it complete."""

FRAMEWORK: dict[int, tuple[str, str, str, str]] = {
    400: ("bad_request", "The request cannot be understood", "the request cannot be understood", "无法理解该请求"),
    404: ("not_found", "There is no such thing", "there is nothing at this address", "该地址不存在"),
    405: ("method_not_allowed", "Not with this method", "this address does not take this method", "该地址不支持此方法"),
    413: ("too_large", "The body is too large", "the body is too large", "请求内容过大"),
    415: (
        "unsupported_media_type",
        "This content type is not taken",
        "send application/xml, text/xml or application/json, uncompressed, and say so in Content-Type",
        "请以 application/xml、text/xml 或 application/json（不压缩）提交，并在 Content-Type 中注明",
    ),
    500: (
        "internal_error",
        "The window made a mistake",
        "the window made a mistake; it is logged, and nothing was filed unless you have an id for it",
        "系统内部错误，已记录；未取得编号即未申报",
    ),
}
"""Refusals that come from the framework, not from the trade: status -> code, title, words en and zh."""

log = structlog.get_logger(__name__)


def status_of(error: OnewindowError) -> tuple[int, str]:
    """(HTTP status, title) of an error: of its own class, or of the nearest class above it."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def body(
    status: int,
    code: str,
    title: str,
    detail: str,
    detail_zh: str,
    faults: list[dict[str, Any]] | None = None,
    details: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The RFC 9457 object. `details` become members beside the fixed ones and never replace them."""
    fixed: dict[str, Any] = {
        "type": f"urn:onewindow:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "detail_zh": detail_zh,
        "faults": faults or [],
    }
    return {**fixed, **{name: value for name, value in (details or {}).items() if name not in fixed}}


def problem_of(error: OnewindowError) -> tuple[int, dict[str, Any], dict[str, str]]:
    """(status, body, headers) that tell a caller about an error of the trade."""
    status, title = status_of(error)
    details = dict(error.details)
    if "declaration_id" in details:
        details["declaration_url"] = f"/api/v1/declarations/{details['declaration_id']}"
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="onewindow"'
    if status in (429, 503):
        wait = getattr(error, "retry_after", None) or RETRY_SECONDS
        headers["Retry-After"] = str(max(1, round(wait)))
    faults = [fault.as_dict() for fault in error.faults]
    return status, body(status, error.code, title, error.message_en, error.message_zh, faults, details), headers


def reply(status: int, content: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, dict(headers or {}), MEDIA_TYPE)


def framework_problem(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal of the framework (no such address, wrong method …) in the same shape as ours."""
    metrics.refused(FRAMEWORK.get(status, ("other",))[0])
    code, title, detail, detail_zh = FRAMEWORK.get(status, FRAMEWORK[400] if status < 500 else FRAMEWORK[500])
    return reply(status, body(status, code, title, detail, detail_zh), headers)


async def on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OnewindowError)
    caller = request.scope.get(refusals.CALLER)
    if caller is not None:
        try:
            await refusals.keep_of_caller(request.app.state.window, error, caller)
        except OnewindowError as unkept:
            # what cannot be journalled is not even refused: it may come again
            error = unkept
    status, content, headers = problem_of(error)
    metrics.refused(error.code)
    if status >= 500:
        log.error("request_failed", path=request.url.path, code=error.code, reason=str(error))
    return reply(status, content, headers)


async def on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return framework_problem(error.status_code, error.headers)


async def on_bad_parameters(_: Request, error: Exception) -> Response:
    """Parameters the framework could not read: 400, one entry per parameter."""
    assert isinstance(error, RequestValidationError)
    found = [
        {
            "code": "bad_parameter",
            "item": str(each["loc"][-1]),
            "pointer": "/" + "/".join(str(part) for part in each["loc"]),
            "line": None,
            "message_zh": f"参数 {each['loc'][-1]} 无效",
            "message_en": f"parameter {each['loc'][-1]}: {each['msg']}",
            "agency": None,
            "severity": "error",
        }
        for each in error.errors()
    ]
    code, title = FRAMEWORK[400][:2]
    en = "; ".join(str(fault["message_en"]) for fault in found)
    zh = "；".join(str(fault["message_zh"]) for fault in found)
    return reply(400, body(400, code, title, en, zh, found))


async def on_disconnect(_: Request, __: Exception) -> Response:
    """The caller went away before the body was complete: nobody reads this, and nothing was done."""
    return framework_problem(400)


async def on_anything_else(request: Request, error: Exception) -> Response:
    log.error("request_crashed", path=request.url.path, method=request.method, exc_info=error)
    return framework_problem(500)


def install(app: FastAPI) -> None:
    """Make every refusal of this application a problem document."""
    app.add_exception_handler(OnewindowError, on_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_bad_parameters)
    app.add_exception_handler(ClientDisconnect, on_disconnect)
    app.add_exception_handler(Exception, on_anything_else)
