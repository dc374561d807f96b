"""Account knowledge: the event it becomes, and rows of CSV."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.accounts import (
    COLUMNS,
    fields_of_row,
    key_of_domain,
    read_csv,
    receive_account,
)
from services.gateway.domain.arrival import Arrival
from shared.errors import Reject
from shared.lead.events.account_received import AccountReceivedV1

AT = datetime(2026, 3, 1, tzinfo=UTC)
ARRIVAL = Arrival(AT, bytes, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "order-7")


def pointers(reject: pytest.ExceptionInfo[Reject]) -> list[str]:
    return [error.pointer for error in reject.value.errors]


def test_the_event_is_about_the_registrable_domain():
    event = receive_account(AccountReceivedV1("www.Kestrel.example", relation="customer"), ARRIVAL).event
    assert (event.key, event.subject) == ("kestrel.example", "kestrel.example")
    assert (event.time, event.traceparent) == (AT, ARRIVAL.traceparent)
    assert event.data.domain == "www.Kestrel.example"


def test_the_same_idempotency_key_gives_the_same_event_id():
    one, again = (receive_account(AccountReceivedV1("kestrel.example"), ARRIVAL) for _ in range(2))
    assert one.event.id == again.event.id


def test_all_domains_of_no_company_are_reported_at_once():
    knowledge = AccountReceivedV1("gmail.com", aliases=["kestrel.de", "com", "outlook.com"])
    with pytest.raises(Reject) as reject:
        receive_account(knowledge, ARRIVAL)
    assert pointers(reject) == ["/domain", "/aliases/1", "/aliases/2"]


@pytest.mark.parametrize(
    ("domain", "key"), [("www.kestrel.co.uk", "kestrel.co.uk"), ("gmail.com", ""), (None, ""), ("com", "")]
)
def test_only_a_company_has_an_account_key(domain: str | None, key: str):
    assert key_of_domain(domain) == key


def test_a_header_is_read_whatever_its_case_spaces_and_byte_order_mark():
    columns, rows = read_csv(b"\xef\xbb\xbf Domain ,Open opportunity\r\n\r\na.example,yes\r\n")
    assert (columns, rows) == (["domain", "open_opportunity"], [["a.example", "yes"]])


@pytest.mark.parametrize(
    ("raw", "status", "kind"),
    [
        (b"", 422, "invalid-body"),
        (b"domain\n", 422, "empty-list"),
        (b"domain\n\xff\n", 400, "malformed-csv"),
        (b'domain\n"a.example\n', 400, "malformed-csv"),
    ],
)
def test_what_is_no_csv_of_accounts_is_rejected(raw: bytes, status: int, kind: str):
    with pytest.raises(Reject) as reject:
        read_csv(raw)
    assert (reject.value.status, reject.value.kind) == (status, kind)


def test_unknown_repeated_and_missing_columns_are_reported_at_once():
    with pytest.raises(Reject) as reject:
        read_csv(b"name,realtion,name\nAlpha,target,Beta\n")
    details = [error.detail for error in reject.value.errors]
    assert len(details) == 3
    assert details[0].startswith("The column 'realtion'")
    assert details[1].startswith("The column 'name'")
    assert details[2] == "A column domain is needed"


def test_cells_become_fields_and_empty_cells_are_left_out():
    row = [" a.example ", "Alpha", "Customer", "", "NO", "  ", "a.de; a.fr|a.it"]
    assert fields_of_row(COLUMNS, row) == {
        "domain": "a.example",
        "name": "Alpha",
        "relation": "customer",
        "open_opportunity": False,
        "aliases": ["a.de", "a.fr", "a.it"],
    }


def test_a_short_row_leaves_out_its_last_columns():
    assert fields_of_row(["domain", "name"], ["a.example"]) == {"domain": "a.example"}


def test_a_long_row_is_rejected():
    with pytest.raises(Reject, match=r"The body is not valid"):
        fields_of_row(["domain"], ["a.example", "more"])


def test_all_faults_of_a_row_are_reported_at_once():
    with pytest.raises(Reject) as reject:
        fields_of_row(["domain", "open_opportunity", "name"], ["a\0", "perhaps", "b\0"])
    assert pointers(reject) == ["/domain", "/open_opportunity", "/name"]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=10))
def test_every_row_that_csv_can_write_is_read_back(pairs: list[tuple[str, str]]):
    text = StringIO()
    csv.writer(text).writerows([("domain", "name"), *pairs])
    columns, rows = read_csv(text.getvalue().encode())
    assert columns == ["domain", "name"]
    assert rows == [list(pair) for pair in pairs]
    for row, (domain, name) in zip(rows, pairs, strict=True):
        wanted = {"domain": domain.strip(), "name": name.strip()}
        assert fields_of_row(columns, row) == {field: text for field, text in wanted.items() if text}
