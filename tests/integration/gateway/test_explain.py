"""Explanations over HTTP, from what the ledger recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from services.ledger.handlers import LedgerHandler
from shared.lead.events.envelope import Event
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.routing import (
    Brief,
    BriefTrigger,
    Considered,
    Decision,
    PolicyVersions,
    Qualification,
    Sla,
    Suppression,
)
from shared.policy.tables import policies
from shared.policy.versions import seed_policy
from shared.storage.rows import IdentityMap
from shared.worker.unit_of_work import Result, fold
from tests.support.gateway import RunningGateway
from tests.support.scored_leads import AT, event_of, lead_id, scored_event, scored_lead

ANA = lead_id("ana")
SCORED = scored_lead("ana", employees=2_000)
DECISION = Decision(
    change="assigned",
    queue="bdr",
    motion="work",
    owner="bdr-1",
    rule="strategic",
    reasons=["1,000 employees or more"],
    considered=[
        Considered("no_match", rule="new-market"),
        Considered("unknown_field", rule="partner"),
        Considered("earlier_match", rule="nurture"),
        Considered("lower_share", rep="bdr-2"),
    ],
)


def routed(version: str = "builtin") -> Event[Any]:
    brief = Brief(
        company=SCORED.company,
        pain=[],
        stakeholders=[],
        trigger=BriefTrigger("lead"),
        qualification=Qualification("bant", []),
        score_lines=[],
        ask_next=[],
        warm_intro="",
        markdown="",
    )
    data = LeadRoutedV1(
        **_common(),
        decision=DECISION,
        sla=Sla(None),
        brief=brief,
        policy_versions=PolicyVersions("s", version),
    )
    return replace(event_of(data, id_="routed"), causation_id=scored_event(SCORED).id)


def _common() -> dict[str, Any]:
    names = (
        "lead_id",
        "revision",
        "sequence",
        "account",
        "trigger",
        "person",
        "company",
        "provenance",
        "score",
    )
    return {name: getattr(SCORED, name) for name in (*names, "occurred_at")}


async def record(gateway: RunningGateway, *answer: Event[Any]) -> None:
    """Let the ledger record the events."""
    result, world = Result(), IdentityMap()
    fold(LedgerHandler(), world, answer, AT, result=result)
    assert not result.rejected
    async with gateway.database.begin() as tx:
        await tx.write(world)


async def explained(gateway: RunningGateway) -> Any:
    status, answer, _ = await gateway.ask("GET", f"/v1/leads/{ANA}/explain")
    assert status == 200
    return answer


async def test_a_routed_lead_is_explained(gateway):
    moved = LeadReassignedV1(
        ANA, 1, 2, "a.example", replace(DECISION, owner="bdr-2", change="moved"), "bdr-1", "knows them", AT
    )
    rescored = scored_event(replace(SCORED, sequence=2, policy_version="later"))
    await record(gateway, scored_event(SCORED), routed(), event_of(moved, id_="moved"), rescored)
    answer = await explained(gateway)
    decision = answer["decision"]
    assert (decision["queue"], decision["owner"], decision["suppressed"]) == ("bdr", "bdr-1", None)
    assert [(rule["rule"], rule["result"]) for rule in decision["rules"]] == [
        ("new-market", "no_match"),
        ("partner", "unknown_field"),
        ("strategic", "taken"),
        ("nurture", "earlier_match"),
    ]
    assert [(rep["rep"], rep["result"]) for rep in decision["reps"]] == [
        ("bdr-1", "taken"),
        ("bdr-2", "lower_share"),
    ]
    assert [(change["owner"], change["reason"]) for change in answer["since"]] == [("bdr-2", "knows them")]
    assert answer["summary"] == (
        "bdr-1 gets it in bdr, by rule strategic (grade B3); since then knows them: bdr-2"
    )
    fields = {field["field"]: field["value"] for field in answer["fields"]}
    assert fields["company.employees"] == 2_000
    assert answer["scoring"] is None  # nobody knows the policy that it was scored by
    assert answer["policy"] == {"scored": "scored-by", "routed": "builtin", "stored": False}
    assert answer["score"]["reconciles"] is False  # the lines of this score are few


async def test_a_suppressed_lead_is_explained(gateway):
    data = LeadSuppressedV1(
        **_common(), decision=Suppression("opted_out"), policy_versions=PolicyVersions("s", "builtin")
    )
    await record(gateway, scored_event(SCORED), event_of(data, id_="suppressed"))
    answer = await explained(gateway)
    assert (answer["decision"]["suppressed"], answer["decision"]["queue"]) == ("opted_out", None)
    assert answer["summary"] == "Suppressed: opted_out"


async def test_a_decision_by_a_stored_policy_shows_its_rules(gateway):
    await seed_policy(gateway.resources.database, Path("config"), gateway.resources.clock.now())
    async with gateway.database.read() as tx:
        version = (await tx.execute(policies.select())).mappings().one()["version"]
    await record(gateway, scored_event(replace(SCORED, policy_version=version)), routed(version))
    answer = await explained(gateway)
    [segment] = answer["scoring"]["segments"]
    size = {criterion["criterion"]: criterion for criterion in segment["criteria"]}["size"]
    assert [level["verdict"] for level in size["levels"]] == ["no_match", "matched", "no_match"]
    assert size["levels"][1]["because"][0]["saw"] == 2_000
    rules = {rule["rule"]: rule for rule in answer["decision"]["rules"]}
    assert [*rules] == ["new-market", "partner", "strategic", "nurture"]
    assert (rules["strategic"]["queue"], rules["nurture"]["when"]) == ("bdr", None)
    assert rules["strategic"]["when"]["any"][0] == {"field": "company.employees", "gte": 1_000}


async def test_a_lead_that_is_scored_only_has_no_decision_yet(gateway):
    await record(gateway, scored_event(SCORED))
    answer = await explained(gateway)
    assert (answer["decision"], answer["summary"], answer["score"]["grade"]) == (
        None,
        "Scored, not routed yet",
        "B3",
    )


async def test_an_explanation_of_an_unknown_lead_is_404_and_needs_the_scope_read(gateway):
    assert (await gateway.ask("GET", "/v1/leads/unknown/explain"))[0] == 404
    intake = await gateway.key_headers("intake")
    assert (await gateway.ask("GET", "/v1/leads/unknown/explain", headers=intake))[0] == 403
