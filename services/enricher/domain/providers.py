"""What the enricher asks of the world: providers of company data, their answers, and where these are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, Protocol

from msgspec import Struct

from services.enricher.domain.form import Form
from shared.events.parts import Company
from shared.runtime.rows import Row

MATCH_FRESH: Final = timedelta(days=180)
NO_MATCH_FRESH: Final = timedelta(days=7)


Outcome = Literal["match", "no_match", "failed", "timeout"]


class Answer(Struct, frozen=True):
    """What a provider said at `at` about a company, named by its domain, or why it said nothing.

    `confidence` is a share of one, `cost` is in cents. `bought` is false for an answer that was there
    already, or that another lead asked for at the same time.
    """

    provider: str
    about: str
    outcome: Outcome
    at: datetime
    company: Company = Company()
    confidence: float = 0.0
    cost: int = 0
    detail: str = ""
    bought: bool = True

    @property
    def lasting(self) -> bool:
        """Whether the provider would say the same again."""
        return self.outcome in ("match", "no_match")


class Provider(Protocol):
    """A source of company data."""

    name: str

    async def find_company(self, domain: str) -> Answer:
        """Return what is known of the company of a registrable domain. A failure is an answer too."""
        ...


class LookUp(Protocol):
    """Finds what a form does not say."""

    async def answers(self, form: Form) -> Sequence[Answer]:
        """Return what providers say about the company of a lead, within the lead's deadline."""
        ...


class Looked(Struct, frozen=True):
    """A form that is ready to be decided, with what providers said."""

    form: Form
    answers: Sequence[Answer] = ()


class CachedAnswerRow(Row, frozen=True):
    """The latest answer of a provider, good until `expires_at`."""

    provider: str
    about: str
    outcome: Literal["match", "no_match"]
    company: Company
    confidence: float
    fetched_at: datetime
    expires_at: datetime
    table: ClassVar[str] = "provider_cache"
    key_fields: ClassVar[tuple[str, ...]] = ("provider", "about")
    upsert: ClassVar[bool] = True


def kept(answer: Answer) -> CachedAnswerRow | None:
    """Return the row that keeps an answer, if it is new and worth keeping."""
    if not answer.bought or answer.outcome not in ("match", "no_match"):
        return None
    fresh = MATCH_FRESH if answer.outcome == "match" else NO_MATCH_FRESH
    return CachedAnswerRow(
        provider=answer.provider,
        about=answer.about,
        outcome=answer.outcome,
        company=answer.company,
        confidence=answer.confidence,
        fetched_at=answer.at,
        expires_at=answer.at + fresh,
    )


def recalled(row: CachedAnswerRow) -> Answer:
    """Return the answer that a row keeps; it costs nothing again."""
    return Answer(
        provider=row.provider,
        about=row.about,
        outcome=row.outcome,
        at=row.fetched_at,
        company=row.company,
        confidence=row.confidence,
        bought=False,
    )
