"""What the gateway marks on events from sources: their trust, and whether their consent is proven."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.forms import lead_from_source
from services.gateway.domain.leads import receive_lead
from services.gateway.domain.signals import receive_signal
from services.gateway.domain.sources import HookSource, source_of
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Consent, Origin, SourceTrust
from shared.lead.events.signal_received import SignalAccount, SignalReceivedV1
from shared.policy.models import SourceConfig

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ARRIVAL = Arrival(AT, bytes, "")
KESTREL = Company(domain="kestrel.example")
SIGNAL = SignalReceivedV1("news", AT, SignalAccount("kestrel.example"))


@pytest.mark.parametrize(
    ("source", "trust"),
    [
        (SourceConfig(kind="form", public=True), "public"),
        (SourceConfig(kind="form", secret_env="TOKEN"), "signed"),
        (SourceConfig(kind="form", signature="hub", secret_env="TOKEN"), "signed"),
        (SourceConfig(kind="form", secret_env="TOKEN", trust="internal"), "internal"),
        (SourceConfig(kind="form", secret_env="TOKEN", trust="public"), "public"),
    ],
)
def test_the_trust_of_a_source_follows_from_its_proof_unless_it_is_configured(
    source: SourceConfig, trust: SourceTrust
) -> None:
    hook = source_of("web", source)
    event = receive_lead(LeadReceivedV1(company=KESTREL), b"{}", ARRIVAL, hook).event
    assert event.data.trust == trust
    assert msgspec.json.decode(event.raw or b"", type=LeadReceivedV1) == event.data
    signal = receive_signal(SIGNAL, b"{}", ARRIVAL, hook).event
    assert signal.data.trust == trust
    assert msgspec.json.decode(signal.raw or b"", type=SignalReceivedV1) == signal.data


@pytest.mark.parametrize(
    ("source", "consent", "proven"),
    [
        (HookSource("web", trust="public"), Consent(opted_out=True), False),
        (HookSource("web", trust="public"), Consent(marketing=True), False),
        (HookSource("web", trust="public", opt_out="suppress"), Consent(opted_out=True), True),
        (HookSource("web", trust="public", opt_out="suppress"), Consent(marketing=True), False),
        (HookSource("web", trust="public"), Consent(), None),
        (HookSource("web", trust="signed"), Consent(opted_out=True), None),
        (HookSource("web", trust="internal"), Consent(marketing=True), None),
        (None, Consent(opted_out=True), None),
    ],
)
def test_consent_that_anybody_could_have_typed_is_not_proven(
    source: HookSource | None, consent: Consent, proven: bool | None
) -> None:
    lead = LeadReceivedV1(company=KESTREL, consent=consent)
    assert receive_lead(lead, b"{}", ARRIVAL, source).event.data.consent.proven is proven


@pytest.mark.parametrize("is_form", [False, True])
@pytest.mark.parametrize(
    ("lead", "pointer"),
    [
        (LeadReceivedV1(company=KESTREL, trust="internal"), "/trust"),
        (LeadReceivedV1(company=KESTREL, consent=Consent(opted_out=True, proven=True)), "/consent/proven"),
        (LeadReceivedV1(company=KESTREL, consent=Consent(proven=False)), "/consent/proven"),
        (LeadReceivedV1(company=KESTREL, source=Origin(honeypot=False)), "/source/honeypot"),
    ],
)
def test_a_lead_cannot_say_how_far_it_is_trusted(is_form: bool, lead: LeadReceivedV1, pointer: str) -> None:
    def receive() -> object:
        if is_form:
            return lead_from_source(lead, HookSource("web", trust="internal"))
        return receive_lead(lead, b"{}", ARRIVAL)

    with pytest.raises(Reject) as rejected:
        receive()
    assert [problem.pointer for problem in rejected.value.errors] == [pointer]


def test_a_signal_cannot_say_how_far_it_is_trusted() -> None:
    signal = msgspec.structs.replace(SIGNAL, trust="internal")
    with pytest.raises(Reject) as rejected:
        receive_signal(signal, b"{}", ARRIVAL, HookSource("web"))
    assert [problem.pointer for problem in rejected.value.errors] == ["/trust"]
