"""What a data vendor's HTTP reply means: the outcomes of its preset, else those of its status. Pure.

Nothing that a vendor sends raises: a body that cannot be read is `malformed`, an unknown status `failed`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from shared.integrations.expressions import Evaluation, Expression
from shared.integrations.functions import ExpressionScope, instant
from shared.integrations.provider_preset import ProviderPreset, ReplyOutcome, ReplyRule
from shared.integrations.vendor_requests import Asked
from shared.rules.times import Duration

RETRY_AFTER_S_MAX: Final = 3_600.0
RETRY_AFTER_DEFAULT_S: Final = 1.0
DETAIL_LENGTH_MAX: Final = 200
_EPOCH_S_MIN: Final = 1_200_000_000
"""A larger number of seconds is the instant until which to wait, not how long."""

ANSWERED: Final = frozenset({"match", "partial", "no_match", "unknown", "invalid_email"})
"""The meanings by which a vendor has answered: asking again at once would give the same."""
Meaning = ReplyOutcome | Literal["failed", "malformed", "timeout"]
"""What a reply is taken for. `failed`: it is no answer; `malformed`: it is not in the vendor's form."""


class HttpReply(Struct, frozen=True):
    """A vendor's response; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class ReplyMeaning(Struct, frozen=True):
    """What a reply means, and what its body says.

    `again_after_s` is the wait that the vendor asks for, None when it does not say. `is_stated` is true when
    a rule of the preset said what the reply means. `billed` is whether this reply is billed, whatever the
    vendor's prices say. `evaluation` reads further values of the body, within the same budget.
    """

    outcome: Meaning
    evaluation: Evaluation
    status: int
    body: Any = None
    detail: str = ""
    again_after_s: float | None = None
    billed: bool | None = None
    is_stated: bool = False
    window_ends_in_s: float | None = None


def read_reply(
    preset: ProviderPreset,
    reply: HttpReply,
    asked: Asked,
    at: datetime,
    *,
    read_range: Callable[[str], int | None] | None = None,
) -> ReplyMeaning:
    """Return what a reply means at the instant `at`. Never raises."""
    body, fault = decoded_body(reply.body)
    evaluation = Evaluation(
        ExpressionScope(
            at=at, body=body, headers=reply.headers, asked=asked, tables=preset.tables, read_range=read_range
        )
    )
    root = {"status": reply.status, "headers": dict(reply.headers), "body": body, "asked": dict(asked)}
    rule = next((rule for rule in preset.outcomes if evaluation.holds(rule.when, root)), None)
    outcome = rule.is_ if rule is not None else outcome_of_status(reply.status)
    detail = f"status {reply.status}"
    if rule is not None and rule.detail:
        detail = f"{detail}: {rule.detail}"
    if fault and outcome in ANSWERED and 200 <= reply.status < 300 and reply.status != HTTPStatus.NO_CONTENT:
        outcome, detail = "malformed", f"malformed answer: {fault}"
    return ReplyMeaning(
        outcome=outcome,
        evaluation=evaluation,
        status=reply.status,
        body=body,
        detail=detail[:DETAIL_LENGTH_MAX],
        again_after_s=_again_after_s(rule, reply, evaluation, root, at),
        billed=rule.billed if rule is not None else None,
        is_stated=rule is not None,
        window_ends_in_s=_window_ends_in_s(preset, reply, at),
    )


def decoded_body(body: bytes) -> tuple[Any, str]:
    """Return a JSON body, None and why when it is none."""
    try:
        return msgspec.json.decode(body), ""
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return None, str(error)


def outcome_of_status(status: int) -> Meaning:
    """Return what a status means where the preset says nothing of it."""
    stated = _BY_STATUS.get(status)
    if stated is not None:
        return stated
    if 200 <= status < 300:
        return "match"
    return "retry_later" if status >= 500 else "bad_request" if status >= 400 else "failed"


_BY_STATUS: Final[Mapping[int, ReplyOutcome]] = {
    202: "pending",
    204: "no_match",
    401: "bad_credentials",
    402: "quota_exhausted",
    403: "bad_credentials",
    404: "no_match",
    408: "retry_later",
    425: "retry_later",
    429: "retry_later",
}


def wait_s(value: Any, at: datetime) -> float | None:
    """Return the seconds to wait that a value tells: a number of seconds, or an instant in any form.

    None for a value that tells none. The result is between 0 and `RETRY_AFTER_S_MAX`.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, Duration):
        return float(value.seconds)
    seconds: float | None
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = None
    if seconds is None or seconds >= _EPOCH_S_MIN:
        until = instant(value) or _http_date(value)
        seconds = (until - at).total_seconds() if until is not None else None
    if seconds is None or not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX)


def until_s(until: str, at: datetime) -> float:
    """Return the seconds from `at` until the `next_hour`, `next_day` or `next_month` begins in UTC."""
    now = at.astimezone(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    if until == "next_hour":
        ends_at = hour + timedelta(hours=1)
    elif until == "next_day":
        ends_at = hour.replace(hour=0) + timedelta(days=1)
    else:
        ends_at = (hour.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)
    return (ends_at - now).total_seconds()


def _again_after_s(
    rule: ReplyRule | None, reply: HttpReply, evaluation: Evaluation, root: Any, at: datetime
) -> float | None:
    """Return the wait that a rule states, else that of the header `Retry-After`."""
    if rule is not None and rule.until is not None:
        return until_s(rule.until, at)
    if rule is not None and rule.again_after is not None:
        stated = rule.again_after
        value = evaluation.value(stated, root) if isinstance(stated, Expression) else stated
        if (seconds := wait_s(value, at)) is not None:
            return seconds
    return wait_s(reply.headers.get("retry-after"), at)


def _window_ends_in_s(preset: ProviderPreset, reply: HttpReply, at: datetime) -> float | None:
    """Return when the vendor takes calls again, if its headers say that no call is left; else None."""
    window = preset.limits.window_headers
    if window is None:
        return None
    try:
        is_used_up = float(reply.headers.get(window.remaining.lower(), "")) <= 0
    except ValueError:
        return None
    if not is_used_up:
        return None
    reset = reply.headers.get(window.reset.lower()) if window.reset is not None else None
    wait = wait_s(reset, at)
    return RETRY_AFTER_DEFAULT_S if wait is None else wait


def _http_date(value: Any) -> datetime | None:
    """Return the time in the form of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT`."""
    try:
        return datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return None
