"""What the page Status says about roles, checks and topics."""

from __future__ import annotations

from datetime import UTC, datetime

from services.gateway.api.status import (
    GroupView,
    ProcessView,
    ReadinessCheck,
    RoleStateView,
    StatusView,
    TopicView,
)
from services.gateway.console.views.status import status_view
from services.gateway.domain.role_states import ROLES, ProcessState, role_summaries, roles_of, unread_of
from shared.messaging.manifest import BY_NAME, TOPICS
from shared.readiness import Check

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
OK = Check(ok=True, detail="")


def process(
    name: str, *, silent: bool = False, unread: dict[str, dict[str, int]] | None = None, **checks: Check
) -> ProcessState:
    """Return a process whose checks are named like `router__stream`."""
    named = {check.replace("__", ".").replace("_", "-"): state for check, state in checks.items()}
    return ProcessState(name, False, AT, AT, silent, roles_of(named), named, unread or {})


def test_a_role_is_what_its_processes_tell():
    summaries = role_summaries(
        [
            process("a:1", gateway=OK, database=OK),
            process("b:1", router__stream=OK),
            process("c:1", router__stream=Check(ok=False, detail="the broker is away")),
            process("d:1", silent=True, scorer__stream=OK),
            process("e:1", ledger__stream=OK, database=Check(ok=False, detail="refused")),
        ]
    )
    told = {one.role: (one.state, one.processes) for one in summaries}
    assert told == {
        "gateway": ("works", 1),
        "enricher": ("absent", 0),
        "scorer": ("silent", 0),
        "router": ("fails", 2),
        "router-deliver": ("absent", 0),
        "ledger": ("fails", 1),
    }
    says = {one.role: one.says for one in summaries}
    assert says["router"] == "router stream: the broker is away"
    assert says["ledger"] == "database: refused"
    assert "d:1" in says["scorer"]
    assert says["gateway"] == ""


def test_what_a_group_has_not_read_is_the_sum_over_the_processes_that_report():
    topic = BY_NAME["leads.scored.v1"]
    router = {"router": {topic.name: 3}}
    found = unread_of(
        topic,
        [
            process("a:1", unread=router, router__stream=OK),
            process("b:1", unread=router, router__stream=OK),
            process("c:1", silent=True, unread={"ledger": {topic.name: 9}}, ledger__stream=OK),
        ],
    )
    assert [(one.role, one.unread) for one in found] == [("router", 6), ("ledger", None)]


def test_every_reader_of_a_topic_is_a_role():
    assert {reader for topic in TOPICS for reader in topic.readers} == set(ROLES)


def test_the_page_names_what_is_broken_first():
    checks = [ReadinessCheck(name="router.stream", ok=False, detail="the broker is away")]
    fine = [
        ReadinessCheck(name="gateway", ok=True, detail="port 80"),
        ReadinessCheck(name="gateway.prune", ok=True, detail=""),
    ]

    def told(name: str, found: list[ReadinessCheck], *, silent: bool = False) -> ProcessView:
        return ProcessView(
            id=name, is_this=False, started_at=AT, heard_at=AT, silent=silent, roles=[], checks=found
        )

    status = StatusView(
        ready=False,
        version="1",
        policy=None,
        policy_since=None,
        checks=fine,
        backlog=[],
        processes=[told("a:1", fine), told("b:1", checks), told("c:1", checks, silent=True)],
        roles=[
            RoleStateView(role="gateway", state="works", processes=1, says=""),
            RoleStateView(role="scorer", state="absent", processes=0, says="No process of it runs."),
        ],
        topics=[
            TopicView(
                topic="leads.enriched.v1",
                last_at=AT,
                groups=[GroupView(role="scorer", unread=None), GroupView(role="ledger", unread=1_200)],
            )
        ],
    )
    view = status_view(status)
    assert view.failing == "1 role does not work and 1 check fails"
    assert [(line.name, line.state) for line in view.roles] == [
        ("Scorer", "does not run"),
        ("Gateway", "works"),
    ]
    assert [(line.name, line.ok, line.detail) for line in view.checks] == [
        ("Router stream", False, "the broker is away (b:1)"),
        ("Gateway", True, "2 checks · port 80"),
    ]
    assert [(line.name, line.readers, line.behind) for line in view.topics] == [
        ("Leads enriched", "scorer does not run · ledger 1,200", True)
    ]
