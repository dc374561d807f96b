"""A file of leads: what is read of it, how it is split into lists, and what is reported of each line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.errors import Refused
from services.cli.leads_file import (
    LIST_ITEMS_MAX,
    FileUnreadable,
    LeadLine,
    RejectedLine,
    batches,
    read_leads,
    send_leads,
)


def written(folder: Path, text: str | bytes, name: str = "leads.csv") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def read(folder: Path, text: str | bytes, name: str = "leads.csv") -> list[Any]:
    """Return the lines of a file: the decoded body of a lead, or the problem."""
    return [
        (line.number, json.loads(line.body)) if isinstance(line, LeadLine) else (line.line, line.problem)
        for line in read_leads(written(folder, text, name))
    ]


class TestCsv:
    def test_columns_are_recognised_as_those_of_a_form(self, tmp_path):
        [(number, lead)] = read(
            tmp_path, "Work Email,Name,Company size\nana@kestrel.example,Ana Ruiz,51-200\n"
        )
        assert number == 2
        assert lead["person"]["email"] == "ana@kestrel.example"
        assert lead["company"]["employees"] == 51
        assert lead["source"]["channel"] == "import"

    def test_empty_rows_and_cells_are_skipped(self, tmp_path):
        lines = read(tmp_path, "email,title\nana@kestrel.example,\n,\n\nben@kestrel.example,CTO\n")
        assert [number for number, _ in lines] == [2, 5]
        assert "title" not in lines[0][1]["person"]

    def test_a_short_row_lacks_its_last_cells(self, tmp_path):
        [(_, lead)] = read(tmp_path, "email,title\nana@kestrel.example\n")
        assert lead["person"]["email"] == "ana@kestrel.example"

    def test_a_long_row_is_reported_and_the_others_are_read(self, tmp_path):
        lines = read(tmp_path, "email\na@kestrel.example,x\nb@kestrel.example\n")
        assert lines[0] == (2, "the row has 2 cells, the header has 1")
        assert lines[1][1]["person"]["email"] == "b@kestrel.example"

    def test_a_byte_order_mark_is_no_part_of_the_header(self, tmp_path):
        [(_, lead)] = read(tmp_path, b"\xef\xbb\xbfemail\nana@kestrel.example\n")
        assert lead["person"]["email"] == "ana@kestrel.example"

    def test_a_quoted_cell_may_have_lines(self, tmp_path):
        lines = read(tmp_path, 'email,message\nana@kestrel.example,"one\ntwo"\nben@kestrel.example,x\n')
        assert lines[0][1]["message"] == "one\ntwo"
        assert [number for number, _ in lines] == [3, 4]

    @pytest.mark.parametrize(
        "text", ["", b"\xff\xfe", 'email\n"never closed'], ids=["empty", "latin", "quote"]
    )
    def test_a_file_that_is_no_csv_is_unreadable(self, tmp_path, text):
        with pytest.raises(FileUnreadable, match=r"leads\.csv"):
            read(tmp_path, text)

    def test_a_file_that_is_not_there_is_unreadable(self, tmp_path):
        with pytest.raises(FileUnreadable, match=r"none\.csv"):
            read_leads(tmp_path / "none.csv")


class TestJsonLines:
    @pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json", "JSONL"])
    def test_a_lead_of_the_intake_s_shape_is_sent_as_it_is(self, tmp_path, suffix):
        lead = '{"person": {"email": "ana@kestrel.example"}}'
        [line] = read_leads(written(tmp_path, f"  {lead}\n", f"leads.{suffix}"))
        assert line == LeadLine(1, lead.encode())

    def test_an_object_of_another_shape_is_read_as_a_form(self, tmp_path):
        [(_, lead)] = read(tmp_path, '{"Work Email": "ana@kestrel.example"}', "leads.jsonl")
        assert lead["person"]["email"] == "ana@kestrel.example"

    def test_a_line_that_is_no_object_is_reported_and_the_others_are_read(self, tmp_path):
        text = '{\n[1]\n\n"x"\n{"email": "ana@kestrel.example"}\n'
        lines = read(tmp_path, text, "leads.jsonl")
        assert [number for number, _ in lines] == [1, 2, 4, 5]
        assert lines[0][1].startswith("this is not JSON: ")
        assert lines[1][1] == lines[2][1] == "this is not an object"

    def test_a_line_too_long_for_a_list_is_reported(self, tmp_path):
        text = json.dumps({"person": {"email": "ana@kestrel.example"}, "message": "x" * 1_000_001})
        assert read(tmp_path, text, "leads.jsonl") == [(1, "the line is too long to be sent")]

    def test_nesting_without_end_is_reported(self, tmp_path):
        [(number, problem)] = read(tmp_path, '{"a":' + "[" * 100_000, "leads.jsonl")
        assert number == 1
        assert problem.startswith("this is not JSON")


@given(st.lists(st.integers(1, 400_000), max_size=40))
def test_lists_keep_the_order_and_the_limits(sizes: Sequence[int]):
    lines = [LeadLine(number, bytes(size)) for number, size in enumerate(sizes, 1)]
    lists = list(batches(lines))
    assert [line for batch in lists for line in batch] == lines
    for batch in lists:
        assert 0 < len(batch) <= LIST_ITEMS_MAX
        assert len(batch) == 1 or sum(len(line.body) + 1 for line in batch) <= 1_000_001


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1200, [500, 500, 200])]
)
def test_a_list_has_at_most_five_hundred_leads(count, sizes):
    lines = [LeadLine(number, b"{}") for number in range(count)]
    assert [len(batch) for batch in batches(lines)] == sizes


class TestSending:
    def answer(self, request: Any) -> Any:
        """Refuse every lead whose e-mail begins with `bad`."""
        results = [
            {"index": index, "problem": {"title": "Not valid", "detail": "no such address"}}
            if lead["email"].startswith("bad")
            else {"index": index, "lead_id": "x"}
            for index, lead in enumerate(msgspec.json.decode(request.content))
        ]
        return 207, {"results": results}

    async def test_refused_leads_are_reported_with_their_lines(self, gateway):
        gateway.answers["POST /v1/leads"] = self.answer
        lines: list[LeadLine | RejectedLine] = [
            LeadLine(2, b'{"email":"bad@x"}'),
            RejectedLine(3, "not an object"),
            LeadLine(4, b'{"email":"ana@x"}'),
            LeadLine(7, b'{"email":"bad2@x"}'),
        ]
        async with gateway.connect() as client:
            result = await send_leads(client, lines, show_progress=False)
        assert result.accepted == 1
        assert [(problem.line, problem.problem) for problem in result.problems] == [
            (2, "Not valid: no such address"),
            (3, "not an object"),
            (7, "Not valid: no such address"),
        ]

    async def test_a_list_that_is_refused_as_a_whole_has_its_results_too(self, gateway):
        gateway.answers["POST /v1/leads"] = lambda request: (422, self.answer(request)[1])
        async with gateway.connect() as client:
            result = await send_leads(client, [LeadLine(2, b'{"email":"bad@x"}')], show_progress=False)
        assert (result.accepted, len(result.problems)) == (0, 1)

    async def test_any_other_refusal_ends_the_import(self, gateway):
        gateway.answers["POST /v1/leads"] = (401, {"title": "No key", "status": 401})
        async with gateway.connect() as client:
            with pytest.raises(Refused, match="No key"):
                await send_leads(client, [LeadLine(2, b"{}")], show_progress=False)

    async def test_the_same_lines_have_the_same_idempotency_key_and_others_another(self, gateway):
        gateway.answers["POST /v1/leads"] = (202, {"results": []})
        async with gateway.connect() as client:
            for body in (b'{"a":1}', b'{"a":1}', b'{"a":2}'):
                await send_leads(client, [LeadLine(2, body)], show_progress=False)
        first, again, other = (request.headers["idempotency-key"] for request in gateway.requests)
        assert first == again != other
        assert first.startswith("import-")


def test_the_command_reports_lines_on_stderr_and_fails(baton, gateway, tmp_path):
    gateway.answers["POST /v1/leads"] = (202, {"results": []})
    file = written(tmp_path, '{"email": "ana@kestrel.example"}\n[]\n', "leads.jsonl")
    assert baton("leads", "import", str(file)) == (
        1,
        "1 accepted, 1 not.\n",
        f"{file}:2: this is not an object\n",
    )
    code, out, err = baton("leads", "import", str(file), "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {"accepted": 1, "problems": [{"line": 2, "problem": "this is not an object"}]}


def test_the_command_succeeds_when_every_line_was_accepted(baton, gateway, tmp_path):
    gateway.answers["POST /v1/leads"] = (202, {"results": []})
    file = written(tmp_path, "email\nana@kestrel.example\n")
    assert baton("leads", "import", str(file)) == (0, "1 accepted, 0 not.\n", "")
