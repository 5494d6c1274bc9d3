"""What the window refuses about ships' calls; of the one family in `errors`."""

from __future__ import annotations

from declarations.errors import OnewindowError


class CallRefused(OnewindowError):
    """A filing that the ship's call does not take; each reason is a class with a code of its own."""

    code = "call_refused"


class CallOfAnother(CallRefused):
    """Another agent has a live call of this ship, port and voyage; whose is not told, a handover can be asked for."""

    code = "call_of_another"


class StepOutOfOrder(CallRefused):
    """A step that comes before this one has not been filed, or one that excludes it has."""

    code = "step_out_of_order"


class StepFiledTwice(CallRefused):
    """This step of the call is filed: it is corrected by a version; `details["declaration_id"]` names it."""

    code = "step_filed_twice"


class CallDeparted(CallRefused):
    """The ship has sailed: the call takes no more filings."""

    code = "call_departed"


class CallCancelled(CallRefused):
    """The call was cancelled: it takes no more filings."""

    code = "call_cancelled"


class CertificateMissing(OnewindowError):
    """No port clearance has been issued for this call."""

    code = "certificate_not_issued"


class CertificateNotInForce(OnewindowError):
    """The port clearance is suspended, superseded or void: it is not printed."""

    code = "certificate_not_in_force"


class NothingToDecide(OnewindowError):
    """No change and no delay of this call waits for a decision."""

    code = "nothing_to_decide"


class HandoverConflict(OnewindowError):
    """The handover is decided already, or not this organisation's to decide."""

    code = "handover_conflict"


class NothingChanged(OnewindowError):
    """The form reported as changed is the one the certificate was issued on."""

    code = "nothing_changed"
