"""`baton leads import` and `baton accounts import`: what is sent, reported, and left to correct."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.errors import Refused, Unreachable
from services.cli.imports.errors_file import ErrorsFile
from services.cli.imports.import_file import OpenedFile, ReadRow
from services.cli.imports.sending import LIST_BYTES_MAX, LIST_ITEMS_MAX, ImportResult, RowSender, batches
from services.gateway.domain.csv_table import TableRow


def row(number: int, body: bytes = b"{}", problem: str = "") -> ReadRow:
    return ReadRow(number, TableRow(number, [str(number)]), body, problem)


@given(st.lists(st.integers(1, 400_000), max_size=40))
def test_lists_keep_the_order_and_the_limits(sizes: Sequence[int]):
    rows = [row(number, bytes(size)) for number, size in enumerate(sizes, 1)]
    lists = list(batches(rows))
    assert [one for batch in lists for one in batch] == rows
    for batch in lists:
        assert 0 < len(batch) <= LIST_ITEMS_MAX
        assert len(batch) == 1 or sum(len(one.body) + 1 for one in batch) <= LIST_BYTES_MAX


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1200, [500, 500, 200])]
)
def test_a_list_has_at_most_five_hundred_rows(count: int, sizes: list[int]):
    assert [len(batch) for batch in batches(row(number) for number in range(count))] == sizes


def refuse_bad(request: httpx2.Request) -> Any:
    """Refuse every item whose e-mail or domain begins with `bad`."""
    results = [
        {"index": index, "problem": {"title": "Not valid", "detail": "no such address"}}
        if str(item.get("email") or item.get("domain") or item.get("person", {}).get("email")).startswith(
            "bad"
        )
        else {"index": index, "event_id": "x"}
        for index, item in enumerate(msgspec.json.decode(request.content))
    ]
    return 202 if any("event_id" in result for result in results) else 422, {"results": results}


class TestSending:
    @pytest.fixture
    def send(self, gateway, tmp_path: Path):
        async def send(rows: Sequence[ReadRow]) -> ImportResult:
            opened = OpenedFile("csv", ["email"], iter(()), 0)
            async with gateway.connect() as client:
                with ErrorsFile(tmp_path / "errors.csv", ["email"]) as errors:
                    sender = RowSender(client, "/v1/leads", errors, delays_s=(0, 0))
                    return await sender.send(rows, opened, show_progress=False)

        return send

    async def test_refused_rows_are_reported_with_their_lines(self, gateway, send, tmp_path):
        gateway.answers["POST /v1/leads"] = refuse_bad
        result = await send(
            [
                row(2, b'{"email":"bad@x"}'),
                row(3, problem="not an object"),
                row(4, b'{"email":"ana@x"}'),
                row(4, b'{"email":"bad2@x"}'),
            ]
        )
        assert (result.accepted, result.rejected) == (1, 3)
        assert [(problem.line, problem.problem) for problem in result.problems] == [
            (2, "Not valid: no such address"),
            (3, "not an object"),
            (4, "Not valid: no such address"),
        ]
        assert result.errors_file == str(tmp_path / "errors.csv")

    async def test_a_list_that_is_refused_as_a_whole_has_its_results_too(self, gateway, send):
        gateway.answers["POST /v1/leads"] = refuse_bad
        result = await send([row(2, b'{"email":"bad@x"}')])
        assert (result.accepted, result.rejected) == (0, 1)

    async def test_any_other_refusal_ends_the_import(self, gateway, send):
        gateway.answers["POST /v1/leads"] = (401, {"title": "No key", "status": 401})
        with pytest.raises(Refused, match="No key"):
            await send([row(2)])

    async def test_what_fails_in_the_midst_of_an_import_is_tried_again(self, gateway, send):
        answers: list[Any] = [
            (202, {"results": []}),
            (503, {"title": "away", "status": 503}),
            (429, {"title": "slow down", "status": 429}),
            (202, {"results": []}),
        ]
        gateway.answers["POST /v1/leads"] = lambda _request: answers.pop(0)
        result = await send([row(number) for number in range(LIST_ITEMS_MAX + 1)])
        assert (result.accepted, len(gateway.requests)) == (LIST_ITEMS_MAX + 1, 4)

    async def test_a_baton_that_is_not_there_is_reported_at_once(self, gateway, send):
        def unreachable(request: httpx2.Request) -> Any:
            raise httpx2.ConnectError("refused", request=request)

        gateway.answers["POST /v1/leads"] = unreachable
        with pytest.raises(Unreachable):
            await send([row(2)])
        assert len(gateway.requests) == 1


@pytest.fixture
def leads(gateway):
    gateway.answers["POST /v1/leads"] = refuse_bad
    return gateway


def test_problems_go_to_stderr_and_their_rows_to_a_file_that_can_be_imported(baton, leads, tmp_path):
    file = tmp_path / "leads.csv"
    file.write_text('Email,Title\nana@kestrel.example,CFO\nbad@x.example,CTO\nc@x.example,"a" b\n')
    code, out, err = baton("leads", "import", str(file))
    errors = tmp_path / "leads.errors.csv"
    assert (code, out) == (1, "1 accepted, 2 not.\n")
    assert err.splitlines() == [
        f"{file}:3: Not valid: no such address",
        f"{file}:4: a quotation mark stands within a quoted cell; it has to be doubled",
        f"The rows that were not accepted are in {errors}",
    ]
    written = list(csv.reader(StringIO(errors.read_text(encoding="utf-8-sig"))))
    assert written[0] == ["Baton line", "Baton problem", "Email", "Title"]
    assert written[1] == ["3", "Not valid: no such address", "bad@x.example", "CTO"]

    errors.write_text(
        errors.read_text(encoding="utf-8-sig").splitlines()[0] + "\n3,Not valid,ben@x.example,CTO\n"
    )
    assert baton("leads", "import", str(errors))[0] == 0
    [sent] = leads.bodies[-1]
    assert (sent["person"]["email"], "answers" in sent) == ("ben@x.example", False)


def test_the_errors_file_has_the_name_that_is_given_and_is_never_the_file_itself(baton, leads, tmp_path):
    file = tmp_path / "leads.jsonl"
    file.write_text('{"email": "bad@x.example"}\n[]\n')
    errors = tmp_path / "wrong.csv"
    assert baton("leads", "import", str(file), "--errors", str(errors))[0] == 1
    assert list(csv.reader(StringIO(errors.read_text(encoding="utf-8-sig"))))[1:] == [
        ["1", "Not valid: no such address", '{"email":"bad@x.example"}'],
        ["2", "this is not an object"],
    ]
    code, _, err = baton("leads", "import", str(file), "--errors", str(file))
    assert (code, "a file of their own" in err) == (1, True)
    assert file.read_text().startswith("{")


def test_json_has_the_counts_and_the_problems(baton, leads, tmp_path):
    file = tmp_path / "leads.jsonl"
    file.write_text('{"email": "ana@kestrel.example"}\n[]\n')
    code, out, err = baton("leads", "import", str(file), "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {
        "accepted": 1,
        "rejected": 1,
        "problems": [{"line": 2, "problem": "this is not an object"}],
        "errors_file": str(tmp_path / "leads.errors.csv"),
    }


def test_the_command_succeeds_when_every_row_was_accepted(baton, leads, tmp_path):
    file = tmp_path / "leads.csv"
    file.write_text("email\nana@kestrel.example\n")
    assert baton("leads", "import", str(file)) == (0, "1 accepted, 0 not.\n", "")
    assert not (tmp_path / "leads.errors.csv").exists()


@pytest.mark.parametrize("content", [b"", b"Email\n", b"%PDF-1.4"])
def test_a_file_that_gives_nothing_is_a_failure_with_a_reason(baton, leads, tmp_path, content):
    file = tmp_path / "leads.csv"
    file.write_bytes(content)
    code, _, err = baton("leads", "import", str(file))
    assert code == 1
    assert err.startswith(f"baton: {file}: ")
    assert leads.requests == []


def test_a_dry_run_shows_the_mapping_and_sends_nothing(baton, leads, tmp_path):
    file = tmp_path / "leads.csv"
    file.write_text('E-Mail;Vorname;Lieblingsfarbe\nana@kestrel.example;Änn;rot\nb@x.example;"a" b;x\n')
    code, out, err = baton("leads", "import", str(file), "--dry-run")
    assert code == 0
    assert "person.email" in out
    assert "Änn" in out
    assert "1 of the first 2 rows can be read. Nothing was sent." in out
    assert err.startswith("line 3: ")
    code, out, _ = baton("leads", "import", str(file), "--dry-run", "--json")
    report = json.loads(out)
    assert report["unmapped"] == ["Lieblingsfarbe"]
    assert report["columns"][0] == {"column": "E-Mail", "field": "person.email"}
    assert report["first_rows"][0]["person"]["first_name"] == "Änn"
    assert leads.requests == []


class TestAccounts:
    def test_a_crms_export_is_sent_as_accounts(self, baton, gateway, tmp_path):
        gateway.answers["POST /v1/accounts"] = refuse_bad
        file = tmp_path / "accounts.csv"
        file.write_text(
            "Account Name;Website;Type;City\nAlpha;a.example;Customer - Direct;Bonn\nB;bad.example;;\n"
        )
        code, out, err = baton("accounts", "import", str(file))
        assert (code, out) == (1, "1 accepted, 1 not.\n")
        assert f"{file}:3: Not valid" in err
        assert gateway.bodies[-1] == [
            {"name": "Alpha", "domain": "a.example", "relation": "customer", "city": "Bonn"},
            {"name": "B", "domain": "bad.example"},
        ]

    def test_objects_are_sent_as_they_are_or_read_as_rows(self, baton, gateway, tmp_path):
        gateway.answers["POST /v1/accounts"] = refuse_bad
        file = tmp_path / "accounts.json"
        accounts = [{"domain": "a.example", "aliases": ["b.example"]}, {"Website": "c.example", "Firma": "C"}]
        file.write_text(json.dumps(accounts))
        assert baton("accounts", "import", str(file))[0] == 0
        assert gateway.bodies[-1] == [accounts[0], {"domain": "c.example", "name": "C"}]

    def test_a_misspelt_column_is_refused_before_anything_is_sent(self, baton, gateway, tmp_path):
        file = tmp_path / "accounts.csv"
        file.write_text("domain,realtion\na.example,target\n")
        code, _, err = baton("accounts", "import", str(file))
        assert (code, "did you mean 'relation'" in err, gateway.requests) == (1, True, [])

    def test_a_dry_run_names_the_columns_that_are_ignored(self, baton, gateway, tmp_path):
        file = tmp_path / "accounts.csv"
        file.write_text("domain,Billing Street\na.example,Bonn\n")
        code, out, _ = baton("accounts", "import", str(file), "--dry-run", "--json")
        assert (code, json.loads(out)["unmapped"], gateway.requests) == (0, ["Billing Street"], [])
