"""What is believed of a source: events from it carry its trust, and whether their consent is proven. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from services.gateway.domain.arrival import invalid
from services.gateway.domain.sources import HookSource
from shared.errors import FieldProblem
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Consent
from shared.lead.events.signal_received import SignalReceivedV1

_RESERVED = "This field is set by Baton alone"


def refuse_reserved_fields(body: LeadReceivedV1 | SignalReceivedV1) -> None:
    """Raise `Reject` (422) for a body with a field that only Baton may set."""
    given: dict[str, object | None] = {"/trust": body.trust}
    if isinstance(body, LeadReceivedV1):
        given |= {"/trigger": body.trigger, "/consent/proven": body.consent.proven}
        told = ((f"/activities/{index}/told_at", one.told_at) for index, one in enumerate(body.activities))
        given.update(told)
    problems = tuple(
        FieldProblem(pointer, _RESERVED) for pointer, value in given.items() if value is not None
    )
    if problems:
        raise invalid(problems)


def trusted_lead(lead: LeadReceivedV1, source: HookSource) -> LeadReceivedV1:
    """Return a lead from a source with the trust of that source, also in its consent."""
    return replace(lead, trust=source.trust, consent=_proven(lead.consent, source))


def trusted_signal(signal: SignalReceivedV1, source: HookSource) -> SignalReceivedV1:
    """Return a signal from a source with the trust of that source."""
    return replace(signal, trust=source.trust)


def _proven(consent: Consent, source: HookSource) -> Consent:
    """Return a consent that says whether it is proven. What anybody may post never lifts an opt-out."""
    if source.trust != "public" or consent == Consent():
        return consent
    return replace(consent, proven=bool(consent.opted_out) and source.opt_out == "suppress")
