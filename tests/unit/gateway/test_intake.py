"""The intake decisions: total, deterministic, and of the identity that the other roles derive."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.access import ApiKey, included
from services.gateway.domain.arrival import Arrival, uuid7
from services.gateway.domain.leads import receive_lead
from services.gateway.domain.signals import receive_signal
from services.tables import metadata
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person
from shared.lead.events.signal_received import SignalAccount, SignalPerson, SignalReceivedV1, SignalType
from shared.lead.ids import lead_id_of
from shared.webhooks import Subscription

AT = datetime(2026, 3, 1, tzinfo=UTC)
ARRIVAL = Arrival(AT, os.urandom, "00-" + "a" * 32 + "-" + "b" * 16 + "-00")
TEXT = (
    st.none()
    | st.text(max_size=60)
    | st.sampled_from(["a@b.example", "+14155550100", "kestrel.example", " "])
)


# the lists of domains are read on first use
@given(TEXT, TEXT, TEXT, TEXT)
def test_a_lead_is_received_or_rejected_with_a_pointer(email, phone, linkedin_url, domain):
    body = LeadReceivedV1(
        person=Person(email=email, phone=phone, linkedin_url=linkedin_url), company=Company(domain=domain)
    )
    try:
        received = receive_lead(body, b"{}", ARRIVAL)
    except Reject as reject:
        assert reject.status == 422  # noqa: PT017 - either outcome is right
        assert reject.errors  # noqa: PT017
    else:
        assert received.event.subject == received.lead_id
        assert received.event.key


def test_a_domain_alone_is_an_account_lead():
    received = receive_lead(LeadReceivedV1(company=Company(domain="www.kestrel.example")), b"{}", ARRIVAL)
    assert received.lead_id == lead_id_of("domain:kestrel.example")
    assert received.event.key == "kestrel.example"


def test_an_address_that_cannot_be_read_is_refused_even_beside_a_phone_number():
    body = LeadReceivedV1(person=Person(email="nope", phone="+14155550100"))
    with pytest.raises(Reject) as rejected:
        receive_lead(body, b"{}", ARRIVAL)
    assert [error.pointer for error in rejected.value.errors] == ["/person/email"]


# the lists of domains are read on first use
@given(st.integers(0, 2**37), st.binary(min_size=10, max_size=10))
def test_new_ids_are_uuids_of_version_7_in_the_order_of_time(seconds, random):
    at = datetime.fromtimestamp(seconds, UTC)
    id_ = UUID(uuid7(at, lambda _count: random))
    assert (id_.version, id_.variant) == (7, "specified in RFC 4122")
    assert id_.int >> 80 == seconds * 1000


def test_an_external_id_counts_within_its_type_and_account():
    def id_of(type_: SignalType, domain: str) -> str:
        body = SignalReceivedV1(
            type=type_, occurred_at=AT, account=SignalAccount(domain=domain), external_id="7"
        )
        return receive_signal(body, b"{}", ARRIVAL).event.id

    ids = [id_of("news", "a.example"), id_of("news", "b.example"), id_of("job_change", "a.example")]
    assert len(set(ids)) == 3
    assert id_of("news", "a.example") == ids[0]


@pytest.mark.parametrize(
    ("signal", "pointer"),
    [
        (SignalReceivedV1("opt_out", AT, SignalAccount("a.example")), "/person/email"),
        (SignalReceivedV1("activity", AT, person=SignalPerson("no")), "/person/email"),
        (SignalReceivedV1("activity", AT, person=SignalPerson("a@kestrel.example")), "/details/activity"),
        (SignalReceivedV1("news", AT), "/account"),
        (SignalReceivedV1("news", AT, SignalAccount("com")), "/account/domain"),
        (SignalReceivedV1("news", datetime.fromisoformat("0001-01-01T00:00:00+14:00")), "/occurred_at"),
    ],
)
def test_a_signal_without_a_readable_subject_is_rejected_with_a_pointer(signal, pointer):
    with pytest.raises(Reject) as rejected:
        receive_signal(signal, b"{}", ARRIVAL)
    assert rejected.value.errors[0].pointer == pointer


@pytest.mark.parametrize("ends", ["2027-03-31", "20270331", "2027-03-31T00:00:00Z", "2027-03-31T18:00+02:00"])
def test_the_end_of_a_contract_is_a_date(ends):
    contract = SignalReceivedV1(
        "contract_expiry", AT, SignalAccount("a.example"), details={"expires_on": ends}
    )
    assert receive_signal(contract, b"{}", ARRIVAL).event.subject == "a.example"


UNREADABLE: list[object] = [None, "", "soon", "31.03.2027", "03/31/2027", "2027-02-30", 2027, []]


@pytest.mark.parametrize("details", [{}, *({"expires_on": ends} for ends in UNREADABLE)])
def test_a_contract_without_a_readable_end_is_rejected_and_told_the_forms(details):
    contract = SignalReceivedV1("contract_expiry", AT, SignalAccount("a.example"), details=details)
    with pytest.raises(Reject) as rejected:
        receive_signal(contract, b"{}", ARRIVAL)
    [problem] = rejected.value.errors
    assert (rejected.value.status, problem.pointer) == (422, "/details/expires_on")
    assert "YYYY-MM-DD" in problem.detail
    assert "RFC 3339" in problem.detail


def test_a_personal_signal_is_about_the_lead_and_keyed_by_its_account():
    body = SignalReceivedV1("opt_out", AT, person=SignalPerson("Ana+x@kestrel.example"))
    event = receive_signal(body, b"{}", ARRIVAL).event
    assert (event.subject, event.key) == (lead_id_of("email:ana@kestrel.example"), "kestrel.example")


def test_a_signal_holds_an_activity_with_details_of_its_own():
    activity = {
        "type": "trial_started",
        "at": "2026-02-28T09:00:00Z",
        "details": {"plan": {"seats": [5, 10]}},
    }
    told = {
        "type": "activity",
        "person": {"email": "ana@kestrel.example"},
        "occurred_at": AT,
        "details": {"activity": activity},
    }
    raw = msgspec.json.encode(told)
    event = receive_signal(msgspec.json.decode(raw, type=SignalReceivedV1), raw, ARRIVAL).event
    assert event.data.details == {"activity": activity}


def test_scopes_include_others():
    assert included(["manager"]) == {"manager", "rep", "read"}
    assert included(["intake"]) == {"intake"}
    assert "manager" in included(["admin"])


@pytest.mark.parametrize("kind", [ApiKey, Subscription])
def test_rows_have_the_columns_of_their_table(kind):
    columns = [column.name for column in metadata.tables[kind.table].columns]
    assert [field.name for field in msgspec.structs.fields(kind)] == columns
