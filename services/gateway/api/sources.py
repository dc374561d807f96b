"""`/v1/sources`: where forms and signals come from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Request, Security
from msgspec import UNSET, structs
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Audit, CompleteList, Gateway, Page, Paging, caller
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.form_preview import reading_warnings, unmapped_labels
from services.gateway.domain.preset_outcomes import entities_named
from services.gateway.domain.rejected import COUNT_MAX, RejectedSubmission
from services.gateway.domain.signals import receive_signal
from services.gateway.domain.sources import HookSource
from services.gateway.intake.fetch_store import pending_by_source
from services.gateway.intake.forms import FORM_BODY, receive_form
from services.gateway.intake.replay import ReplayResult, replay_submissions
from services.gateway.intake.vendor_answers import sent_request
from services.gateway.intake.vendor_items import read_request
from services.gateway.intake.vendor_preview import PreviewedItem, preview_items
from services.gateway.not_found import not_found
from services.gateway.queries.polls import poll_rows
from services.gateway.queries.rejected import list_rejected, rejected_ids
from services.gateway.request_body import decoded
from services.gateway.state import GatewayState
from services.scorer.domain.poll_rows import PollSourceRow, PollState
from services.scorer.domain.polls import day_of
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import SourceTrust
from shared.lead.events.signal_received import SignalReceivedV1
from shared.policy.models import CaptchaProvider, OptOutEffect, SourceLimits
from shared.storage.keyset import Cursor
from shared.web.event_schema import MsgspecType

BODY_SHOWN_MAX: Final = 16 * 1024

_signal = msgspec.json.Decoder(SignalReceivedV1)

router = APIRouter(
    prefix="/v1/sources",
    tags=["Integrations"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)


class SourceDefaultsView(ApiModel):
    """Values of a lead's `source` that apply where the form has none."""

    channel: str | None
    name: str | None
    campaign: str | None


class FormActivityView(ApiModel):
    """An activity that a form is if the condition holds, as the policy writes it; None: in any case."""

    type: str
    when: dict[str, Any] | None


class SourcePollView(ApiModel):
    """How a source fares that asks its vendor; cents are those of today (UTC).

    `state`: `active`; `limited` (the vendor wants fewer calls), `paused` (it refuses the key, or its credits
    are spent), `failing` (calls fail), `budget_spent`, `no_key`, `unusable` (no provider reaches the vendor);
    `unknown` until the first round begins. `reason` and `since` go with the state. Of the round that began at
    `round_at`, `asked` accounts were asked about.
    """

    state: PollState | Literal["unknown"] = "unknown"
    reason: str = ""
    since: datetime | None = None
    round_at: datetime | None = None
    asked: int = 0
    spent_cents: int = 0


class SourceView(ApiModel):
    """A source of forms or signals. `origins` are the pages whose scripts may post.

    `vendor` is the vendor of its integration, None for a plain source. `signature` is how it signs: a scheme,
    or the vendor, whose posts are then also taken with the token in the URL. `activities`, of which the first
    that matches counts, say what a form means; `trust` is what the source may say. `captcha` names the
    provider. `{token}` in the URL stands for the source's secret, which is the environment variable
    `secret_env`. `ready` is false while the secret is missing or cannot sign; `problem` says which. `poll` is
    for a source that asks its vendor, `pending_fetches` are leads that a vendor only named and that are to be
    fetched. `ignored_items` counts the items of its posts of which nothing was made, such as tests.
    """

    name: str
    kind: str
    vendor: str | None
    url: str
    public: bool
    signature: str | None
    secret_env: str
    ready: bool
    problem: str | None
    defaults: SourceDefaultsView
    map: dict[str, str]
    trust: SourceTrust
    opt_out: OptOutEffect
    activities: list[FormActivityView]
    honeypot: tuple[str, ...]
    limits: SourceLimits
    captcha: CaptchaProvider | None
    pending_fetches: int
    ignored_items: int
    origins: tuple[str, ...]
    redirects: tuple[str, ...]
    poll: SourcePollView | None


