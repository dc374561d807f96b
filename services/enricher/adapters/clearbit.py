"""The provider Clearbit: companies by domain (`/v2/companies/find`)."""

from __future__ import annotations

from typing import Final

import aiohttp
import msgspec
from msgspec import Struct

from services.enricher.domain.providers import Answer, Outcome
from shared.clock import Clock
from shared.events.parts import Company
from shared.facts import company_name, country_code

ANSWER_BYTES_MAX: Final = 256 * 1024
TIMEOUT_S: Final = 5.0
PRICE_CENTS: Final = 8
CONFIDENCE: Final = 0.85
"""Clearbit states none; of what it knows about size and industry, about so much holds."""

_WORD_LENGTH_MAX: Final = 200
_LIST_MAX: Final = 500


class Metrics(Struct):
    employees: int | None = None
    annualRevenue: int | None = None  # noqa: N815 - Clearbit's names
    raised: int | None = None


class Category(Struct):
    industry: str | None = None


class Geo(Struct):
    countryCode: str | None = None  # noqa: N815


class Parent(Struct):
    domain: str | None = None


class Found(Struct):
    """What is read of Clearbit's answer."""

    name: str | None = None
    category: Category | None = None
    metrics: Metrics | None = None
    geo: Geo | None = None
    parent: Parent | None = None
    tech: list[str] | None = None


class Clearbit:
    """Asks Clearbit. `session` has the base URL of its API."""

    name = "clearbit"

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, *, timeout_s: float = TIMEOUT_S) -> None:
        self._session = session
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def find_company(self, domain: str) -> Answer:
        """Return what Clearbit knows of a company; whatever goes wrong is an answer too."""
        try:
            return await self._find(domain)
        except TimeoutError:
            return self._nothing(domain, "timeout", f"no answer within {self._timeout.total:g} s")
        except aiohttp.ClientError as error:
            return self._nothing(domain, "failed", f"{type(error).__name__}: {error}"[:_WORD_LENGTH_MAX])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._nothing(domain, "failed", f"malformed answer: {error}"[:_WORD_LENGTH_MAX])

    async def _find(self, domain: str) -> Answer:
        asked = self._session.get(
            "clearbit/v2/companies/find",
            params={"domain": domain},
            timeout=self._timeout,
            allow_redirects=False,
        )
        async with asked as response:
            if response.status == 404:
                return self._nothing(domain, "no_match")
            if response.status != 200:
                return self._nothing(domain, "failed", f"status {response.status}")
            body = await _bounded(response)
        company = _company(msgspec.json.decode(body, type=Found))
        return Answer(self.name, domain, "match", self._clock.now(), company, CONFIDENCE, PRICE_CENTS)

    def _nothing(self, domain: str, outcome: Outcome, detail: str = "") -> Answer:
        return Answer(self.name, domain, outcome, self._clock.now(), detail=detail)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise aiohttp.ClientPayloadError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _company(found: Found) -> Company:
    """Return Clearbit's facts in Baton's words. Raises `ValidationError` for what no company can be."""
    metrics = found.metrics or Metrics()
    company = Company(
        name=company_name(found.name),
        industry=_word((found.category or Category()).industry),
        country=country_code((found.geo or Geo()).countryCode),
        parent=_word((found.parent or Parent()).domain),
        employees=metrics.employees,
        revenue_usd=metrics.annualRevenue,
        funding_total_usd=metrics.raised,
        technologies=[word for word in map(_word, (found.tech or [])[:_LIST_MAX]) if word],
    )
    # Struct bounds hold when decoded, not when made; the record must be readable for ever.
    return msgspec.convert(msgspec.to_builtins(company), Company)


def _word(text: str | None) -> str | None:
    return (text or "").strip()[:_WORD_LENGTH_MAX] or None
