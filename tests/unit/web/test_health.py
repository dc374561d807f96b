"""Readiness: every check must be ok, and awaited checks fail until they are set."""

from __future__ import annotations

from shared.health import Health
from shared.readiness import Check, Readiness


def test_a_role_without_checks_is_ready():
    assert Health().readiness() == Readiness(ready=True, checks={})


def test_awaited_checks_fail_until_they_are_set():
    health = Health(awaited=["database", "stream"])
    assert health.readiness() == Readiness(
        ready=False, checks={"database": Check(False, "starting"), "stream": Check(False, "starting")}
    )
    health.set("database", ok=True)
    assert not health.readiness().ready
    health.set("stream", ok=True)
    assert health.readiness() == Readiness(
        ready=True, checks={"database": Check(True, ""), "stream": Check(True, "")}
    )


def test_one_failing_check_makes_the_role_not_ready_until_it_recovers():
    health = Health()
    health.set("stream", ok=False, detail="no broker answers")
    health.set("database", ok=True)
    assert not health.readiness().ready
    assert health.readiness().checks["stream"] == Check(False, "no broker answers")
    health.set("stream", ok=True)
    assert health.readiness().ready


def test_a_readiness_does_not_change_when_checks_do():
    health = Health()
    before = health.readiness()
    health.set("stream", ok=False)
    assert before.checks == {}
