"""The example policy of seven queues: which lead goes to which queue and to whom, and what its clocks do."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from shared.policy.load import load
from shared.policy.models import Team
from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

_EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "queues"
US: Final = {"industry": "software", "country": "US"}
DE: Final = US | {"country": "DE"}


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    for file in _EXAMPLE.glob("*.yaml"):
        shutil.copy(file, default_policy_dir)
    return default_policy_dir


@pytest.fixture(scope="module", autouse=True)
def working_hours(policy_dir: Path, moved_clock: MovedClock, api: Api) -> None:
    """Move the clock to the next moment at which the whole team is at work."""
    team, now = load(policy_dir).team, moved_clock.now()
    days = (now.date() + timedelta(days=ahead) for ahead in range(1, 60))
    day = next(day for day in days if day.weekday() in (1, 2, 3) and not is_day_off(team, day))
    moved_clock.move(datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC) - now, api)


def is_day_off(team: Team, day: Any) -> bool:
    """Return whether anybody of the team has a holiday or is away."""
    is_holiday = any(day in calendar.days_off(day.year) for calendar in team.calendars.values())
    return is_holiday or any(one.begins <= day <= one.ends for rep in team.reps for one in rep.away)


def lead_of(domain: str, company: Mapping[str, Any], answers: Mapping[str, Any], *, demo: bool) -> Any:
    activity = "demo_request" if demo else "page_view"
    at = {"at": datetime.now(UTC).isoformat()}
    return {
        "person": {"email": f"dana@{domain}", "title": "VP Finance", "country": company.get("country")},
        "company": {"domain": domain, **company},
        "answers": dict(answers),
        "activities": [{"type": activity, **at}],
    }


ANY_FIELD = {"field-1", "field-2", "field-3"}
ANY_SDR = {"sdr-1", "sdr-2", "sdr-3"}
# name: domain, company, answers, whether a demo was asked for; the queue, the rule and who may be the owner
CASES: Final[dict[str, tuple[Any, ...]]] = {
    "customer": ("harborlight.example", US, {}, True, "csm", "customer", {"csm-1", "csm-2"}),
    "partner account": ("alliancehub.example", US, {}, False, "partner", "partner", {"partner-1"}),
    "partner by answer": ("joinus.example", DE, {"interest": "Become a partner"}, True, "partner", "partner", {"partner-2"}),
    "value below": ("acv45.example", US | {"employees": 300}, {"expected_acv": "45000"}, True, "inside-ae", "inside", {"inside-1", "inside-2"}),
    "value as typed": ("acv60.example", US | {"employees": 90}, {"expected_acv": "$60,000"}, True, "field-ae", "field", ANY_FIELD),
    "value at the limit": ("acv50.example", US | {"employees": 90}, {"expected_acv": "50k"}, True, "field-ae", "field", ANY_FIELD),
    "value by choice": ("acvband.example", US | {"employees": 300}, {"expected_acv": "10k to 50k"}, True, "inside-ae", "inside", {"inside-1", "inside-2"}),
    "value by size, small": ("small.example", US | {"employees": 90}, {}, True, "inside-ae", "inside", {"inside-1", "inside-2"}),
    "value by size, large": ("large.example", US | {"employees": 300}, {}, True, "field-ae", "field", ANY_FIELD),
    "value unclear": ("unclear.example", US | {"employees": 300}, {"expected_acv": "not sure yet"}, True, "sdr", "value-unknown", ANY_SDR),
    "territory, field": ("dachlarge.example", DE | {"employees": 300}, {}, True, "field-ae", "field", {"field-2"}),
    "territory, inside": ("dachsmall.example", DE | {"employees": 90}, {}, True, "inside-ae", "inside", {"inside-2"}),
    "skill": ("sprache.example", US | {"employees": 300}, {"language": "German"}, True, "field-ae", "field-german", {"field-2"}),
    "new market": ("verde.example", US | {"country": "BR", "employees": 300}, {}, True, "bdr", "new-market", {"bdr-1", "bdr-2"}),
    "target": ("targetworks.example", US | {"employees": 60}, {}, False, "bdr", "strategic", {"bdr-1", "bdr-2"}),
    "fits": ("fits.example", US | {"employees": 90}, {}, False, "sdr", "fits", ANY_SDR),
    "nurture": ("tiny.example", US | {"employees": 2}, {}, False, "sdr", "nurture", {None}),
    "competitor": ("rivalworks.example", US, {}, True, None, None, {None}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_lead_goes_to_its_queue_and_to_somebody_who_may_have_it(api: Api, case: str):
    domain, company, answers, demo, queue, rule, owners = CASES[case]
    view = api.settled(api.post_lead(lead_of(domain, company, answers, demo=demo)))
    decision = view["decision"]
    assert (decision.get("queue"), decision.get("rule")) == (queue, rule)
    assert view["owner"] in owners
    if case == "nurture":
        assert decision["motion"] == "nurture"


def test_the_label_of_a_forms_own_field_is_the_expected_value(api: Api):
    form = {"Email": "ann@labelled.example", "Company size": "300", "Industry": "software", "Country": "US"}
    form |= {"Job title": "VP Finance", "Annual budget": "€ 60.000", "Message": "Please show us a demo"}
    view = api.settled(api.post_form(form))
    assert (view["decision"]["queue"], view["decision"]["rule"]) == ("field-ae", "field")


def test_the_customers_later_lead_stays_with_their_csm(api: Api):
    first = api.settled(api.post_lead(lead_of("harborlight.example", US, {}, demo=True)))
    body = lead_of("harborlight.example", US, {}, demo=False)
    body["person"]["email"] = "new.colleague@harborlight.example"
    second = api.settled(api.post_lead(body))
    assert (second["decision"]["rule"], second["owner"]) == ("customer-with-csm", first["owner"])


def test_a_deal_goes_from_field_ae_with_a_sales_engineer_to_customer_success(
    api: Api, moved_clock: MovedClock
):
    lead = api.settled(api.post_lead(lead_of("wholepath.example", DE | {"employees": 300}, {}, demo=True)))
    path, owner = f"/v1/leads/{lead['lead_id']}", lead["owner"]
    assert api.http.post(f"{path}/accept", json={"rep": owner}).status_code == 200
    to_se = {"rep": owner, "to": "se", "notes": {"decision_criteria": "SSO"}}
    assert api.http.post(f"{path}/handoff", json=to_se).status_code == 200
    view = api.view(lead["lead_id"])
    assert view is not None
    assert (view["owner"], [one["rep"] for one in view["joined"]]) == (owner, ["se-2"])
    won = {"lead_id": lead["lead_id"], "type": "won", "at": moved_clock.now().isoformat()}
    assert api.http.post("/v1/outcomes", json=won).status_code == 202
    eventually(lambda: (found := api.view(lead["lead_id"])) and found["status"] == "won", what="the end")
    refused = api.http.post(f"{path}/handoff", json={"rep": owner, "to": "csm", "notes": {}})
    missing = {error["pointer"] for error in refused.json()["errors"]}
    assert (refused.status_code, missing) == (422, {"/notes/products", "/notes/contacts", "/notes/goals"})
    notes = {"products": "Reports", "contacts": "Rosa Vidal", "goals": "two days a week"}
    to_csm = {"rep": owner, "to": "csm", "notes": notes}
    assert api.http.post(f"{path}/handoff", json=to_csm).status_code == 200
    view = api.view(lead["lead_id"])
    assert view is not None
    assert (view["owner"], view["decision"]["queue"]) == ("csm-2", "csm")


def test_the_ladder_of_field_aes_reminds_reassigns_escalates_and_falls_back(
    api: Api, moved_clock: MovedClock
):
    lead = api.settled(api.post_lead(lead_of("ladder.example", US | {"employees": 300}, {}, demo=True)))

    def steps() -> list[Any]:
        escalated = [one["data"] for one in api.timeline(lead["lead_id"]) if "escalated" in one["type"]]
        return [(one.get("step"), one.get("to")) for one in escalated]

    for minutes, expected in (
        (11, ("remind", None)),
        (5, ("reassign", None)),
        (30, ("escalate", "mgr-sales")),
        (75, ("fallback", None)),
    ):
        moved_clock.move(timedelta(minutes=minutes), api)
        eventually(lambda: expected in steps(), what=f"step {expected}")  # noqa: B023 - looked at at once
    view = eventually(
        lambda: v if (v := api.view(lead["lead_id"])) and v["decision"]["queue"] == "inside-ae" else None,
        what="the fallback",
    )
    assert view["owner"] in {"inside-1", "inside-2"}
