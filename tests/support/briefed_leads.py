"""Leads as a seller meets them, and the brief on each: what `tests/unit/router/briefs` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from services.router.domain.brief import build_brief
from services.router.domain.state import AccountContactRow, Rejection
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity, Company, Message, Origin, Person, Trigger
from shared.lead.events.routing import Brief, BriefHandOff
from shared.lead.events.scoring import AccountView, LiveSignal, Score, ScoreLine, Signals
from shared.policy.frames import Frame
from tests.support.scored_leads import AT, scored_lead

_DAY: Final = timedelta(days=1)
_REPS: Final = {"sdr-1": "Ana Ruiz", "ae-1": "Farah Haddad", "bdr-2": "Dev Patel"}

_DANA: Final = replace(
    scored_lead("dana"),
    derived=None,
    account="ledgerlane.example",
    person=Person(
        email="dana@ledgerlane.example",
        first_name="Dana",
        last_name="Okafor",
        title="VP Finance Operations",
        phone="+14155550132",
        linkedin_url="https://www.linkedin.com/in/dana-okafor",
        email_status="verified",
        country="US",
    ),
    company=Company(
        name="Ledgerlane",
        domain="ledgerlane.example",
        industry="software",
        country="US",
        employees=420,
        revenue_usd=62_000_000,
        technologies=["salesforce", "snowflake"],
    ),
    source=Origin(
        channel="website",
        name="website",
        campaign="q4-search",
        page_url="https://www.example.com/demo?gclid=1",
        submitted_at=AT - timedelta(minutes=1),
    ),
    message="We lose two days a month reconciling payouts and want to see a demo. Our CFO approved $60k.",
    earlier_messages=[
        Message("Do you support NetSuite?", AT - 30 * _DAY, "website", "https://www.example.com/contact")
    ],
    answers={
        "form name": "Demo request",
        "interest": "demo",
        "biggest challenge": "closing the books takes us nine days",
    },
    activities=[
        Activity("page_view", AT - timedelta(minutes=12), url="https://www.example.com/pricing"),
        Activity("page_view", AT - timedelta(minutes=10), url="https://www.example.com/pricing"),
        Activity("demo_request", AT - timedelta(minutes=1)),
    ],
    score=Score(
        100, 100, 100, "A1", "sql", "mid-market-software",
        [
            ScoreLine("fit", "size", "company.employees", 35, "size: company.employees is 420"),
            ScoreLine("fit", "industry", "company.industry", 30, "industry: company.industry is software"),
            ScoreLine("fit", "hiring", "company.hiring", 0, "hiring: company.hiring is not known"),
            ScoreLine("intent", "demo-request", "demo_request on 2026-03-02", 90, "90 of 90 points at this time"),
            ScoreLine("intent", "pricing", "page_view on 2026-03-02", 40, "40 of 40 points at this time"),
            ScoreLine("intent", "intent", "cap", -30, "intent gives at most 100"),
        ],
    ),
)  # fmt: skip
_BOB: Final = AccountContactRow(
    "bob",
    "ledgerlane.example",
    Person(first_name="Bob", last_name="Stone", title="Controller"),
    Activity("content_download", AT - 3 * _DAY, details={"title": "Payouts without tears"}),
    "sdr-1",
)
_FUNDED: Final = replace(
    scored_lead("kim"),
    derived=None,
    account="targetworks.example",
    person=Person(email="kim@targetworks.example", title="Director of Operations", country="GB"),
    company=Company(domain="targetworks.example", industry="software", country="GB", employees=400),
    message=None,
    source=Origin(channel="website", name="website", page_url="https://www.example.com/e-book"),
    activities=[Activity("content_download", AT - 20 * _DAY)],
    trigger=Trigger("signal", "funding", "funding_round"),
    signals=Signals(
        True,
        ["contract_expiry", "executive_hire", "funding_round"],
        [
            LiveSignal("expiry", "contract_expiry", AT - 9 * _DAY, 45, True, None,
                       {"vendor": "Rivalworks", "expires_on": "2026-03-31"}),
            LiveSignal("funding", "funding_round", AT - 12 * _DAY, 40, True, None,
                       {"amount_usd": 30_000_000, "round": "series_b"}),
            LiveSignal("hire", "executive_hire", AT - 5 * _DAY, 40, True, "Rosa Lindqvist",
                       {"name": "Rosa Lindqvist", "title": "CRO"}),
        ],
    ),
    account_view=AccountView(relation="target", owner="ae-1", roles=["operations", "it"], market_validated=True),
)  # fmt: skip
_ACCOUNT_LEAD: Final = replace(
    _FUNDED,
    person=Person(email_kind="none"),
    activities=[],
    source=Origin(),
    trigger=Trigger("signal", "hire", "executive_hire"),
    account_view=AccountView(relation="target"),
)
_NO_BUDGET: Final = Rejection("sdr-1", "no_budget", AT - 91 * _DAY, 1, back_after=90 * _DAY)
_RECYCLED: Final = replace(
    _DANA,
    source=replace(_DANA.source, submitted_at=AT - 95 * _DAY),
    activities=[replace(done, at=done.at - 95 * _DAY) for done in _DANA.activities],
    earlier_messages=[],
    score=Score(
        48,
        95,
        1,
        "A4",
        "cold",
        "mid-market-software",
        [line for line in _DANA.score.lines if line.part == "fit"],
    ),
)
_BARE: Final = replace(
    scored_lead("some"),
    derived=None,
    person=Person(email="some.person@gmail.com", email_kind="free"),
    company=Company(),
    message=None,
    source=Origin(channel="website", name="website", submitted_at=AT - timedelta(minutes=2)),
    trigger=Trigger("lead", "form", None),
    account_view=AccountView(),
    score=Score(0, 0, 0, "D4", "cold", None, []),
)


def golden_briefs() -> Mapping[str, Brief]:
    """Return the golden briefs by name."""
    notes = {"need": "payouts reconciled without spreadsheets", "timeline": "live before June", "users": 25}
    handed_over = BriefHandOff("Ana Ruiz", notes)
    return {
        "demo_request": brief_for(_DANA, "meddpicc", "ae-1", _BOB),
        "hand_off": brief_for(_DANA, "meddpicc", "ae-1", _BOB, hand_off=handed_over),
        "funding_signal": brief_for(_FUNDED, "meddpicc", "ae-1"),
        "account_lead": brief_for(_ACCOUNT_LEAD, "meddpicc", "bdr-2"),
        "recycled": brief_for(_RECYCLED, "bant", "ae-1", rejections=[_NO_BUDGET]),
        "bare_email": brief_for(replace(_BARE, account=_BARE.lead_id), "bant", "sdr-1"),
    }


def brief_for(
    lead: LeadScoredV1,
    frame: Frame,
    owner: str,
    *contacts: AccountContactRow,
    hand_off: BriefHandOff | None = None,
    rejections: Sequence[Rejection] = (),
) -> Brief:
    """Return the brief on a lead for a rep of the default team."""
    return build_brief(
        lead,
        frame,
        at=AT,
        owner=_REPS[owner],
        contacts=contacts,
        hand_off=hand_off,
        rejections=rejections,
        name_of=lambda rep: _REPS.get(rep, rep),
    )
