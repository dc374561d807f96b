"""What posts of vendors leave for later: to fetch leads that were only named, to replay parked items."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import msgspec
import structlog
from sqlalchemy import select

from services.gateway.domain.arrival import Arrival, uuid7
from services.gateway.domain.leads import ReceivedLead
from services.gateway.domain.pending_fetches import ATTEMPTS_MAX, PendingFetch, retry_at
from services.gateway.domain.preset_items import PresetRequest, read_items
from services.gateway.domain.rejected import RejectedSubmission, detail_of
from services.gateway.intake.fetch_store import StoredFetches
from services.gateway.intake.replay import replay_submissions
from services.gateway.intake.vendor_intake import submitted_at, take_items
from services.gateway.intake.vendor_items import ITEM_DOCUMENT, VendorReading
from services.gateway.state import GatewayState
from services.gateway.tables import known_entities, rejected_submissions
from shared.errors import DataError, Reject
from shared.integrations.provider_preset import ProviderPreset
from shared.integrations.vendor_replies import HttpReply, ReplyMeaning, read_reply
from shared.integrations.vendor_requests import HttpRequest, ask_request
from shared.policy.models import Provider
from shared.web.egress import EgressPolicy, EgressRefused
from shared.web.httpx_egress import egress_client
from shared.web.stubs_url import resolve_base_url

log = structlog.get_logger()

RESPONSE_BYTES_MAX: Final = 1024 * 1024
_REQUEST_S: Final = 20.0
_REPLAYED_TOGETHER: Final = 50
_STUB_KEY: Final = "stub"
_TAKEN: Final = frozenset({"match", "partial"})
_FINAL: Final = frozenset({"no_match", "bad_request", "invalid_email", "job_lost", "unknown"})


class FetchFailed(Exception):
    """A lead could not be fetched. `is_final`: it would fail again."""

    def __init__(self, detail: str, *, is_final: bool = False, again_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.is_final = is_final
        self.again_after_s = again_after_s


class VendorWork:
    """Does what is due.

    `egress` says which addresses of providers may be reached, `keys` has their API keys.
    """

    def __init__(
        self,
        gateway: GatewayState,
        fetches: StoredFetches,
        egress: EgressPolicy,
        *,
        stubs_url: str,
        keys: Mapping[str, str],
    ) -> None:
        self._gateway = gateway
        self._fetches = fetches
        self._egress = egress
        self._stubs_url = stubs_url
        self._keys = keys

    async def step(self) -> bool:
        """Fetch leads that are due and replay items whose entity is known. Returns whether there may be more.

        Raises `Retry`.
        """
        await self._gateway.ignored.flush()
        due = await self._fetches.claim(self._gateway.clock.now())
        await asyncio.gather(*map(self.fetch, due))
        return bool(due) | await self.replay_parked()

    async def fetch(self, fetch: PendingFetch) -> None:
        """Fetch a lead and publish it, or try again later, or keep it as rejected. Raises `Retry`."""
        now = self._gateway.clock.now()
        try:
            await self.publish(fetch, await self.ask(fetch))
        except FetchFailed as failed:
            log.warning("lead not fetched", source=fetch.source, provider=fetch.provider, reason=str(failed))
            if not failed.is_final and fetch.attempts + 1 < ATTEMPTS_MAX:
                due_at = retry_at(fetch.attempts + 1, now, failed.again_after_s)
                await self._fetches.postpone(fetch, due_at, str(failed))
                return
            reject = Reject(422, "fetch-failed", "The lead cannot be fetched", str(failed))
            await self.keep(fetch, reject, fetch.item, ITEM_DOCUMENT)
        except (Reject, DataError) as error:
            reject = error if isinstance(error, Reject) else Reject(422, "unusable-value", str(error))
            await self.keep(fetch, reject, fetch.item, ITEM_DOCUMENT)
        await self._fetches.remove(fetch)

    async def ask(self, fetch: PendingFetch) -> ReplyMeaning:
        """Return what the provider says of a lead. Raises `FetchFailed` for anything but the lead."""
        preset, terms = self.provider_of(fetch.provider)
        base_url, is_stub = resolve_base_url(terms.base_url or preset.base_url, self._stubs_url)
        key = self._keys.get(terms.key_env) or (_STUB_KEY if is_stub else "")
        if terms.key_env and not key:
            raise FetchFailed(f"{terms.key_env} is not set")
        request = ask_request(preset, "lead", fetch.parameters, key)
        if request is None:
            raise FetchFailed("too little is known to ask for the lead", is_final=True)
        try:
            reply = await self.send(base_url, request)
        except EgressRefused as refused:
            raise FetchFailed(f"base_url: {refused}") from refused
        except (TimeoutError, httpx2.HTTPError, OSError) as error:
            raise FetchFailed(f"no answer: {type(error).__name__}") from error
        meaning = read_reply(preset, reply, fetch.parameters, self._gateway.clock.now())
        if meaning.outcome not in _TAKEN:
            raise FetchFailed(
                f"{meaning.outcome}, {meaning.detail}",
                is_final=meaning.outcome in _FINAL,
                again_after_s=meaning.again_after_s,
            )
        return meaning

    def provider_of(self, integration: str) -> tuple[ProviderPreset, Provider]:
        """Return the provider of the policy that has this integration. Raises `FetchFailed`."""
        folder = self._gateway.integrations.providers.get(integration)
        providers = self._gateway.policies.active().policy.providers.providers
        terms = next((one for one in providers.values() if one.integration == integration), None)
        if folder is None or terms is None:
            raise FetchFailed(f"providers.yaml has no provider with the integration {integration}")
        return folder.preset, terms

    async def send(self, base_url: str, request: HttpRequest) -> HttpReply:
        """Return the response. Raises `EgressRefused`, `TimeoutError`, `HTTPError`, `OSError`."""
        async with (
            asyncio.timeout(_REQUEST_S),
            egress_client(self._egress, base_url, connections_max=1) as http,
            http.stream(
                request.method,
                request.path,
                params=dict(request.params),
                headers=dict(request.headers),
                content=request.content,
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > RESPONSE_BYTES_MAX:
                    raise httpx2.DecodingError(f"more than {RESPONSE_BYTES_MAX} bytes")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpReply(response.status_code, bytes(body), headers)

    async def publish(self, fetch: PendingFetch, reply: ReplyMeaning) -> None:
        """Publish what was fetched, as the source reads it. Raises `FetchFailed`, `Reject`, `Retry`."""
        gateway = self._gateway
        request = PresetRequest(root=reply.body, body=reply.body, at=gateway.clock.now())
        source = gateway.sources.current.get(fetch.source)
        items = (
            read_items(source.preset, request) if source is not None and source.preset is not None else None
        )
        if source is None or items is None or any(item.do == "fetch" for item in items):
            raise FetchFailed("what the provider answered is no lead of this vendor", is_final=True)

        async def prepare(received: ReceivedLead) -> ReceivedLead:
            return submitted_at(received, fetch.received_at)

        arrival = Arrival(
            gateway.clock.now(),
            gateway.random,
            fetch.traceparent,
            f"fetch:{fetch.id}",
            scope=("source", source.name),
            shared_hosts=gateway.shared_hosts,
        )
        reading = VendorReading(items, request)
        taken = await take_items(gateway, source, reading, arrival, prepare)
        for reject in taken.rejected.values():
            body = msgspec.json.encode(reply.body)
            await self.keep(fetch, reject, body, "application/json")
            return

    async def keep(self, fetch: PendingFetch, reject: Reject, body: bytes, content_type: str) -> None:
        """Keep what could not be fetched or read as a rejected submission of its source. Raises `Retry`."""
        gateway = self._gateway
        gateway.metrics.rejected_submissions.labels(fetch.source, reject.kind).inc()
        await gateway.rejected.keep(
            RejectedSubmission(
                id=uuid7(gateway.clock.now(), gateway.random),
                source=fetch.source,
                received_at=fetch.received_at,
                status=reject.status,
                cause=reject.kind,
                detail=detail_of(reject),
                content_type=content_type,
                idempotency_key="",
                size=len(body),
                body=body,
            )
        )

    async def replay_parked(self) -> bool:
        """Replay items that waited for an entity which is known now. Returns whether there were any."""
        gateway = self._gateway
        table = rejected_submissions
        waiting = select(table.c.id, table.c.source).join(
            known_entities, known_entities.c.key_text == table.c.waits_for
        )
        waiting = waiting.where(table.c.source.in_(list(gateway.sources.current)))
        async with gateway.database.read() as tx:
            found: list[Any] = list(await tx.execute(waiting.limit(_REPLAYED_TOGETHER)))
        by_source: dict[str, list[str]] = defaultdict(list)
        for id_, source_name in found:
            by_source[source_name].append(id_)
        for source_name, ids in by_source.items():
            source = gateway.sources.current.get(source_name)
            if source is not None:
                await replay_submissions(gateway, source, ids, "")
        return bool(found)