class SubmissionPreview(ApiModel):
    """What a post would create: of each item the lead or the signal, or why there is none.

    The other members are those of the first lead, null where there is none: its id, account key, and every
    value read from the form. `unmapped` are the labels that stand for no field of a lead, whose values are
    answers. `warnings` say what cannot be used as it is meant.
    """

    lead_id: str | None
    account: str | None
    lead: Annotated[LeadReceivedV1, MsgspecType()] | None
    unmapped: list[str]
    warnings: list[str]
    items: list[Annotated[PreviewedItem, MsgspecType()]]


class RejectedSubmissionView(ApiModel):
    """What a source could not read. `cause` is the kind of its problem, `detail` says what was wrong.

    `body` is its beginning as text, `size` the bytes of the whole. `replayable` is false for a body that was
    too large: only its beginning is kept.
    """

    id: str
    received_at: datetime
    cause: str
    detail: str
    status: int
    content_type: str
    size: int
    body: str
    replayable: bool


class ReplayRequest(RequestBody):
    """The submissions to replay; without `ids` all that the source has."""

    ids: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=COUNT_MAX)] | None = None


class ReplayAnswer(ApiModel):
    """How many submissions were accepted and are removed, how many are rejected still, and each result."""

    accepted: int
    rejected: int
    results: list[Annotated[ReplayResult, MsgspecType()]]


async def any_source(source: str, gateway: Gateway) -> HookSource:
    """Return the source that the path names, of whatever kind. Raises `Reject` (404)."""
    found = gateway.sources.current.get(source)
    if found is None:
        raise not_found("source", "source", source, "GET /v1/sources", key="name")
    return found


AnySource = Annotated[HookSource, Depends(any_source)]


@router.get("", summary="List the sources of the active policy, without their secrets")
async def get_sources(gateway: Gateway) -> CompleteList[SourceView]:
    policy = (await gateway.policies.start()).policy.sources
    pending, ignored = await pending_by_source(gateway.database), await gateway.ignored.by_source()
    views: list[SourceView] = []
    async with gateway.database.read() as tx:
        polls = await poll_rows(tx)
    today = day_of(gateway.clock.now())
    for name, source in gateway.sources.current.items():
        needs_token = not source.public and source.scheme is None
        signs_as = source.kind if source.scheme is not None else None
        problem = gateway.sources.problem(source)
        views.append(
            SourceView(
                name=name,
                kind=source.kind,
                vendor=source.preset.vendor if source.preset else None,
                url=f"/hooks/{source.hook}/{name}" + ("/{token}" if needs_token else ""),
                public=source.public,
                signature=source.signature or signs_as,
                secret_env=source.secret_env,
                ready=problem is None,
                problem=problem,
                defaults=SourceDefaultsView.model_validate(source.defaults),
                map=dict(policy.sources[name].map),
                trust=source.trust,
                opt_out=source.opt_out,
                activities=[
                    FormActivityView.model_validate(activity.model_dump(mode="json"))
                    for activity in policy.sources[name].activities
                ],
                honeypot=policy.sources[name].honeypot,
                limits=policy.sources[name].limits,
                captcha=source.captcha.provider if source.captcha else None,
                pending_fetches=pending.get(name, 0),
                ignored_items=ignored.get(name, 0),
                origins=source.origins,
                redirects=source.redirects,
                poll=None if policy.sources[name].poll is None else poll_view(polls.get(name), today),
            )
        )
    return CompleteList(data=views)


def poll_view(row: PollSourceRow | None, today: str) -> SourcePollView:
    """Return how a source fares; `today` is the day whose spending is shown."""
    if row is None:
        return SourcePollView()
    return SourcePollView(
        state=row.state,
        reason=row.reason,
        since=row.since,
        round_at=row.round_at,
        asked=row.walked,
        spent_cents=row.spent_cents if row.day == today else 0,
    )


