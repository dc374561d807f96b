"""Policies over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.gateway.queries.backtests import insert_backtest
from shared.policy.load import texts_in

FILES = texts_in(Path("config"))
OTHER = {**FILES, "routing.yaml": FILES["routing.yaml"].replace("gte: 80", "gte: 60")}
WRONG = {**FILES, "routing.yaml": FILES["routing.yaml"].replace("company.employees", "company.employes")}


@pytest.fixture
async def gateway(start_gateway):
    """A gateway that has no policy yet."""
    return await start_gateway()


async def test_a_policy_is_applied_and_seen(gateway):
    status, first, _ = await gateway.ask("POST", "/v1/policies", json={"files": FILES})
    assert (status, first["active"], first["created_by"]) == (201, True, "admin")
    _, second, _ = await gateway.ask("POST", "/v1/policies", json={"files": OTHER})
    assert second["version"] != first["version"]
    _, page, _ = await gateway.ask("GET", "/v1/policies?limit=1")
    _, rest, _ = await gateway.ask("GET", f"/v1/policies?limit=1&cursor={page['next']}")
    listed = [(item["version"], item["active"]) for item in (*page["data"], *rest["data"])]
    assert listed == [(second["version"], True), (first["version"], False)]
    assert rest["next"] is None
    assert (await gateway.ask("GET", "/v1/policies/active"))[1]["files"] == OTHER
    _, old, _ = await gateway.ask("GET", f"/v1/policies/{first['version']}")
    assert (old["active"], old["files"]) == (False, FILES)
    again = await gateway.ask("POST", "/v1/policies", json={"files": FILES})
    assert (again[0], again[1]["version"]) == (201, first["version"])
    assert (await gateway.ask("GET", "/v1/policies/active"))[1]["version"] == first["version"]


async def test_a_version_may_be_shortened_as_long_as_it_means_one(gateway):
    versions = []
    for score in range(60, 77):  # 17 versions: two at least begin alike
        files = {**FILES, "routing.yaml": FILES["routing.yaml"].replace("gte: 80", f"gte: {score}")}
        versions.append((await gateway.ask("POST", "/v1/policies", json={"files": files}))[1]["version"])
    for version in versions[:3]:
        for short in (version[:12], version[:12].upper(), version):
            status, found, _ = await gateway.ask("GET", f"/v1/policies/{short}")
            assert (status, found["version"]) == (200, version)
    first = max("0123456789abcdef", key=lambda digit: sum(one.startswith(digit) for one in versions))
    status, problem, _ = await gateway.ask("GET", f"/v1/policies/{first}")
    alike = [version[:12] for version in versions if version.startswith(first)]
    assert (status, problem["type"].rsplit(":")[-1]) == (409, "ambiguous-policy")
    assert alike[-1] in problem["detail"]
    for unknown in ("0" * 64, "0" * 65, "nothing", "%25", "active2"):
        status, problem, _ = await gateway.ask("GET", f"/v1/policies/{unknown}")
        assert (status, problem["type"].rsplit(":")[-1]) == (404, "unknown-policy")


async def test_errors_of_a_policy_have_their_position_and_nothing_is_stored(gateway):
    for path in ("/v1/policies", "/v1/policies/validate"):
        status, problem, _ = await gateway.ask("POST", path, json={"files": WRONG})
        assert status == 422
        error = problem["errors"][0]
        assert error["pointer"] == "/files/routing.yaml"
        assert error["detail"].startswith("routing.yaml:")
        assert 'did you mean "company.employees"?' in error["detail"]
        first, *others = problem["problems"]
        assert (first["file"], first["line"], first["severity"]) == ("routing.yaml", 14, "error")
        assert (first["column"], first["path"]) == (17, "conditions.new_market.all[1].field")
        assert first["message"].startswith('unknown field "company.employes"')
        assert len(others) >= len(problem["errors"]) - 1
    missing = {name: text for name, text in FILES.items() if name != "icp.yaml"}
    _, problem, _ = await gateway.ask("POST", "/v1/policies", json={"files": missing})
    assert [error["pointer"] for error in problem["errors"]] == ["/files/icp.yaml"]
    unknown = {**{name: FILES[name] for name in list(FILES)[:6]}, "a/b.yaml": ""}
    _, problem, _ = await gateway.ask("POST", "/v1/policies", json={"files": unknown})
    assert problem["errors"][0]["pointer"] == "/files/a~1b.yaml"
    assert (await gateway.ask("GET", "/v1/policies"))[1] == {"data": [], "next": None}
    assert (await gateway.ask("GET", "/v1/policies/active"))[0] == 404


async def test_validation_lists_the_changes_without_applying_them(gateway):
    _, alone, _ = await gateway.ask("POST", "/v1/policies/validate", json={"files": OTHER})
    assert (alone["active"], alone["changes"]) == (False, [])
    await gateway.ask("POST", "/v1/policies", json={"files": FILES})
    status, answer, _ = await gateway.ask("POST", "/v1/policies/validate", json={"files": OTHER})
    assert (status, answer["active"], answer["version"]) == (200, False, alone["version"])
    assert [change.partition(":")[0] for change in answer["changes"]] == ["routing.suppress[spam].when.gte"]
    assert answer["changes_in_words"] == [
        "Suppression spam: condition spam score at least 80 → spam score at least 60"
    ]
    # Rules that overlap are often meant to: notes, no warnings.
    assert {problem["severity"] for problem in answer["problems"]} == {"note"}
    assert answer["warnings"] == []
    _, same, _ = await gateway.ask("POST", "/v1/policies/validate", json={"files": FILES})
    assert (same["active"], same["changes"]) == (True, [])


@pytest.mark.parametrize(
    "body", [{}, {"files": []}, {"files": {"icp.yaml": 1}}, {"files": {}}, {"files": FILES, "x": 1}, []]
)
async def test_bad_bodies_are_refused(gateway, body):
    for path in ("/v1/policies", "/v1/policies/validate"):
        assert (await gateway.ask("POST", path, json=body))[0] == 422


async def test_managers_read_and_administrators_write(gateway):
    body = {"json": {"files": FILES}}
    await gateway.apply_policy()  # only reps of the team have keys
    manager, rep = await gateway.key_headers("manager"), await gateway.key_headers("rep", rep="sdr-1")
    assert (await gateway.ask("POST", "/v1/policies", headers=manager, **body))[0] == 403
    assert (await gateway.ask("POST", "/v1/policies/validate", headers=manager, **body))[0] == 200
    assert (await gateway.ask("POST", "/v1/policies/validate", headers=rep, **body))[0] == 403
    for path in ("/v1/policies", "/v1/policies/active"):
        assert (await gateway.ask("GET", path, headers=rep))[0] == 403
    assert (await gateway.ask("GET", "/v1/policies", headers=manager))[0] == 200
    assert (await gateway.ask("GET", "/v1/policies?cursor=x"))[0] == 422
    assert (await gateway.ask("GET", "/v1/policies/none"))[0] == 404


async def test_the_last_backtest_of_a_version_is_told(gateway):
    _, first, _ = await gateway.ask("POST", "/v1/policies", json={"files": FILES})
    assert first["last_backtest"] is None
    suppressed = {"before": 1, "after": 3, "more": {"spam": 2}, "fewer": {}}
    report = {
        "until": "2026-03-02T09:00:00.5Z",
        "segment": None,
        "leads": 9,
        "moved": 4,
        "suppressed": suppressed,
    }
    at = datetime(2026, 3, 3, tzinfo=UTC)
    told = {"id": "one", "candidate": first["version"], "created_at": at, "created_by": "admin"}
    async with gateway.database.begin() as tx:
        await insert_backtest(tx, **told, state="done", finished_at=at, report=json.dumps(report))
    _, checked, _ = await gateway.ask("POST", "/v1/policies/validate", json={"files": FILES})
    _, again, _ = await gateway.ask("POST", "/v1/policies", json={"files": FILES})
    assert again["last_backtest"] == checked["last_backtest"]
    assert {name: again["last_backtest"][name] for name in ("id", "leads", "moved", "suppressed_more")} == {
        "id": "one",
        "leads": 9,
        "moved": 4,
        "suppressed_more": 2,
    }


async def test_an_activation_has_its_number_its_note_and_what_it_changed(gateway):
    _, first, _ = await gateway.ask("POST", "/v1/policies", json={"files": FILES, "note": "as we begin"})
    assert (first["activation"], first["note"], first["changes"]) == (1, "as we begin", [])
    _, second, _ = await gateway.ask("POST", "/v1/policies", json={"files": OTHER, "note": "stricter"})
    _, page, _ = await gateway.ask("GET", "/v1/policies")
    told = [(one["activation"], one["note"], one["changes"]) for one in page["data"]]
    assert told == [(2, "stricter", second["changes"]), (1, "as we begin", [])]
    assert second["changes"] == [
        "Suppression spam: condition spam score at least 80 → spam score at least 60"
    ]
    too_long = {"files": FILES, "note": "x" * 501}
    assert (await gateway.ask("POST", "/v1/policies", json=too_long))[0] == 422


async def test_files_that_began_from_an_older_activation_are_refused_with_the_difference(gateway):
    _, first, _ = await gateway.ask("POST", "/v1/policies", json={"files": FILES})
    base = {"version": first["version"], "activation": first["activation"]}
    _, newer, _ = await gateway.ask(
        "POST", "/v1/policies", json={"files": OTHER, "note": "stricter", "base": base}
    )
    mine = {**FILES, "team.yaml": FILES["team.yaml"].replace("weight: 100", "weight: 50", 1)}
    status, problem, _ = await gateway.ask("POST", "/v1/policies", json={"files": mine, "base": base})
    assert (status, problem["type"]) == (409, "urn:baton:problem:newer-policy")
    assert problem["active"]["version"] == newer["version"]
    assert (problem["active"]["activated_by"], problem["active"]["note"]) == ("admin", "stricter")
    assert problem["changes"] == newer["changes"]
    ((file, lines),) = [(found["file"], found["lines"]) for found in problem["files"]]
    assert file == "routing.yaml"
    assert [line for line in lines if line.startswith(("+", "-"))] == [
        "-  - {reason: spam, when: {field: spam_score, gte: 80}}",
        "+  - {reason: spam, when: {field: spam_score, gte: 60}}",
    ]
    assert (await gateway.ask("GET", "/v1/policies/active"))[1]["version"] == newer["version"]
    # Whoever has seen the difference begins from the newer one.
    base = {"version": newer["version"], "activation": newer["activation"]}
    assert (await gateway.ask("POST", "/v1/policies", json={"files": mine, "base": base}))[0] == 201


async def test_two_versions_are_compared_by_sentences_and_by_lines(gateway):
    _, first, _ = await gateway.ask("POST", "/v1/policies", json={"files": FILES})
    await gateway.ask("POST", "/v1/policies", json={"files": OTHER})
    path = f"/v1/policies/compare?before={first['version'][:12]}&after=active"
    status, found, _ = await gateway.ask("GET", path)
    assert (status, found["before"]) == (200, first["version"])
    assert found["changes"] == ["Suppression spam: condition spam score at least 80 → spam score at least 60"]
    assert [file["file"] for file in found["files"]] == ["routing.yaml"]
    assert found["files"][0]["lines"][0].startswith("@@")
    assert (await gateway.ask("GET", "/v1/policies/compare?before=nothing"))[0] == 404
    assert (await gateway.ask("GET", "/v1/policies/compare"))[1]["title"].startswith("This key has no draft")


async def test_the_words_of_the_language_come_with_the_names_of_the_policy(gateway):
    await gateway.apply_policy()
    status, words, _ = await gateway.ask("GET", "/v1/policies/words")
    assert status == 200
    assert "company.employees" in [field["name"] for field in words["fields"]]
    assert words["names"]["queues"] == ["bdr", "keep", "sdr", "senior-ae"]
    assert "apollo" in words["names"]["integrations"]
