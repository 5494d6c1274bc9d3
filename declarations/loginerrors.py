"""Refusals of logging in by certificate and by OpenID Connect, each reason with a code of its own."""

from __future__ import annotations

from declarations.errors import BadRequest, Forbidden, NotFound, OnewindowError


class CertificateUnreadable(BadRequest):
    """What was sent is no certificate."""

    code = "certificate_unreadable"


class LoginMethodOff(NotFound):
    """This window is not set up for this way to log in."""

    code = "login_method_off"


class CertificateRefused(Forbidden):
    """A client certificate that opens nothing. Each reason is a class with a code of its own."""

    code = "certificate_refused"


class CertificateMissing(CertificateRefused):
    """The connection brought no certificate."""

    code = "certificate_missing"


class CertificateExpired(CertificateRefused):
    """Its validity is over."""

    code = "certificate_expired"


class CertificateNotYetValid(CertificateRefused):
    """Its validity has not begun."""

    code = "certificate_not_yet_valid"


class CertificateRevoked(CertificateRefused):
    """Its authority has revoked it."""

    code = "certificate_revoked"


class CertificateNotTrusted(CertificateRefused):
    """Issued by none of the configured authorities, or for another purpose than to log in."""

    code = "certificate_not_trusted"


class RevocationUnknown(CertificateRefused):
    """There is no revocation list of its authority, or only one that is too old: it may be revoked."""

    code = "revocation_unknown"


class CertificateUnknown(CertificateRefused):
    """A good certificate that belongs to no account here, or to another than the one named."""

    code = "certificate_unknown"


class CertificateHeaderRefused(CertificateRefused):
    """The header with a client's certificate came from somebody who is no trusted terminator, or came twice."""

    code = "certificate_header_refused"


class ChallengeClosed(Forbidden):
    """A challenge that was never given, or for something else. Each other reason is a class with a code of its own."""

    code = "challenge_closed"


class ChallengeUsed(ChallengeClosed):
    """It was signed and shown before."""

    code = "challenge_used"


class ChallengeExpired(ChallengeClosed):
    """It was not used in its time."""

    code = "challenge_expired"


class OpenIdRefused(Forbidden):
    """The OpenID Provider did not let the person in. Each other reason is a class with a code of its own."""

    code = "openid_refused"


class OpenIdStateUnknown(OpenIdRefused):
    """This browser began no such log-in, or it is over, or was used."""

    code = "openid_state_unknown"


class OpenIdTokenRefused(OpenIdRefused):
    """The provider's token does not prove who this is. Each other reason is a class with a code of its own."""

    code = "openid_token_refused"


class OpenIdTokenExpired(OpenIdTokenRefused):
    """It is over, or not valid yet."""

    code = "openid_token_expired"


class OpenIdTokenOfAnother(OpenIdTokenRefused):
    """Another issuer's, or made for another client."""

    code = "openid_token_of_another"


class OpenIdTokenAlgorithm(OpenIdTokenRefused):
    """Not by the one algorithm that the window takes."""

    code = "openid_token_algorithm"


class OpenIdTokenReplayed(OpenIdTokenRefused):
    """Of another log-in, by its nonce."""

    code = "openid_token_replayed"


class OpenIdAccountUnknown(OpenIdRefused):
    """The provider knows the person, and no account here is linked to that."""

    code = "openid_account_unknown"


class OpenIdUnavailable(OnewindowError):
    """The OpenID Provider cannot be reached or does not answer as one."""

    code = "openid_unavailable"


class IdentityTaken(OnewindowError):
    """This certificate or account of an OpenID Provider is linked to an account already."""

    code = "identity_taken"


class PeopleOnly(Forbidden):
    """Only a person who is logged in can do this, no machine and no token from a file."""

    code = "people_only"
