"""The figures of each role over HTTP: leads are posted and accepted, outcomes told, two weeks later read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

LEADS = 20
TEAM = """
managers:
  - {id: mona, name: Mona Field}
reps:
  - {id: sdr-1, name: Ana Ruiz, queues: [sdr], manager: mona}
  - {id: bdr-1, name: Dev Patel, queues: [bdr]}
  - {id: ae-1, name: Farah Haddad, queues: [senior-ae], manager: mona, quota: {period: year, amount_usd: 365000}}
  - {id: se-1, name: Sue Ng, queues: [se]}
  - {id: csm-1, name: Cam Lee, queues: [csm]}
"""


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    """The default policy with a team that has each role once."""
    (default_policy_dir / "team.yaml").write_text(TEAM)
    routing = default_policy_dir / "routing.yaml"
    more = "queues:\n  se: {accept_within: 8h}\n  csm: {accept_within: 8h}\n"
    routing.write_text(routing.read_text().replace("queues:                        #", f"{more}  #", 1))
    return default_policy_dir


def usd(value: int) -> dict[str, Any]:
    return {"amount": {"value": value, "currency": "USD"}}


def told_outcomes() -> list[tuple[int, str, str, dict[str, Any]]]:
    """Return lead, type, rep and more of each outcome."""
    return [
        *((n, "meeting_booked", "sdr-1", {}) for n in range(LEADS)),
        (0, "reply", "sdr-1", {}),
        *((n, "opportunity", "ae-1", {"opportunity_id": f"D{n}", **usd(10_000)}) for n in range(12)),
        (0, "opportunity", "ae-1", {"opportunity_id": "D0", "stage": "proposal", **usd(20_000)}),
        *((n, "won", "ae-1", {"opportunity_id": f"D{n}", **usd(5_000)}) for n in range(2)),
        *((n, "lost", "ae-1", {"opportunity_id": f"D{n}"}) for n in range(2, 10)),
        *((n, "pilot_won", "se-1", {}) for n in range(7)),
        *((n, "pilot_lost", "se-1", {}) for n in range(7, 10)),
        *((n, "renewed", "csm-1", usd(1_000)) for n in range(9)),
        (9, "churned", "csm-1", usd(1_000)),
        (9, "expanded", "csm-1", usd(2_500)),
        (9, "expanded", "csm-1", {"amount": {"value": 9, "currency": "EUR"}}),
    ]


@pytest.fixture(scope="module")
def roles(api: Api, moved_clock: MovedClock) -> dict[str, dict[str, Any]]:
    """The report on roles after all outcomes, by role."""
    views: list[dict[str, Any]] = []
    for n in range(LEADS):
        lead = {
            "person": {"email": f"lead@roles-{n}.example", "title": "VP Sales"},
            "company": {"employees": 300, "industry": "software", "country": "US"},
        }
        view = api.settled(api.post_lead(lead))
        assert view["owner"] == "sdr-1", view
        assert api.http.post(f"/v1/leads/{view['lead_id']}/accept", json={}).status_code in (200, 202)
        views.append(view)
    moved_clock.move(timedelta(days=13), api)
    for ordinal, (number, kind, rep, more) in enumerate(told_outcomes()):
        at = moved_clock.now() - timedelta(minutes=60) + timedelta(seconds=ordinal)
        body = {"lead_id": views[number]["lead_id"], "type": kind, "rep": rep, "at": at.isoformat(), **more}
        for _ in range(2):  # told twice: the id of the outcome makes it one
            answer = api.http.post("/v1/outcomes", json=body | {"external_id": f"crm-{ordinal}"})
            assert answer.status_code == 202, answer.text

    def counted() -> dict[str, dict[str, Any]] | None:
        found = {one["role"]: one for one in api.http.get("/v1/reports/roles").json()["roles"]}
        figure = found["CSM"]["figures"]["net_revenue_retention"]
        return found if figure["n"] == 12 else None

    return eventually(counted, what="the outcomes in the report")


FIGURES = [
    # role, figure, value, cases, verdict
    ("SDR", "meetings_per_week", 10.0, None, "within"),
    ("SDR", "meeting_to_opportunity", 0.6, 20, "within"),
    ("SDR", "reply_rate", 0.05, 20, "within"),
    ("BDR", "named_pipeline", None, 0, None),
    ("AE", "win_rate", 0.2, 10, "within"),
    ("AE", "coverage", 0.055, None, "below"),
    ("SE", "pilot_conversion", 0.7, 10, "within"),
    ("CSM", "net_revenue_retention", 1.15, 12, "within"),
    ("CSM", "gross_revenue_retention", 0.9, 12, "within"),
]


@pytest.mark.parametrize(("role", "name", "value", "n", "verdict"), FIGURES)
def test_the_figure_of_a_role(
    roles: dict[str, dict[str, Any]],
    role: str,
    name: str,
    value: float | None,
    n: int | None,
    *,
    verdict: str | None,
):
    figure = roles[role]["figures"][name]
    assert (figure["value"], figure["n"], figure["verdict"]) == (value, n, verdict), figure
    if role not in ("BDR", "SDR"):
        assert roles[role]["reps"][0]["figures"][name]["value"] == value


def test_attainment_is_against_the_quota_for_as_many_days(roles: dict[str, dict[str, Any]]):
    figure = roles["AE"]["figures"]["attainment"]
    assert figure["value"] == pytest.approx(10_000 / (365_000 / 365.25 * 90), abs=0.001)
    assert figure["verdict"] == "below"


def test_amounts_in_other_currencies_are_named_and_not_in_the_sum(roles: dict[str, dict[str, Any]]):
    note = roles["CSM"]["figures"]["net_revenue_retention"]["note"]
    assert note == "1 outcome without an amount in US dollars is not in it"


def test_counts_are_of_opportunities_and_not_of_what_was_told(roles: dict[str, dict[str, Any]]):
    counts = roles["AE"]["counts"]
    assert (counts["opportunities"], counts["won"], counts["lost"], counts["won_usd"]) == (12, 2, 8, 10_000)
    assert roles["SDR"]["counts"]["assigned"] == LEADS
    assert roles["SDR"]["counts"]["accepted"] == LEADS


def test_erasure_leaves_the_counters(api: Api, roles: dict[str, dict[str, Any]]):
    before = api.http.get("/v1/reports/sources").json()["channels"]
    answer = api.http.delete("/v1/people", params={"email": "lead@roles-0.example"})
    assert answer.status_code in (200, 202), answer.text
    eventually(
        lambda: api.http.get("/v1/leads", params={"email": "lead@roles-0.example"}).json()["data"] == [],
        what="the erasure",
    )
    assert api.http.get("/v1/reports/sources").json()["channels"] == before
    counts = {one["role"]: one for one in api.http.get("/v1/reports/roles").json()["roles"]}["AE"]["counts"]
    assert counts["won"] == roles["AE"]["counts"]["won"]


def test_capacity_knows_the_roles_and_managers(api: Api, roles: dict[str, dict[str, Any]]):
    del roles
    capacity = api.http.get("/v1/reports/capacity").json()
    assert capacity["heads"] == {"SDR": 1, "BDR": 1, "AE": 1, "SE": 1, "CSM": 1}
    assert capacity["ratios"]["aes_per_manager"]["value"] == 1
    assert capacity["ratios"]["aes_per_se"]["verdict"] == "below"
    assert capacity["in_words"] == "The figures ask for no hire."