@router.post(
    "/{source}/preview",
    summary="Show the leads and signals that a post would be",
    responses=problem_responses(400, 404, 413, 415),
    openapi_extra=FORM_BODY,
)
async def preview_post(request: Request, source: AnySource, gateway: Gateway) -> SubmissionPreview:
    """Return what a form, or a post of a vendor, would create; nothing is stored or published."""
    arrival = Arrival(gateway.clock.now(), gateway.random, "", shared_hosts=gateway.shared_hosts)
    items, warnings = await _previewed(gateway, request, source, arrival)
    first = next((item for item in items if item.lead is not UNSET), None)
    shown = {} if first is None else structs.asdict(first)
    return SubmissionPreview(
        **{name: shown.get(name) for name in ("lead_id", "account", "lead")},
        unmapped=[] if first is None else first.unmapped,
        warnings=[*warnings, *([] if first is None else first.warnings)],
        items=list(items),
    )


async def _previewed(
    gateway: GatewayState, request: Request, source: HookSource, arrival: Arrival
) -> tuple[Sequence[PreviewedItem], Sequence[str]]:
    """Return the items of a post, and what there is to say of the whole of it. Raises `Reject`, `Retry`."""
    if source.preset is not None:
        reading = read_request(source.preset, await sent_request(request), arrival.at)
        entities = await gateway.entities.find(source.kind, entities_named(reading.items))
        return preview_items(source, reading, arrival, entities), reading.warnings
    if source.hook == "signals":
        raw = await request.body()
        signal = decoded(raw, _signal)
        taken = receive_signal(signal, raw, arrival, source)
        return [PreviewedItem(0, signal=taken.event.data, account=taken.event.key)], ()
    received = await receive_form(request, source, arrival)
    lead = received.event.data
    item = PreviewedItem(
        0,
        lead=lead,
        lead_id=received.lead_id,
        account=received.event.key,
        unmapped=unmapped_labels(lead, source),
        warnings=reading_warnings(lead, source),
    )
    return [item], ()


@router.get(
    "/{source}/rejected",
    summary="List what a source could not read in the last 7 days, the newest first",
    responses=problem_responses(404),
)
async def get_rejected(source: AnySource, gateway: Gateway, paging: Paging) -> Page[RejectedSubmissionView]:
    async with gateway.database.read() as tx:
        now = gateway.clock.now()
        submissions = await list_rejected(tx, source.name, now, paging.after, paging.limit + 1)
    cursors = [Cursor(submission.received_at, submission.id) for submission in submissions]
    return paging.page([_view(submission) for submission in submissions], cursors)


@router.post(
    "/{source}/replay",
    summary="Read rejected submissions again, after the mapping of the source was mended",
    responses=problem_responses(404),
)
async def replay_rejected(
    request: Request, source: AnySource, gateway: Gateway, audit: Audit, body: ReplayRequest | None = None
) -> ReplayAnswer:
    """Publish what can be read now, with the time of its arrival, and remove it."""
    ids = None if body is None else body.ids
    if ids is None:
        async with gateway.database.read() as tx:
            ids = await rejected_ids(tx, source.name, gateway.clock.now())
    unique = list(dict.fromkeys(ids))
    async with gateway.database.begin() as tx:
        await audit.record(tx, "source.replayed", source.name, submissions=len(unique))
    results = await replay_submissions(gateway, source, unique, request.state.traceparent)
    accepted = sum(result.problem is UNSET for result in results)
    return ReplayAnswer(accepted=accepted, rejected=len(results) - accepted, results=results)


def _view(submission: RejectedSubmission) -> RejectedSubmissionView:
    return RejectedSubmissionView(
        id=submission.id,
        received_at=submission.received_at,
        cause=submission.cause,
        detail=submission.detail,
        status=submission.status,
        content_type=submission.content_type,
        size=submission.size,
        body=submission.body[:BODY_SHOWN_MAX].decode("utf-8", "replace"),
        replayable=submission.is_complete,
    )
