"""Refusals about organisations, people and prepared filings, each reason with a code of its own."""

from __future__ import annotations

from declarations.errors import Forbidden, OnewindowError


class InvitationClosed(Forbidden):
    """An invitation that was never given, or gives nothing any more. Each other reason is a class with a code of its own."""

    code = "invitation_closed"


class InvitationUsed(InvitationClosed):
    """Somebody took it up."""

    code = "invitation_used"


class InvitationWithdrawn(InvitationClosed):
    """Who gave it took it back."""

    code = "invitation_withdrawn"


class InvitationExpired(InvitationClosed):
    """Nobody took it up in its time."""

    code = "invitation_expired"


class DutiesNotSeparate(Forbidden):
    """The organisation wants three people for keying, reviewing and signing, and this would be one of them twice."""

    code = "duties_not_separate"


class LoginTaken(OnewindowError):
    """Somebody has this log-in already."""

    code = "login_taken"


class RegistrationConflict(OnewindowError):
    """What a registration asks for is somebody's already; the faults say what."""

    code = "registration_conflict"


class RegistrationsFull(OnewindowError):
    """Too many registrations wait for the operator; nothing was stored."""

    code = "registrations_full"


class LastAdministrator(OnewindowError):
    """Nobody would be left to look after the organisation's people."""

    code = "last_administrator"


class PapersConflict(OnewindowError):
    """The papers changed since they were looked at, or their social credit code was verified for another organisation."""

    code = "papers_conflict"
