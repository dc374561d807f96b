"""Account knowledge: the event it becomes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.gateway.domain.accounts import key_of_domain, receive_account
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
