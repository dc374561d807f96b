"""The lead that an outcome is about, and when it was. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from services.gateway.domain.arrival import invalid, is_blank, refuse_unreal_times
from shared.errors import FieldProblem
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.identity import identify
from shared.lead.normalise.emails import normalise_email

OUTCOME_RECEIVED: Final = "baton.outcome.received.v1"


def lead_of_outcome(body: OutcomeReceivedV1) -> str:
    """Return the id of the lead that an outcome names by id or e-mail; it may be an alias.

    Raises `Reject` (422) when the body names none, or its time is out of range.
    """
    refuse_unreal_times((("/at", body.at),))
    if body.lead_id is not None and not is_blank(body.lead_id):
        if not body.lead_id.isprintable():
            raise invalid((FieldProblem("/lead_id", "This is not the id of a lead"),))
        return body.lead_id
    if is_blank(body.email):
        raise invalid((FieldProblem("", "One of lead_id and email is needed"),))
    address = normalise_email(body.email)
    identity = None if address is None else identify(address)
    if identity is None:
        raise invalid((FieldProblem("/email", "This is not an e-mail address"),))
    return identity.lead_id


def happened_at(data: Mapping[str, Any], recorded_at: datetime) -> datetime:
    """Return when a recorded outcome happened: its `at`, but no later than `recorded_at`."""
    return min(msgspec.convert(data["at"], datetime), recorded_at)


def happened_outcomes(
    recorded: Iterable[tuple[datetime, dict[str, Any]]],
) -> list[tuple[datetime, dict[str, Any]]]:
    """Return recorded outcomes, in the order in which they were recorded, each with when it happened.

    `recorded` has each with its time of arrival. Of several with one `external_id` the last one counts.
    """
    newest = {
        data.get("external_id") or number: (happened_at(data, recorded_at), data)
        for number, (recorded_at, data) in enumerate(recorded)
    }
    return list(newest.values())
