"""What a polled answer holds, read by the same preset as the vendor's webhook. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.preset_items import PresetItem, PresetRequest, evaluation_of, read_items
from services.gateway.domain.preset_outcomes import decide_item
from services.gateway.domain.received import Received
from services.gateway.domain.sources import HookSource
from services.scorer.domain.polls import AskedAccount, PollAnswer, PolledSignal
from services.scorer.domain.subjects import domain_key
from shared.errors import DataError, Reject
from shared.lead.duplicates import canonical_details
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.ids import derive_id

if TYPE_CHECKING:
    from shared.integrations.intake_preset import IntakePreset

CURSOR_LENGTH_MAX: Final = 500
_NOT_READ: Final = "the answer has not the shape of the vendor"


def read_answer(
    body: Any, account: AskedAccount, preset: IntakePreset, source: HookSource, at: datetime
) -> PollAnswer:
    """Return the signals of an answer about an account. An item that is no signal is passed over.

    A company that the answer does not name is the one that was asked about. Whom the vendor wants erased is
    opted out of messages: to erase somebody needs the vendor's own notice.
    """
    request = PresetRequest(body, body, at)
    try:
        items = read_items(preset, request)
    except Reject as reject:
        return PollAnswer(account.key, "failed", detail=reject.title)
    if items is None:
        return PollAnswer(account.key, "failed", detail=_NOT_READ)
    arrival = Arrival(at, bytes, "", scope=("poll", source.name))
    signals = [
        signal for item in items if (signal := polled_signal(item, account, source, arrival)) is not None
    ]
    poll = preset.poll
    found = (
        None
        if poll is None or poll.cursor is None
        else evaluation_of(preset, request).value(poll.cursor, body)
    )
    cursor = str(found)[:CURSOR_LENGTH_MAX] if isinstance(found, str | int) and found else None
    return PollAnswer(account.key, "match" if items else "no_match", signals, cursor)


def polled_signal(
    item: PresetItem, account: AskedAccount, source: HookSource, arrival: Arrival
) -> PolledSignal | None:
    """Return the signal that an item of an answer is, None for one that is none or cannot be read."""
    if item.do == "erase" and "email" in item.by:
        item = structs.replace(item, do="opt_out")
    if item.do not in ("signal", "opt_out"):
        return None
    named = domain_key(item.values.get("account.domain")) if item.do == "signal" else account.key
    if not named or named == account.key:
        item = structs.replace(item, values={**item.values, "account.domain": account.domain})
    try:
        received = decide_item(item, source, arrival)
    except (Reject, DataError):
        return None
    if not isinstance(received, Received) or not isinstance(received.event.data, SignalReceivedV1):
        return None
    event, signal = received.event, received.event.data
    content = signal.external_id or f"{signal.occurred_at}\n{canonical_details(signal.details).decode()}"
    name = derive_id("polled", event.subject, f"{signal.type}\n{content}", 0)
    return PolledSignal(name, signal, event.subject, event.key)
