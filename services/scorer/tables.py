"""Tables of the scorer: leads, accounts, re-scores that are under way, and vendors that are asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Column, Float, Index, Integer, String, Table, column, false, text

from services.scorer.domain.state import CompanyMemory, StoredSignal
from shared.lead.events.account_enriched import FoundContact
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.matching import AccountMatch, CompanyProfile
from shared.lead.events.parts import Activity, Trigger
from shared.lead.events.scoring import AccountView, Score, Signals
from shared.storage.metadata import metadata
from shared.storage.types import Json, UtcTime

scores = Table(
    "scores",
    metadata,
    Column("lead_id", String(200), primary_key=True),
    Column("account", String(500), nullable=False),
    Column("alias", String(36)),
    Column("revision", Integer, nullable=False),
    Column("enriched_sequence", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("lead", Json(LeadEnrichedV1)),
    Column("activities", Json(list[Activity]), nullable=False),
    Column("score", Json(Score)),
    Column("signals", Json(Signals), nullable=False),
    Column("account_view", Json(AccountView), nullable=False),
    Column("due_at", UtcTime),
    Column("own_account", String(500)),
    Column("account_match", Json(AccountMatch)),
    Column("name_decides", Boolean, nullable=False, server_default=false()),
    # In this order for the chunks of a re-score.
    Index(None, "account", "lead_id"),
    Index(None, "alias"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", String(500).with_variant(String(500, "C"), "postgresql"), primary_key=True),
    Column("name_key", String(200).with_variant(String(200, "C"), "postgresql")),
    Column("knowledge", Json(AccountReceivedV1)),
    Column("signals", Json(dict[str, StoredSignal]), nullable=False),
    Column("leads", Integer, nullable=False),
    Column("grades", Json(dict[str, int]), nullable=False),
    Column("roles", Json(dict[str, int]), nullable=False),
    Column("active", Json(dict[str, datetime]), nullable=False),
    Column("qualified", Boolean, nullable=False),
    Column("asked", Boolean, nullable=False),
    Column("contacts", Json(list[FoundContact]), nullable=False, server_default="[]"),
    Column("contacts_sequence", Integer, nullable=False, server_default="0"),
    Column("company", Json(CompanyMemory)),
    Column("relation", String(20)),
    Column("open_opportunity", Boolean, nullable=False, server_default=false()),
    Column("own_knowledge", Json(AccountReceivedV1)),
    Index(None, "name_key"),
    # For the list of accounts: all, those of a relation, and those that sellers look at first.
    *(
        Index(
            name,
            *first,
            column("leads").desc(),
            "account",
            postgresql_where=text(condition),
            sqlite_where=text(condition),
        )
        for name, first, condition in (
            ("ix_accounts_listed", (), "leads > 0 OR relation IS NOT NULL"),
            ("ix_accounts_relation", ("relation",), "relation IS NOT NULL"),
            ("ix_accounts_qualified", (), "qualified"),
            ("ix_accounts_open_opportunity", (), "open_opportunity"),
        )
    ),
)

account_names = Table(
    "account_names",
    metadata,
    Column("block", String(80), primary_key=True),
    # The first accounts of a block are the same in every database and in a replay.
    Column("account", String(500).with_variant(String(500, "C"), "postgresql"), primary_key=True),
    Column("profiles", Json(list[CompanyProfile]), nullable=False),
    Column("seen", Json(list[CompanyProfile]), nullable=False),
    Column("split", Json(list[CompanyProfile]), nullable=False),
    Column("relation", String(20)),
    Column("alias_of", String(500)),
)

lead_company_names = Table(
    "lead_company_names",
    metadata,
    Column("block", String(600), primary_key=True),
    # In the same order in every database, as one that sorts otherwise would skip leads after a cursor.
    Column("lead_id", String(200).with_variant(String(200, "C"), "postgresql"), primary_key=True),
    Column("profile", Json(CompanyProfile), nullable=False),
)

rematches = Table(
    "rematches",
    metadata,
    Column("account", String(500), primary_key=True),
    Column("trigger", Json(Trigger), nullable=False),
    Column("blocks", Json(list[str]), nullable=False),
    Column("profiles", Json(list[CompanyProfile]), nullable=False),
    Column("cursor", String(200), nullable=False),
    Column("due_at", UtcTime, nullable=False),
)

rescores = Table(
    "rescores",
    metadata,
    Column("account", String(500), primary_key=True),
    Column("trigger", Json(Trigger), nullable=False),
    Column("cursor", String(200), nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("again", Json(Trigger)),
)

poll_sources = Table(
    "poll_sources",
    metadata,
    Column("source", String(200), primary_key=True),
    Column("round_at", UtcTime, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("position", String(600), nullable=False),
    Column("walked", Integer, nullable=False),
    Column("is_walked", Boolean, nullable=False),
    Column("retries", Json(dict[str, int]), nullable=False),
    Column("day", String(10), nullable=False),
    Column("spent_cents", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("pause_s", Float, nullable=False),
)

polled_accounts = Table(
    "polled_accounts",
    metadata,
    Column("source", String(200), primary_key=True),
    Column("account", String(500), primary_key=True),
    Column("baseline_at", UtcTime, nullable=False),
    Column("polled_at", UtcTime, nullable=False),
    Column("cursor", String(500)),
    Column("seen", Json(list[str]), nullable=False),
)
