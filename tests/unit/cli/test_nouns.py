"""What each command sends to the gateway, what it prints, and its exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.lead.ids import lead_id_of

SUBSCRIPTION = {"id": "s1", "url": "https://x.example/in", "events": ["lead.routed"], "state": "active"}
DELIVERED = {"id": "d1", "state": "delivered", "delivered_at": "2026-03-01T09:00:00Z", "last_error": None}
FAILED = {"id": "d1", "state": "pending", "delivered_at": None, "last_error": "status 500"}
DELIVERY = FAILED | {"event_type": "lead.routed", "event_id": "e1", "url": "https://x.example/in"}
LETTERS = [
    {
        "id": "1",
        "at": "now",
        "stage": "scorer",
        "topic": "t",
        "kind": "data",
        "message": "m",
        "replayed_at": None,
    },
    {
        "id": "2",
        "at": "now",
        "stage": "scorer",
        "topic": "t",
        "kind": "data",
        "message": "m",
        "replayed_at": "now",
    },
    {
        "id": "3",
        "at": "now",
        "stage": "scorer",
        "topic": "t",
        "kind": "data",
        "message": "m",
        "replayed_at": None,
    },
]
EXPLANATION: dict[str, Any] = {
    "summary": "Ana is with sdr-1.",
    "score": {"lines": [{"part": "fit", "rule": "size", "points": 20, "why": "420 employees"}]},
    "decision": {
        "reasons": ["score fit grade is A"],
        "rules": [{"rule": "fits", "queue": "sdr", "result": "matched", "because": [{"says": "grade is A"}]}],
        "reps": [{"rep": "sdr-1", "result": "next in turn"}],
    },
    "since": [],
    "fields": [{"field": "company.employees", "value": 420, "source": "form", "confidence": 1.0, "cost": 0}],
    "counterfactuals": [{"says": "with 10 employees: bdr"}],
}


class TestExitCodes:
    """0: done, 1: refused or failed, 2: wrong usage, 3: Baton is not reachable."""

    def test_done_is_0(self, baton, gateway):
        gateway.answers["GET /v1/subscriptions"] = {"data": [SUBSCRIPTION], "next": None}
        assert baton("subscriptions", "list")[0] == 0

    def test_a_problem_is_1_with_its_title_and_detail(self, baton, gateway):
        problem = {"title": "Not allowed", "detail": "The key has no scope admin", "status": 403}
        gateway.answers["GET /v1/api-keys"] = (403, problem)
        assert baton("keys", "list") == (1, "", "baton: Not allowed: The key has no scope admin\n")

    def test_the_faults_of_a_body_are_a_line_each(self, baton, gateway):
        errors = [{"pointer": "/url", "detail": "not https"}, {"pointer": "", "detail": "too much"}]
        gateway.answers["POST /v1/subscriptions"] = (
            422,
            {"title": "The body is not valid", "errors": errors},
        )
        code, out, err = baton("subscriptions", "create", "http://x.example")
        assert (code, out) == (1, "")
        assert err.splitlines() == [
            "baton: The body is not valid",
            "baton:   /url: not https",
            "baton:   /: too much",
        ]

    def test_an_answer_that_is_no_problem_document_is_reported_by_its_status(self, baton, gateway):
        gateway.answers["GET /v1/api-keys"] = (502, None)
        assert baton("keys", "list") == (1, "", "baton: Refused (502)\n")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("dead-letters", "replay"),
            ("dead-letters", "replay", "1", "--all"),
            ("subscriptions", "update", "s1"),
            ("deliveries", "list", "s1", "--limit", "0"),
            ("nobody",),
        ],
    )
    def test_wrong_usage_is_2_and_sends_nothing(self, baton, gateway, arguments):
        assert baton(*arguments)[0] == 2
        assert gateway.requests == []

    def test_nobody_there_is_3(self, baton, gateway):
        def refuse(request: Any) -> None:
            import httpx2

            raise httpx2.ConnectError("connection refused")

        gateway.answers["GET /v1/api-keys"] = refuse
        code, _, err = baton("keys", "list")
        assert code == 3
        assert "BATON_URL" in err
        assert "connection refused" in err

    def test_a_setting_that_is_not_valid_is_1(self, baton, monkeypatch):
        monkeypatch.setenv("BATON_URL", "")
        monkeypatch.setenv("BATON_ADMIN_KEY", "short")
        code, _, err = baton("keys", "list")
        assert code in (0, 1)
        assert "Traceback" not in err


def test_every_request_has_the_administrator_s_key(baton, gateway):
    gateway.answers["GET /v1/api-keys"] = {"data": [], "next": None}
    baton("keys", "list")
    assert gateway.requests[0].headers["authorization"] == "Bearer the-admin-key-of-the-tests-0123456789"


class TestLists:
    def test_a_list_is_read_page_by_page(self, baton, gateway):
        pages = {None: ("a", "2"), "2": ("b", "3"), "3": ("c", None)}

        def page(request: Any) -> Any:
            id_, cursor = pages[request.url.params.get("cursor")]
            return {"data": [SUBSCRIPTION | {"id": id_}], "next": cursor}

        gateway.answers["GET /v1/subscriptions"] = page
        _, out, _ = baton("subscriptions", "list", "--json")
        assert [row["id"] for row in json.loads(out)] == ["a", "b", "c"]

    @pytest.mark.parametrize(
        ("arguments", "path", "text"),
        [
            (("keys", "list"), "/v1/api-keys", "No keys but the administrator's."),
            (("subscriptions", "list"), "/v1/subscriptions", "No subscriptions."),
            (("dead-letters", "list"), "/v1/dead-letters", "No dead letters."),
            (("deliveries", "list", "s1"), "/v1/subscriptions/s1/deliveries", "No deliveries."),
            (("providers", "report"), "/v1/providers", "No providers."),
            (("timeline", "lead-1"), "/v1/leads/lead-1/timeline", "Nothing happened to this lead."),
        ],
    )
    def test_an_empty_list_is_said_in_words_and_is_an_empty_array_in_json(
        self, baton, gateway, arguments, path, text
    ):
        gateway.answers[f"GET {path}"] = {"data": [], "next": None}
        assert baton(*arguments) == (0, f"{text}\n", "")
        assert json.loads(baton(*arguments, "--json")[1]) == []

    def test_a_table_has_a_line_for_each_row_under_its_headings(self, baton, gateway):
        gateway.answers["GET /v1/subscriptions"] = {"data": [SUBSCRIPTION, SUBSCRIPTION | {"id": "s2"}]}
        _, out, _ = baton("subscriptions", "list")
        heading, first, second = out.splitlines()
        assert heading.split() == ["id", "url", "events", "state"]
        assert first.split() == ["s1", "https://x.example/in", "lead.routed", "active"]
        assert second.startswith("s2")

    def test_a_limit_is_passed_on(self, baton, gateway):
        gateway.answers["GET /v1/dead-letters"] = {"data": LETTERS}
        baton("dead-letters", "list", "--limit", "7")
        assert gateway.requests[0].url.params["limit"] == "7"


class TestKeys:
    def test_a_new_key_is_shown_once(self, baton, gateway):
        gateway.answers["POST /v1/api-keys"] = (201, {"id": "k1", "key": "baton_abc"})
        code, out, _ = baton("keys", "create", "form", "--scope", "intake", "--scope", "read")
        assert (code, out) == (0, "k1\nkey (not shown again): baton_abc\n")
        assert gateway.bodies == [{"name": "form", "scopes": ["intake", "read"]}]

    def test_a_key_of_a_rep_names_the_rep(self, baton, gateway):
        gateway.answers["POST /v1/api-keys"] = (201, {"id": "k1", "key": "baton_abc"})
        baton("keys", "create", "ana", "--scope", "rep", "--rep", "sdr-1")
        assert gateway.bodies == [{"name": "ana", "scopes": ["rep"], "rep": "sdr-1"}]

    def test_a_key_is_revoked(self, baton, gateway):
        gateway.answers["DELETE /v1/api-keys/k1"] = (204, None)
        assert baton("keys", "revoke", "k1") == (0, "Revoked.\n", "")
        assert json.loads(baton("keys", "revoke", "k1", "--json")[1]) == {"revoked": "k1"}


class TestSubscriptions:
    def test_a_subscription_is_to_routed_leads_unless_told_otherwise(self, baton, gateway):
        gateway.answers["POST /v1/subscriptions"] = (201, SUBSCRIPTION | {"secret": "whsec_x"})
        _, out, _ = baton("subscriptions", "create", "https://x.example/in")
        assert out == "s1\nsecret (not shown again): whsec_x\n"
        baton("subscriptions", "create", "https://x.example/in", "--event", "lead.*", "--event", "sla.*")
        assert [body["events"] for body in gateway.bodies] == [["lead.routed"], ["lead.*", "sla.*"]]

    @pytest.mark.parametrize(
        ("options", "body"),
        [
            (("--enable",), {"state": "active"}),
            (("--disable",), {"state": "disabled"}),
            (("--url", "https://y.example"), {"url": "https://y.example"}),
            (("--event", "lead.*", "--disable"), {"events": ["lead.*"], "state": "disabled"}),
        ],
    )
    def test_only_what_is_named_is_changed(self, baton, gateway, options, body):
        gateway.answers["PATCH /v1/subscriptions/s1"] = SUBSCRIPTION
        _, out, _ = baton("subscriptions", "update", "s1", *options)
        assert gateway.bodies == [body]
        assert out == "active: lead.routed to https://x.example/in\n"

    def test_a_subscription_is_deleted(self, baton, gateway):
        gateway.answers["DELETE /v1/subscriptions/s1"] = (204, None)
        assert baton("subscriptions", "delete", "s1") == (0, "Deleted.\n", "")

    @pytest.mark.parametrize(
        ("attempt", "code", "text"),
        [
            (DELIVERED, 0, "d1: delivered at 2026-03-01T09:00:00Z\n"),
            (FAILED, 1, "d1: pending, status 500\n"),
            (FAILED | {"last_error": None}, 1, "d1: pending, not tried yet\n"),
            ({"id": "d1"}, 1, "d1: not tried yet\n"),
        ],
        ids=["delivered", "failed", "pending", "accepted"],
    )
    def test_a_test_event_fails_the_command_unless_it_was_delivered(
        self, baton, gateway, attempt, code, text
    ):
        gateway.answers["POST /v1/subscriptions/s1/test"] = (202, attempt)
        assert baton("subscriptions", "test", "s1") == (code, text, "")

    @pytest.mark.parametrize(("options", "body"), [((), {}), (("--at-once",), {"overlap_s": 0})])
    def test_a_secret_is_rotated_with_an_overlap_unless_at_once(self, baton, gateway, options, body):
        rotated = {"secret": "whsec_new", "previous_until": "2026-03-02T09:00:00Z"}
        gateway.answers["POST /v1/subscriptions/s1/rotate-secret"] = rotated
        _, out, _ = baton("subscriptions", "rotate-secret", "s1", *options)
        assert gateway.bodies == [body]
        assert "whsec_new" in out
        assert "2026-03-02T09:00:00Z" in out
        assert json.loads(baton("subscriptions", "rotate-secret", "s1", "--json")[1]) == rotated

    def test_a_replay_is_of_a_time(self, baton, gateway):
        gateway.answers["POST /v1/subscriptions/s1/replay"] = {"deliveries": 3}
        _, out, _ = baton("subscriptions", "replay", "s1", "--since", "2026-03-01T09:00:00Z", "--failed-only")
        assert out == "Deliveries queued again: 3.\n"
        assert gateway.bodies == [{"since": "2026-03-01T09:00:00Z", "failed_only": True}]


class TestDeliveries:
    def test_a_delivery_is_shown_with_its_failed_attempts(self, baton, gateway):
        failures = [{"at": "2026-03-01", "status": 500, "error": None}]
        gateway.answers["GET /v1/deliveries/d1"] = DELIVERY | {"failures": failures}
        _, out, _ = baton("deliveries", "show", "d1")
        first, heading, row = out.splitlines()
        assert first == "lead.routed e1 to https://x.example/in: pending, status 500"
        assert (heading.split(), row.split()) == (["when", "status", "error"], ["2026-03-01", "500", "-"])

    def test_a_delivery_without_failures_says_so(self, baton, gateway):
        gateway.answers["GET /v1/deliveries/d1"] = DELIVERY | {"failures": []}
        assert "No attempt failed." in baton("deliveries", "show", "d1")[1]
        assert json.loads(baton("deliveries", "show", "d1", "--json")[1])["id"] == "d1"

    def test_a_retry_prints_what_came_of_it(self, baton, gateway):
        gateway.answers["POST /v1/deliveries/d1/retry"] = DELIVERED
        assert baton("deliveries", "retry", "d1")[:2] == (0, "d1: delivered at 2026-03-01T09:00:00Z\n")


class TestDeadLetters:
    def test_the_named_ones_are_replayed(self, baton, gateway):
        gateway.answers["POST /v1/dead-letters/1/replay"] = (202, None)
        gateway.answers["POST /v1/dead-letters/3/replay"] = (202, None)
        assert baton("dead-letters", "replay", "1", "3") == (0, "2 replayed.\n", "")

    def test_all_are_those_that_were_not_replayed_yet(self, baton, gateway):
        gateway.answers["GET /v1/dead-letters"] = {"data": LETTERS, "next": None}
        for id_ in ("1", "3"):
            gateway.answers[f"POST /v1/dead-letters/{id_}/replay"] = (202, None)
        _, out, _ = baton("dead-letters", "replay", "--all", "--json")
        assert json.loads(out) == {"replayed": ["1", "3"]}
        assert "POST /v1/dead-letters/2/replay" not in gateway.paths

    def test_one_that_is_not_there_ends_the_command(self, baton, gateway):
        assert baton("dead-letters", "replay", "9") == (1, "", "baton: Nothing is there\n")


class TestExplain:
    def test_an_explanation_is_sections_of_tables(self, baton, gateway):
        gateway.answers["GET /v1/leads/lead-1/explain"] = EXPLANATION
        _, out, _ = baton("explain", "lead-1")
        lines = out.splitlines()
        assert lines[:2] == ["Ana is with sdr-1.", "  score fit grade is A"]
        sections = [line for line in lines if line in ("Score", "Rules", "Reps", "Since then", "Fields")]
        assert sections == ["Score", "Rules", "Reps", "Fields"]
        assert any(line.split()[:3] == ["fits", "sdr", "matched"] and "grade is A" in line for line in lines)
        assert lines[-1] == "  with 10 employees: bdr"

    def test_a_lead_is_named_by_the_e_mail_address_of_its_person_too(self, baton, gateway):
        lead_id = lead_id_of("email:ana@kestrel.example")
        gateway.answers[f"GET /v1/leads/{lead_id}/explain"] = EXPLANATION
        assert baton("explain", "Ana+news@Kestrel.example")[1].startswith("Ana is with sdr-1.")

    def test_an_earlier_decision_is_named_by_its_event(self, baton, gateway):
        gateway.answers["GET /v1/leads/lead-1/explain"] = EXPLANATION
        assert baton("explain", "lead-1", "--decision", "3")[1].startswith("Ana is with sdr-1.")
        assert gateway.requests[0].url.params["decision"] == "3"

    def test_a_lead_that_was_not_scored_yet_has_a_summary_only(self, baton, gateway):
        empty: dict[str, Any] = {
            "score": None,
            "decision": None,
            "since": [],
            "fields": [],
            "counterfactuals": [],
        }
        gateway.answers["GET /v1/leads/lead-1/explain"] = {"summary": "Not scored yet.", **empty}
        assert baton("explain", "lead-1") == (0, "Not scored yet.\n", "")

    def test_json_has_all_that_the_gateway_said(self, baton, gateway):
        gateway.answers["GET /v1/leads/lead-1/explain"] = EXPLANATION
        assert json.loads(baton("explain", "lead-1", "--json")[1]) == EXPLANATION


class TestPolicy:
    @pytest.mark.parametrize(("changes", "out"), [(["a: 1 -> 2"], "a: 1 -> 2\n"), ([], "No differences.\n")])
    def test_a_diff_prints_a_line_for_each_change(self, baton, gateway, changes, out):
        gateway.answers["POST /v1/policies/validate"] = {"changes": changes}
        assert baton("policy", "diff", "config") == (0, out, "")
        assert "routing.yaml" in gateway.bodies[0]["files"]

    def test_applying_prints_warnings_apart_from_the_version(self, baton, gateway):
        gateway.answers["POST /v1/policies/validate"] = {"active": True}
        gateway.answers["POST /v1/policies"] = {"version": "abc", "warnings": ["icp.yaml: never matches"]}
        assert baton("policy", "apply", "config") == (
            0,
            "Active policy: version abc.\n",
            "warning: icp.yaml: never matches\n",
        )

    @pytest.mark.parametrize("policy", ["config", "abc"])
    def test_applying_shows_the_last_backtest_and_warns_where_there_is_none(self, baton, gateway, policy):
        gateway.answers["GET /v1/policies/abc"] = {"files": {"icp.yaml": "markets: []\n"}}
        gateway.answers["POST /v1/policies"] = {"version": "abc", "warnings": []}
        numbers = {"leads": 9, "moved": 4, "suppressed_more": 2, "suppressed_fewer": 0}
        for tested, said in (
            (None, f"warning: no backtest of this version yet; `baton backtest {policy}` runs one\n"),
            (
                {"until": "2026-03-02", **numbers},
                "Backtest up to 2026-03-02: 4 of 9 leads move to another queue, 2 more are suppressed and 0 fewer.\n",
            ),
        ):
            gateway.answers["POST /v1/policies/validate"] = {"active": False, "last_backtest": tested}
            assert baton("policy", "apply", policy) == (0, "Active policy: version abc.\n", said)

    @pytest.mark.parametrize(("active", "text"), [(True, "active since"), (False, "last active since")])
    def test_a_version_is_shown_with_its_files(self, baton, gateway, active, text):
        gateway.answers["GET /v1/policies/active"] = {
            "version": "abc",
            "active": active,
            "activated_at": "2026-03-01",
            "activated_by": "admin",
            "files": {"icp.yaml": "markets: []\n"},
        }
        _, out, _ = baton("policy", "show")
        assert out == f"# version abc, {text} 2026-03-01 by admin\n\n# --- icp.yaml\nmarkets: []\n"


class TestSources:
    """Rejected submissions are listed and replayed; what is rejected still is exit code 1."""

    def test_rejected_submissions_are_listed_with_their_cause(self, baton, gateway):
        submission = {
            "id": "r1",
            "cause": "invalid-body",
            "detail": "no e-mail",
            "size": 300,
            "body": "x" * 300,
        }
        gateway.answers["GET /v1/sources/website/rejected"] = {"data": [submission], "next": None}
        code, out, _ = baton("sources", "rejected", "website")
        assert code == 0
        assert "invalid-body" in out
        assert json.loads(baton("sources", "rejected", "website", "--json")[1]) == [submission]

    def test_all_or_some_are_replayed(self, baton, gateway):
        problem = {"detail": "One of person.email is needed"}
        answers = {"accepted": 1, "rejected": 1, "results": [{"id": "r1"}, {"id": "r2", "problem": problem}]}
        gateway.answers["POST /v1/sources/website/replay"] = answers
        code, out, _ = baton("sources", "replay", "website", "--all")
        assert (code, gateway.bodies) == (1, [{}])
        assert "1 accepted, 1 rejected." in out
        assert "One of person.email is needed" in out
        gateway.answers["POST /v1/sources/website/replay"] = {"accepted": 1, "rejected": 0, "results": []}
        assert baton("sources", "replay", "website", "r1")[0] == 0
        assert gateway.bodies[-1] == {"ids": ["r1"]}
        assert baton("sources", "replay", "website")[0] == 2
