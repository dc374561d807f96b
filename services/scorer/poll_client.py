"""Asks a vendor about one account over HTTP: within the provider's limits, in bounded time and size."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx2
import msgspec

from services.scorer.domain.polls import AskedAccount, PollVerdict
from shared.clock import Clock
from shared.integrations.expressions import evaluation_at
from shared.integrations.intake_preset import PollRequest
from shared.integrations.preset_types import Template, TemplateTree
from shared.integrations.provider_preset import ProviderPreset, ReplyOutcome
from shared.resilience.priority_limiter import PriorityLimiter, Turn
from shared.web.egress_client import parse_retry_after

RESPONSE_BYTES_MAX: Final = 1024 * 1024
_DETAIL_LENGTH_MAX: Final = 200
_RETRY_AFTER_S_MAX: Final = 3_600.0
_TURN_S: Final = 20.0
_BY_STATUS: Final[Mapping[int, PollVerdict]] = {
    401: "refused",
    402: "refused",
    403: "refused",
    404: "no_match",
    408: "limited",
    425: "limited",
    429: "limited",
}
_BY_OUTCOME: Final[Mapping[ReplyOutcome, PollVerdict]] = {
    "retry_later": "limited",
    "quota_exhausted": "refused",
    "bad_credentials": "refused",
}
"""What rules of the provider's preset say of every call; the others are about look-ups."""


@dataclass(frozen=True, slots=True)
class VendorReply:
    """A vendor's reply about an account; the `body` of a `match` is still to be read."""

    verdict: PollVerdict
    body: Any = None
    detail: str = ""
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PollClient:
    """How a source reaches its vendor: the provider's limits, and how its preset sends the key."""

    base_url: str
    ask: PollRequest
    provider: ProviderPreset | None
    key: str
    timeout_s: float
    in_flight: int
    limiter: PriorityLimiter
    clock: Clock

    async def send(self, http: httpx2.AsyncClient, account: AskedAccount) -> VendorReply:
        """Return the reply about an account, or why there is none. Never raises; may wait for its turn."""
        request = self.request_about(http, account)
        if request is None:
            return VendorReply("no_match", detail="too little is known of the account to ask")
        if not await self.limiter.acquire(Turn(0, _TURN_S)):
            return VendorReply("skipped", detail="no turn")
        try:
            async with asyncio.timeout(self.timeout_s):
                response = await http.send(request, stream=True)
                try:
                    body = bytearray()
                    async for chunk in response.aiter_raw():
                        body += chunk
                        if len(body) > RESPONSE_BYTES_MAX:
                            detail = f"an answer of more than {RESPONSE_BYTES_MAX} bytes"
                            return VendorReply("failed", detail=detail)
                finally:
                    await response.aclose()
        except TimeoutError:
            return VendorReply("failed", detail=f"no answer within {self.timeout_s:g} s")
        except (httpx2.HTTPError, OSError) as error:
            detail = f"{type(error).__name__}: {error}"
            return VendorReply("failed", detail=detail[:_DETAIL_LENGTH_MAX])
        finally:
            self.limiter.release()
        return self.read_reply(response, bytes(body))

    def read_reply(self, response: httpx2.Response, raw: bytes) -> VendorReply:
        """Return what a response means by its status, and by the rules of the provider's preset."""
        status, detail = response.status_code, f"status {response.status_code}"
        try:
            body = msgspec.json.decode(raw) if raw else None
        except (msgspec.MsgspecError, RecursionError):
            body = None
        headers = {name.lower(): value for name, value in response.headers.items()}
        verdict = _BY_STATUS.get(status, "match" if 200 <= status < 300 else "failed")
        reply_fields = {"status": status, "headers": headers, "body": body, "asked": {}}
        evaluation = evaluation_at(self.clock.now(), body, headers=headers)
        for rule in self.provider.outcomes if self.provider else ():
            if rule.is_ in _BY_OUTCOME and evaluation.holds(rule.when, reply_fields):
                verdict, detail = _BY_OUTCOME[rule.is_], rule.detail or f"{detail}: {rule.is_}"
                break
        if verdict == "match" and body is None:
            return VendorReply("failed", detail=f"{detail}: the answer is no JSON")
        wait_s = parse_retry_after(headers.get("retry-after"), self.clock.now()) or 0.0
        return VendorReply(verdict, body, detail, min(wait_s, _RETRY_AFTER_S_MAX))

    def request_about(self, http: httpx2.AsyncClient, account: AskedAccount) -> httpx2.Request | None:
        """Return the request about an account; None when a part of its path is not known."""
        values = {
            "domain": account.domain,
            "name": account.name,
            "cursor": account.cursor,
            "key": self.key or None,
        }
        path = self.ask.path.render(values, lambda text: quote(text, safe=""))
        if path is None:
            return None
        auth = self.provider.auth if self.provider else None
        query = _rendered(self.ask.query, values)
        headers = _rendered(self.ask.headers, values)
        if auth is not None and auth.query and auth.query not in query:
            query |= _rendered({auth.query: auth.value}, values)
        if auth is not None and auth.header and auth.header not in headers:
            headers |= _rendered({auth.header: auth.value}, values)
        if auth is not None and auth.basic is not None:
            user = auth.basic.render(values) or ""
            headers["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
        body = None if self.ask.body is None else _filled(self.ask.body.value, values)
        return http.build_request(self.ask.method, path, params=query, headers=headers, json=body)


def _rendered(templates: Mapping[str, Template], values: Mapping[str, str | None]) -> dict[str, str]:
    """Return the texts by name; one whose value is not known is left out."""
    found = {name: template.render(values) for name, template in templates.items()}
    return {name: text for name, text in found.items() if text is not None}


def _filled(tree: Any, values: Mapping[str, str | None]) -> Any:
    """Return a JSON body with the values in its texts; members whose value is not known are left out."""
    if isinstance(tree, Template):
        return tree.render(values)
    if isinstance(tree, TemplateTree):
        return _filled(tree.value, values)
    if isinstance(tree, list):
        return [member for part in tree if (member := _filled(part, values)) is not None]
    if isinstance(tree, dict):
        return {name: part for name, member in tree.items() if (part := _filled(member, values)) is not None}
    return tree
