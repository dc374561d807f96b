"""Tables of the enricher: the lead records, what leads are found by, what providers answered and cost."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, String, Table, Text

from services.enricher.domain.consent import ConsentStatements
from services.enricher.domain.statements import Statement
from shared.lead.events.lead_enriched import Enrichment, EnrichmentStep
from shared.lead.events.parts import (
    Activities,
    Answers,
    Company,
    Consent,
    DerivedFields,
    Message,
    Origin,
    Person,
    Provenance,
)
from shared.storage.metadata import metadata
from shared.storage.types import Json, UtcTime

leads = Table(
    "leads",
    metadata,
    Column("lead_id", String(36), primary_key=True),
    Column("account", String(500), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("person", Json(Person), nullable=False),
    Column("company", Json(Company), nullable=False),
    Column("provenance", Json(Provenance), nullable=False),
    Column("enrichment", Json(Enrichment), nullable=False),
    Column("source", Json(Origin), nullable=False),
    Column("message", Text),
    Column("answers", Json(Answers), nullable=False),
    Column("activities", Json(Activities), nullable=False),
    Column("consent", Json(Consent), nullable=False),
    Column("identifiers", Json(tuple[str, ...]), nullable=False),
    Column("first_at", UtcTime),
    Column("last_at", UtcTime),
    Column("derived", Json(DerivedFields)),
    Column("statements", Json(list[Statement])),
    Column("consent_statements", Json(ConsentStatements)),
    Column("merged", Json(list[str])),
    Column("messages", Json(list[Message])),
)

lead_identifiers = Table(
    "lead_identifiers",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("lead_ids", Json(list[str]), nullable=False),
)

lead_aliases = Table(
    "lead_aliases",
    metadata,
    Column("alias_id", String(36), primary_key=True),
    Column("lead_id", String(36), nullable=False),
    Index(None, "lead_id"),
)

provider_answers = Table(
    "provider_answers",
    metadata,
    Column("provider", String(200), primary_key=True),
    Column("subject", String(20), primary_key=True),
    Column("about", String(500), primary_key=True),
    Column("outcome", String(20), nullable=False),
    Column("person", Json(Person), nullable=False),
    Column("company", Json(Company), nullable=False),
    Column("confidence", Json(dict[str, float]), nullable=False),
    Column("as_of", UtcTime),
    Column("fetched_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index(None, "about"),
    Index(None, "expires_at"),
)

provider_spend = Table(
    "provider_spend",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("provider", String(200), primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("matches", Integer, nullable=False),
    Column("cents", Integer, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("field_cents", Json(dict[str, int]), nullable=False),
)

provider_states = Table(
    "provider_states",
    metadata,
    Column("provider", String(200), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("since", UtcTime, nullable=False),
)

provider_budget = Table(
    "provider_budget",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("reserved_cents", Integer, nullable=False),
)

account_contacts = Table(
    "account_contacts",
    metadata,
    Column("account", String(500), primary_key=True),
    Column("contact_id", String(36), primary_key=True),
    Column("profile_id", String(36)),
    Column("name_id", String(36), nullable=False),
    Column("person", Json(Person), nullable=False),
    Column("role", String(20), nullable=False),
    Column("provider", String(200), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("cost", Integer, nullable=False),
    Column("found_at", UtcTime, nullable=False),
    Index(None, "contact_id"),
    Index(None, "profile_id"),
)

account_discoveries = Table(
    "account_discoveries",
    metadata,
    Column("account", String(500), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("steps", Json(list[EnrichmentStep]), nullable=False),
)

provider_jobs = Table(
    "provider_jobs",
    metadata,
    Column("provider", String(200), primary_key=True),
    Column("subject", String(20), primary_key=True),
    Column("about", String(500), primary_key=True),
    Column("job", String(500), nullable=False),
    Column("submission", String(40), nullable=False),
    Column("lead_id", String(36)),
    Column("asked_at", UtcTime, nullable=False),
    Column("polled_until", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("is_woken", Boolean, nullable=False),
    Index(None, "about"),
    Index(None, "submission"),
    Index(None, "expires_at"),
)
