"""Refusals of passwords, second factors, sessions and keys, each reason with a code of its own."""

from __future__ import annotations

from declarations.errors import BadRequest, Forbidden, OnewindowError, TooManyRequests, Unauthorised


class LoginFailed(Unauthorised):
    """Log-in, password or second factor is wrong, or the account is not open: never said which."""

    code = "login_failed"


class SessionExpired(Unauthorised):
    """Nobody used the session for too long, or it reached its end."""

    code = "session_expired"


class SessionEnded(Unauthorised):
    """The session was ended: logged out, or the person was removed, or the organisation suspended."""

    code = "session_ended"


class KeyExpired(Unauthorised):
    """A machine's key or access token past its end."""

    code = "key_expired"


class KeyRevoked(Unauthorised):
    """A machine's key that was revoked, or whose organisation is not active."""

    code = "key_revoked"


class CsrfRefused(Forbidden):
    """A change asked with a session's cookie, without the value that only its own pages know."""

    code = "csrf_refused"


class LogInAgain(Forbidden):
    """This act needs a session begun just now."""

    code = "log_in_again"


class ProofWrong(Forbidden):
    """The password or code that proves the person once more does not fit."""

    code = "proof_wrong"


class PasswordRefused(BadRequest):
    """A password that nobody should have; `faults` say why."""

    code = "password_refused"


class SecondFactorState(OnewindowError):
    """There is a second factor already, or none."""

    code = "second_factor_state"


class NameTaken(OnewindowError):
    """An open machine of the organisation has this name."""

    code = "name_taken"


class TooManyAttempts(TooManyRequests):
    """So many failures to log in that nothing is tried for a while."""

    code = "too_many_attempts"
