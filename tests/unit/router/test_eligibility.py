"""Who may get a lead: owners of accounts who are passed over, limits, absences, skills and territories."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.router.domain.eligibility import considered_again
from services.router.policy import ANYBODY, RoutingPolicy
from shared.lead.events.routing import Considered
from shared.lead.events.scoring import AccountView
from shared.policy.hours import parse_hours
from shared.policy.models import Absence, Calendar, Cap, RoutingRule, Team, Territory
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.worker.decision import Outcome
from tests.support.routing_policies import default_policy, queue, rep, routing_policy_with
from tests.support.scored_leads import AT, scored_event, scored_lead

QUEUES = {"sdr": queue("4h"), "bdr": queue("8h"), "senior-ae": queue("15m", fallback="sdr")}
ACCOUNT = "kestrel.example"
HOT = {"grade": "A1"}
EVENING = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 13:00-17:00")}
NIGHT = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 18:00-23:00")}
NIGHT_TODAY = "back Monday 2 March 18:00 UTC"


def caps(*given: tuple[int, str]) -> tuple[Cap, ...]:
    return tuple(Cap(count=count, per=per) for count, per in given)


def away(begins: str, ends: str) -> tuple[Absence, ...]:
    return (Absence.model_validate({"from": begins, "to": ends}),)


def policy_of(*reps: Any, **routing: Any) -> RoutingPolicy:
    return routing_policy_with(reps, QUEUES, **routing)


def passed(router: Any, at: int = 0) -> dict[str, Any]:
    """The reps who did not get the lead of the last decision, with reason and detail."""
    entries = (entry for entry in router.decision(at)["considered"] if "rep" in entry)
    return {entry["rep"]: (entry["skipped"], entry.get("detail")) for entry in entries}


# The owner of an account


@pytest.mark.parametrize(
    ("given", "is_said", "reason"),
    [
        ({}, True, ("unavailable", None)),
        ({"away": away("2026-03-01", "2026-03-04")}, False, ("unavailable", "away until 4 March")),
        ({"away": away("2026-12-20", "2026-12-24")}, False, None),
        (NIGHT, False, ("off_hours", NIGHT_TODAY)),
        (EVENING, False, None),
        ({"max_open": 1}, False, ("at_cap", "1 open")),
        ({"max_open": 2}, False, None),
        ({"caps": caps((1, "hour"))}, False, ("at_cap", "1 per hour")),
        ({"caps": caps((5, "hour"), (1, "day"))}, False, ("at_cap", "1 per day")),
        ({"caps": caps((1, "7d"))}, False, ("at_cap", "1 per 7 days")),
        ({"caps": caps((2, "7d"))}, False, None),
    ],
)
def test_a_new_lead_of_an_account_passes_an_owner_who_may_not_have_it(simulate, given, is_said, reason):
    """The owner is back in time where the lead may wait for as long; the queue has 4 hours."""
    router = simulate(policy_of(rep("one"), rep("two"), rep("ae", "senior-ae")))
    router.score("ana", account=ACCOUNT)
    assert router.owner("ana") == "one"
    router.use_policy(policy_of(rep("one", **given), rep("two"), rep("ae", "senior-ae")))
    if "caps" in given:
        router.score("cy")
        router.act("reassign", "cy", to="one")
    router.set_available("one", available=not is_said)
    router.score("ben", account=ACCOUNT)
    decision = router.decision()
    assert (decision["rule"], decision["queue"], decision["change"]) == ("existing-owner", "sdr", "assigned")
    if reason is None:
        assert router.owner("ben") == "one"
        return
    assert router.owner("ben") == "two"
    assert passed(router)["one"] == reason
    assert "the account's owner one is passed over: " in " ".join(decision["reasons"])
    assert router.owner("ana") == "one", "leads that are owned stay"


@pytest.mark.parametrize(
    ("accept_within", "given", "owner"),
    [
        ("4h", {}, "holder"),
        ("4h", {"max_open": 1}, "other"),
        ("4h", {"weight": 0}, "other"),
        ("3h", {}, "other"),
    ],
)
def test_a_holder_of_the_queue_above_who_is_soon_back_comes_first_too(simulate, accept_within, given, owner):
    """It is 9:01, and the holder is back at 13:00."""
    queues = {**QUEUES, "senior-ae": queue(accept_within, fallback="sdr")}
    holder, others = rep("holder", "senior-ae"), (rep("other", "senior-ae", weight=500), rep("one"))
    router = simulate(routing_policy_with((holder, *others), queues))
    router.score("ana", account=ACCOUNT)
    router.at += timedelta(minutes=1)
    router.score("ben", account=ACCOUNT)
    router.act("reassign", "ben", to="holder")
    away_now = holder.model_copy(update={**EVENING, **given})
    router.use_policy(routing_policy_with((away_now, *others), queues))
    router.score("cy", account=ACCOUNT, **HOT)
    assert (router.owner("cy"), router.decision()["rule"]) == (owner, "high-intent")
    assert router.decision()["turn"].get("preferred") == (owner if owner == "holder" else None)
    if owner == "other":
        assert passed(router)["holder"][0] == "off_hours"


def test_leads_that_are_owned_stay_with_an_owner_who_is_away(simulate):
    router = simulate(policy_of(rep("one"), rep("two"), rep("ae", "senior-ae")))
    router.score("ana", account=ACCOUNT)
    router.set_available("one", available=False)
    router.score("ana", account=ACCOUNT, revision=2, sequence=2)
    assert (router.decision()["change"], router.owner("ana")) == ("kept", "one")


def test_the_owner_in_the_crm_is_passed_over_too(simulate):
    router = simulate(policy_of(rep("one"), rep("two"), rep("ae", "senior-ae")))
    router.set_available("two", available=False)
    router.score("ana", account=ACCOUNT, view=AccountView(owner="two", market_validated=True))
    assert (router.owner("ana"), passed(router)["two"]) == ("one", ("unavailable", None))
    assert router.decision()["owner_before"]["rep"] == "two"


def test_one_rep_stands_in_for_an_owner_who_is_away(simulate):
    """The next colleague goes to whoever got the first one, until the owner is back."""
    router = simulate(policy_of(rep("one"), rep("two"), rep("three"), rep("ae", "senior-ae")))
    router.score("ana", account=ACCOUNT)
    router.at += timedelta(minutes=1)
    router.set_available("one", available=False)
    router.score("ben", account=ACCOUNT)
    router.score("cy", account=ACCOUNT)
    assert router.owner("ben") == router.owner("cy") != "one"
    router.set_available("one", available=True)
    router.score("dora", account=ACCOUNT)
    assert router.owner("dora") == "one"


def test_a_colleague_who_fits_little_is_not_put_aside_because_the_owner_is_away(simulate):
    router = simulate(policy_of(rep("one"), rep("two"), rep("ae", "senior-ae")))
    router.score("ana", account=ACCOUNT)
    router.set_available("one", available=False)
    router.score("ben", account=ACCOUNT, grade="D4")
    assert (router.owner("ben"), router.decision()["motion"]) == ("two", "work")


def test_a_list_of_colleagues_never_takes_a_rep_above_the_limit(simulate):
    """All in one unit of work, so that each sees what the one before it changed."""
    team = (rep(name, max_open=30) for name in ("one", "two", "three"))
    router = simulate(policy_of(*team, rep("ae", "senior-ae")))
    router.score("ana", account=ACCOUNT)
    router.process(*(scored_event(scored_lead(f"p{number}", account=ACCOUNT)) for number in range(300)))
    owners = Counter(router.owner(f"p{number}") for number in range(300))
    assert owners == {"one": 29, "two": 30, "three": 30, None: 211}


def test_a_lead_waits_when_nobody_may_and_goes_to_the_owner_who_is_back(simulate):
    router = simulate(policy_of(rep("one", **NIGHT), rep("two", **NIGHT), rep("ae", "senior-ae", **NIGHT)))
    router.score("ana", account=ACCOUNT, view=AccountView(owner="two", market_validated=True))
    assert (router.decision()["change"], router.owner("ana")) == ("waiting", None)
    assert passed(router) == {
        "one": ("off_hours", NIGHT_TODAY),
        "two": ("off_hours", NIGHT_TODAY),
        "ae": ("not_in_queue", None),
    }
    router.at = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
    router.assign_waiting()
    assert router.owner("ana") == "two"


def test_whoever_holds_the_account_in_the_queue_above_comes_first_if_they_may(simulate):
    router = simulate(policy_of(rep("one"), rep("a1", "senior-ae"), rep("a2", "senior-ae")))
    router.score("ana", account=ACCOUNT)
    router.score("ben", account=ACCOUNT, **HOT)
    held_by = router.owner("ben")
    router.score("cy", account=ACCOUNT, **HOT)
    assert router.owner("cy") == held_by
    router.set_available(str(held_by), available=False)
    router.score("dora", account=ACCOUNT, **HOT)
    stand_in = router.owner("dora")
    assert stand_in in {"a1", "a2"} - {held_by}
    assert passed(router)[held_by] == ("unavailable", None)
    router.score("eve", account=ACCOUNT, **HOT)
    assert router.owner("eve") == stand_in


# Limits


def test_a_lead_that_was_credited_back_counts_under_no_cap(simulate):
    router = simulate(policy_of(rep("one", caps=caps((1, "day"))), rep("ae", "senior-ae")))
    router.score("ana")
    router.score("ben")
    assert (router.owner("ben"), passed(router)["one"]) == (None, ("at_cap", "1 per day"))
    router.act("reject", "ana", reason="spam")
    router.assign_waiting()
    assert router.owner("ben") == "one"


def test_a_rejected_lead_that_is_not_credited_back_counts(simulate):
    router = simulate(policy_of(rep("one", caps=caps((1, "day"))), rep("ae", "senior-ae")))
    router.score("ana")
    router.act("reject", "ana", reason="not_icp")
    router.score("ben")
    assert router.owner("ben") is None


@pytest.mark.parametrize(
    ("per", "still", "again"),
    [
        ("hour", timedelta(minutes=59, seconds=59), timedelta(hours=1)),
        # 9 o'clock in London, so midnight there is 15 hours later
        ("day", timedelta(hours=14, minutes=59), timedelta(hours=15)),
        ("1d", timedelta(hours=23, minutes=59), timedelta(hours=24)),
        ("7d", timedelta(days=6, hours=23), timedelta(days=7)),
    ],
)
def test_a_cap_ends_with_its_window(simulate, per, still, again):
    router = simulate(
        policy_of(rep("one", caps=caps((1, per)), time_zone="Europe/London"), rep("ae", "senior-ae"))
    )
    router.score("ana")
    router.score("ben")
    for after, owner in ((still, None), (again, "one")):
        router.at = AT + after
        router.assign_waiting()
        assert router.owner("ben") == owner


def test_a_manager_may_give_a_rep_who_is_at_a_limit_a_lead_by_name(simulate):
    router = simulate(policy_of(rep("one", max_open=1, **NIGHT), rep("two"), rep("ae", "senior-ae")))
    for name in ("ana", "ben"):
        router.score(name)
        assert router.act("reassign", name, to="one") is Outcome.APPLIED
        assert router.owner(name) == "one"


# Absences


@pytest.mark.parametrize(
    ("at", "is_away"),
    [
        ("2026-03-05T04:59:59+00:00", False),
        ("2026-03-05T05:00:00+00:00", True),
        # the clocks of New York change on 8 March
        ("2026-03-09T03:59:59+00:00", True),
        ("2026-03-09T04:00:00+00:00", False),
    ],
)
def test_both_days_of_an_absence_count_by_the_clock_of_the_rep(simulate, at, is_away):
    one = rep("one", time_zone="America/New_York", away=away("2026-03-05", "2026-03-08"))
    router = simulate(policy_of(one, rep("ae", "senior-ae")))
    router.at = datetime.fromisoformat(at)
    router.score("ana")
    assert (router.owner("ana") is None) is is_away
    if is_away:
        assert passed(router)["one"] == ("unavailable", "away until 8 March")


def test_a_rep_who_comes_back_is_owed_nothing_of_the_time_away(simulate):
    away_for_a_week = rep("one", away=away("2026-03-02", "2026-03-08"))
    router = simulate(policy_of(away_for_a_week, rep("two"), rep("ae", "senior-ae")))
    for number in range(20):
        router.score(f"p{number}")
    router.at = AT + timedelta(days=7)
    for number in range(20, 30):
        router.score(f"p{number}")
    owners = Counter(router.owner(f"p{number}") for number in range(20, 30))
    assert owners == {"one": 5, "two": 5}


def test_a_holiday_is_told_as_one(simulate):
    calendars = {"us": Calendar(extra=(date(2026, 3, 2),))}
    team = Team(
        reps=(
            rep("one", calendar="us", time_zone="America/New_York", hours=parse_hours("Mon-Fri 03:00-17:00")),
            rep("ae", "senior-ae"),
        ),
        calendars=calendars,
    )
    router = simulate(routing_policy_with(None, QUEUES, team=team))
    router.score("ana")
    assert passed(router)["one"] == ("off_hours", "holiday, back Tuesday 3 March 03:00 EST")


# Skills and territories


GERMAN = RoutingRule(
    name="german", queue="sdr", when=Compare("score.fit_grade", Op.EQ, "B"), skills=("de", "fintech")
)
REST = RoutingRule(name="rest", queue="sdr")
KEEP = RoutingRule(name="owned", queue="keep", owner="keep", when=Compare("owner.active", Op.EQ, value=True))


def test_only_a_rep_with_all_skills_gets_a_lead_of_a_rule_that_demands_them(simulate):
    skilled = rep("two", skills=("fintech", "fr", "de"))
    policy = policy_of(rep("one", skills=("de",)), skilled, rep("three"), rules=(GERMAN, REST))
    router = simulate(policy)
    for number in range(4):
        router.score(f"p{number}")
        assert router.owner(f"p{number}") == "two"
        assert passed(router) == {
            "one": ("lacks_skill", "fintech"),
            "three": ("lacks_skill", "de, fintech"),
        }
    assert router.act("reassign", "p0") is Outcome.UNCHANGED, "nobody else has the skills"
    assert router.act("reassign", "p0", to="one") is Outcome.APPLIED, "a named rep is not limited"
    router.set_available("two", available=False)
    router.score("waits")
    assert router.decision()["change"] == "waiting"


@pytest.mark.parametrize("how", ["reject", "reroute", "reassign", "overdue", "leaver"])
def test_skills_hold_for_the_next_rep_also_after_another_form(simulate, how):
    """The rule by which a lead stays with its owner demands nothing; the one that chose its queue does."""
    keep = next(rule for rule in default_policy().routing.rules if rule.keeps)
    german = RoutingRule(name="german", queue="sdr", skills=("de",))
    reps = (rep("one", skills=("de",)), rep("two"), rep("three", skills=("de",)), rep("ae", "senior-ae"))
    router = simulate(policy_of(*reps, rules=(keep, german)))
    router.score()
    for number in (2, 3):
        router.score(revision=number, sequence=number)
        assert router.decision()["rule"] == router.lead().rule == keep.name
    first = router.owner()
    if how in ("reject", "reroute"):
        router.act("reject", rep=first, reason="too slow" if how == "reject" else "wrong_person")
    elif how == "reassign":
        router.act("reassign")
        first = router.owner()
        router.act("reassign")
    elif how == "overdue":
        router.advance(timedelta(hours=4))
    else:
        router.act("accept", rep=first)
        router.use_policy(policy_of(*(one for one in reps if one.id != first), rules=(keep, german)))
        router.assign_waiting()
    assert {first, router.owner()} == {"one", "three"}
    told = [passed(router, number).get("two") for number in range(len(router.emitted))]
    assert ("lacks_skill", "de") in told
    router.act("reject", rep=router.owner())
    assert router.owner() in (None, "one", "three")


def test_skills_hold_for_a_lead_that_was_merged_into_another(simulate):
    keep = next(rule for rule in default_policy().routing.rules if rule.keeps)
    german = RoutingRule(name="german", queue="sdr", skills=("de",))
    reps = (rep("one", skills=("de",)), rep("two"), rep("three", skills=("de",)), rep("ae", "senior-ae"))
    router = simulate(policy_of(*reps, rules=(keep, german)))
    router.score("ana")
    router.score("ben", merged=["ana"])
    assert (router.decision()["rule"], router.lead("ben").rule) == (keep.name, keep.name)
    first = router.owner("ben")
    router.act("reject", "ben", rep=first)
    assert {first, router.owner("ben")} == {"one", "three"}


def test_skills_hold_in_the_fallback_queue_and_for_leads_that_wait(simulate):
    demanding = RoutingRule(name="german", queue="senior-ae", skills=("de",))
    policy = policy_of(rep("ae", "senior-ae"), rep("one"), rep("two", skills=("de",)), rules=(demanding,))
    router = simulate(policy)
    router.score("ana")
    assert (router.owner("ana"), router.decision()["queue"]) == ("two", "sdr")
    router.set_available("two", available=False)
    router.score("ben")
    assert router.owner("ben") is None
    assert router.assign_waiting() is Outcome.UNCHANGED
    router.set_available("two", available=True)
    router.assign_waiting()
    assert router.owner("ben") == "two"


def territory(name: str, *reps: str, field: str, value: Any) -> Territory:
    return Territory(name=name, when=Compare(field, Op.EQ, value), reps=reps)


def test_the_first_territory_that_matches_limits_who_gets_the_lead(simulate):
    territories = (
        territory("good", "two", "ae", field="score.grade", value="B3"),
        territory("all", "one", field="score.fit_grade", value="B"),
    )
    policy = policy_of(rep("one"), rep("two"), rep("ae", "senior-ae"), territories=territories)
    router = simulate(policy)
    for number in range(3):
        router.score(f"p{number}")
        assert (router.owner(f"p{number}"), router.decision()["territory"]) == ("two", "good")
        assert passed(router)["one"] == ("not_in_territory", None)
    router.act("reject", "p0", reason="wrong_person")
    assert router.owner("p0") is None, "nobody else of the territory is in the queue"
    router.score("other", grade="B1")
    assert (router.owner("other"), router.decision()["territory"]) == ("one", "all")
    router.score("none", grade="C1")
    assert "territory" not in router.decision()


def test_a_territory_whose_condition_is_unknown_does_not_limit(simulate):
    unknown = territory("big", "two", field="company.employees", value=200)
    router = simulate(policy_of(rep("one"), rep("two"), rep("ae", "senior-ae"), territories=(unknown,)))
    router.score("ana", employees=None)
    assert router.owner("ana") == "one"
    router.score("ben", employees=200)
    assert router.owner("ben") == "two"


def test_leads_of_a_territory_are_shared_among_its_reps_only(simulate):
    """Whoever could not have had a lead is owed nothing for it."""
    dach = territory("dach", "two", field="company.employees", value=200)
    router = simulate(policy_of(rep("one"), rep("two"), rep("ae", "senior-ae"), territories=(dach,)))
    for number in range(10):
        router.score(f"dach-{number}")
    for number in range(4):
        router.score(f"p{number}", employees=300)
    assert Counter(router.owner(f"p{number}") for number in range(4)) == {"one": 2, "two": 2}


def test_an_owner_of_the_account_outside_of_the_territory_is_passed_over(simulate):
    dach = territory("dach", "two", field="company.employees", value=200)
    router = simulate(policy_of(rep("one"), rep("two"), rep("ae", "senior-ae"), territories=(dach,)))
    router.score("ana", account=ACCOUNT, employees=300)
    assert router.owner("ana") == "one"
    router.score("ben", account=ACCOUNT, employees=200)
    assert (router.owner("ben"), passed(router)["one"]) == ("two", ("not_in_territory", None))


def test_a_new_lead_goes_to_no_queue_that_the_policy_has_no_more(simulate):
    router = simulate(policy_of(rep("one", "bdr"), rep("two"), rep("ae", "senior-ae")))
    router.score("ana", account=ACCOUNT, view=AccountView(relation="target", market_validated=True))
    assert (router.owner("ana"), router.decision()["queue"]) == ("one", "bdr")
    queues = {name: settings for name, settings in QUEUES.items() if name != "bdr"}
    router.use_policy(routing_policy_with((rep("one"), rep("two")), queues, rules=(KEEP, REST)))
    router.score("ben", account=ACCOUNT)
    assert (router.owner("ben"), router.decision()["queue"]) == ("one", "sdr")


# Evaluated again


def test_a_rep_who_may_have_the_lead_by_another_policy_has_no_detail_of_the_first():
    away_then = Considered("unavailable", rep="one", detail="away until 4 March")
    policy = policy_of(rep("one"), rep("ae", "senior-ae"))
    assert considered_again(away_then, policy, AT, ANYBODY, queues=("sdr",)) == Considered(
        "lower_share", rep="one"
    )
