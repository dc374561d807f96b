"""The commands that speak to a running Baton, as a person runs them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from shared.lead.ids import lead_id_of
from shared.policy.load import texts_in
from shared.policy.versions import seed_policy
from tests.support.gateway import ADMIN_KEY, RunningGateway

LEADS = "leads.received.v1"
FILES = texts_in(Path("config"))


@pytest.fixture
async def gateway(start_gateway):
    """A gateway with the policy of `config`."""
    running: RunningGateway = await start_gateway()
    await running.apply_policy()
    return running


async def baton(*arguments: str, gateway: RunningGateway | None = None) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it printed."""
    url = f"http://127.0.0.1:{gateway.server.port}" if gateway else "http://127.0.0.1:1"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *arguments,
        env={**os.environ, "BATON_URL": url, "BATON_ADMIN_KEY": ADMIN_KEY, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(600):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_csv_file_is_imported_and_importing_it_again_repeats_nothing(gateway, tmp_path):
    await gateway.apply_policy()
    file = tmp_path / "leads.csv"
    file.write_text(
        "Work Email,Name,Company size\nana@kestrel.example,Ana Ruiz,51-200\n,Nobody,\nben@kestrel.example,,\n"
    )
    code, out, err = await baton("leads", "import", str(file), gateway=gateway)
    assert (code, out) == (1, "2 accepted, 1 not.\n")
    assert f"{file}:3: " in err
    assert "One of person.email" in err
    await baton("leads", "import", str(file), gateway=gateway)
    events = await gateway.events(LEADS, 2)
    assert len({event.id for event in events}) == 2
    ana = next(event for event in events if event.subject == lead_id_of("email:ana@kestrel.example"))
    assert (ana.data.company.employees, ana.data.source.channel) == (51, "import")


async def test_json_lines_are_imported_in_lists(gateway, tmp_path):
    await gateway.apply_policy()
    file = tmp_path / "leads.jsonl"
    good = [json.dumps({"person": {"email": f"lead{n}@kestrel.example"}}) for n in range(600)]
    file.write_text("\n".join([*good[:300], "", "{", "[]", *good[300:]]))
    code, out, err = await baton("leads", "import", str(file), "--json", gateway=gateway)
    told = json.loads(out)
    assert (code, err, told["accepted"]) == (1, "", 600)
    assert [problem["line"] for problem in told["problems"]] == [302, 303]
    file.write_text(good[0])
    assert (await baton("leads", "import", str(file), gateway=gateway))[:2] == (0, "1 accepted, 0 not.\n")


async def test_what_cannot_be_imported_is_said(gateway, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.touch()
    for file in (empty, tmp_path / "none.csv"):
        code, _out, err = await baton("leads", "import", str(file), gateway=gateway)
        assert (code, err.startswith("baton: ")) == (1, True)
    file = tmp_path / "one.csv"
    file.write_text("email\nana@kestrel.example\n")
    assert (await baton("leads", "import", str(file)))[0] == 3


async def test_a_policy_is_checked_without_asking_anybody(tmp_path):
    code, out, err = await baton("policy", "check", "config")
    assert (code, out.startswith("Valid policy, version ")) == (0, True), err
    wrong = FILES["routing.yaml"].replace("company.employees", "company.employes")
    for name, text in FILES.items():
        (tmp_path / name).write_text(wrong if name == "routing.yaml" else text)
    code, out, err = await baton("policy", "check", str(tmp_path))
    assert (code, out) == (1, "")
    assert "error: routing.yaml:" in err
    code, out, _err = await baton("policy", "check", str(tmp_path), "--json")
    told = json.loads(out)
    assert (code, told["valid"], told["version"]) == (1, False, None)
    assert told["problems"][0]["file"] == "routing.yaml"


async def test_a_policy_is_compared_applied_and_shown(gateway, tmp_path):
    await seed_policy(gateway.resources.database, Path("config"), gateway.resources.clock.now())
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace("gte: 80", "gte: 60") if name == "routing.yaml" else text)
    code, out, _ = await baton("policy", "diff", str(tmp_path), gateway=gateway)
    assert (code, out) == (0, "routing.suppress[spam].when.gte: 80 -> 60\n")
    code, out, _ = await baton("policy", "apply", str(tmp_path), gateway=gateway)
    assert (code, out.startswith("Active policy: version ")) == (0, True)
    assert (await baton("policy", "diff", str(tmp_path), gateway=gateway))[1] == "No differences.\n"
    code, out, _ = await baton("policy", "show", gateway=gateway)
    assert code == 0
    assert "# --- routing.yaml" in out
    assert "gte: 60" in out
    (tmp_path / "icp.yaml").write_text("markets: []\n")
    code, _, err = await baton("policy", "apply", str(tmp_path), gateway=gateway)
    assert code == 1
    assert "/files/icp.yaml: icp.yaml:" in err


async def test_a_policy_is_shown_applied_and_rolled_back_by_its_short_version(gateway, tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace("gte: 80", "gte: 60") if name == "routing.yaml" else text)
    (tmp_path / "routing.yml").write_text("")
    code, _, err = await baton("policy", "rollback", gateway=gateway)
    assert (code, err) == (1, "There is no earlier version of the policy.\n")
    _, out, _ = await baton("policy", "show", "--json", gateway=gateway)
    first = json.loads(out)["version"]
    _, out, err = await baton("policy", "apply", str(tmp_path), "--json", gateway=gateway)
    second = json.loads(out)["version"]
    assert "routing.yml:1:1: nobody reads this file" in err
    _, out, _ = await baton("policy", "show", first[:12], gateway=gateway)
    assert out.startswith(f"# version {first}, last active since ")
    for command, active in (
        (("rollback",), first),
        (("rollback",), second),
        (("rollback", first[:8]), first),
        (("apply", second[:12]), second),
    ):
        code, out, _ = await baton("policy", *command, gateway=gateway)
        assert (code, out) == (0, f"Active policy: version {active[:12]}.\n")
    for name in ("show", "apply", "rollback"):
        code, _, err = await baton("policy", name, "0" * 12, gateway=gateway)
        assert code == 1
        assert (
            "There is no such version of the policy: No version is named or begins with '000000000000'" in err
        )
    code, _, err = await baton("policy", "apply", "no-such-folder", gateway=gateway)
    assert code == 2
    assert "neither a directory nor a version" in err


async def test_reports_are_tables_or_json(gateway):
    await seed_policy(gateway.resources.database, Path("config"), gateway.resources.clock.now())
    code, out, _ = await baton("providers", "report", gateway=gateway)
    assert code == 0
    assert "peopledatalabs" in out
    _, out, _ = await baton("providers", "report", "--days", "1", "--json", gateway=gateway)
    assert json.loads(out)[0]["calls"] == 0
    code, _, err = await baton("explain", "unknown", gateway=gateway)
    assert (code, err) == (1, "baton: Nothing is known of this lead yet\n")


async def test_what_is_ended_is_named(gateway):
    _, out, _ = await baton("keys", "create", "form", "--scope", "intake", "--json", gateway=gateway)
    key = json.loads(out)["id"]
    code, out, _ = await baton("keys", "revoke", key, "--json", gateway=gateway)
    assert (code, json.loads(out)) == (0, {"revoked": key})
    code, out, _ = await baton("subscriptions", "delete", "unknown", "--json", gateway=gateway)
    assert (code, out) == (1, "")
