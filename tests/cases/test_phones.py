"""A phone number is one identity, however it is written, wherever it arrives and whatever stands beside it."""

from __future__ import annotations

from typing import Any

import pytest

from services.enricher.domain.form import normalise_form
from shared.lead.events.lead_received import LeadReceivedV1, contact_lead_id
from shared.lead.events.parts import Company, Person
from shared.lead.identity import identify
from shared.lead.ids import lead_id_of
from tests.support.api import Api

BERLIN = "+4930901820"
NEW_YORK = "+12127365000"


@pytest.mark.parametrize(
    ("phone", "country", "number"),
    [
        # A national number is read by any name of the country.
        ("030 901820", "DE", BERLIN),
        ("030 901820", "Germany", BERLIN),
        ("030 901820", "Deutschland", BERLIN),
        ("030 901820", "ALEMANIA", BERLIN),
        ("030 901820", "ドイツ", BERLIN),
        ("030 901820", "🇩🇪 Germany", BERLIN),
        ("030 901820", "Berlin, Germany", BERLIN),
        ("030 901820", "Germany (DE)", BERLIN),
        ("(212) 736-5000", "United States of America", NEW_YORK),
        ("(212) 736-5000", "U.S.A.", NEW_YORK),
        ("020 7946 0000", "England", "+442079460000"),
        # The international prefix in place of +.
        ("0049 30 901820", None, BERLIN),
        ("0049 30 901820", "US", BERLIN),
        ("0049 (0)30 901820", "Brazil", BERLIN),
        ("(0049) 30 901820", None, BERLIN),
        ("011 49 30 901820", None, BERLIN),
        ("011 49 30 901820", "US", BERLIN),
        ("0011 1 212 736 5000", None, NEW_YORK),
        ("+0049 30 901820", None, BERLIN),
        ("(+49) 30 901820", None, BERLIN),
        # Words are not digits.
        ("+49 30 901820 (office)", None, BERLIN),
        ("+49 30 901820 - mobile, after 5pm", None, BERLIN),
        ("+49 30 901820 (9-17h)", None, BERLIN),
        ("+49 30 901820 [24/7 line]", None, BERLIN),
        ("(+49) 30 901820 (8 am to 5 pm)", None, BERLIN),
        ("030 901820 Büro", "DE", BERLIN),
        ("+1 212 736 5000 cell", None, NEW_YORK),
        ("212 736 5000 (main line)", "US", NEW_YORK),
        ("Office: +49 30 901820", None, BERLIN),
        ("Tel 1: +49 30 901820", None, BERLIN),
        ("+49 30 901820 or +49 171 1234567", None, BERLIN),
        ("+49 30 901820 / 0171 1234567", None, BERLIN),
        ("030/901820", "DE", BERLIN),
        ("+1-800-FLOWERS", None, "+18003569377"),
        ("1-800-CALL-NOW", "US", "+18002255669"),
        # Pasted from somewhere.
        ("tel:+4930901820", None, BERLIN),
        ("p:+4930901820", None, BERLIN),
        ("'+49 30 901820", None, BERLIN),
        ('="+49 30 901820"', None, BERLIN),
        ("\u202a+49 30 901820\u202c", None, BERLIN),
        ("\ufeff+49\u00a030\u2011901820", None, BERLIN),
        ("\uff0b\uff14\uff19 \uff13\uff10 \uff19\uff10\uff11\uff18\uff12\uff10", None, BERLIN),
        ("+٤٩ ٣٠ ٩٠١٨٢٠", None, BERLIN),
        # An extension is part of the identity.
        *[
            (f"+1 212 736 5000{extension}", None, f"{NEW_YORK};ext=101")
            for extension in (
                *(" ext. 101", ", ext 101", " Extension: 101", " extn 101", "x101", " x 101", " #101"),
                *(";ext=101", ",101", ",,101#", " Durchwahl 101", " DW-101", " Apparat 101", " poste 101"),
                *(" anexo 101", " ramal 101", " interno 101", " toestel 101", " доб. 101", " 内線101"),
                *(" (office, ext. 101)", " \uff25\uff38\uff34 \uff11\uff10\uff11", "p101", " p.101"),
            )
        ],
        ("1-800-FLOWERS ext. 12", "US", "+18003569377;ext=12"),
        ("030 901820 Durchwahl 007", "Germany", f"{BERLIN};ext=007"),
    ],
)
def test_the_lead_of_a_phone_number(phone: str, country: str | None, number: str):
    expected = lead_id_of(f"phone:{number}")
    form = LeadReceivedV1(person=Person(phone=phone, country=country))
    normal = normalise_form(form)
    assert contact_lead_id(form) == expected
    assert (normal.identity.lead_id, normal.normalised.person.phone) == (expected, number)


@pytest.mark.parametrize(
    ("person", "company", "number"),
    [
        ({"phone": "030 901820"}, {"country": "Germany"}, BERLIN),
        ({"phone": "030 901820", "country": "Atlantis"}, {"country": "DE"}, BERLIN),
        ({"phone": "030 901820", "country": "United States"}, {"country": "Germany"}, BERLIN),
        ({"phone": "212 736 5000", "country": "United States"}, {"country": "Germany"}, NEW_YORK),
    ],
)
def test_the_country_of_the_company_counts_where_the_person_s_does_not_help(
    person: dict[str, Any], company: dict[str, Any], number: str
):
    form = LeadReceivedV1(person=Person(**person), company=Company(**company))
    assert contact_lead_id(form) == normalise_form(form).identity.lead_id == lead_id_of(f"phone:{number}")


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("030 901820", None),
        ("011 4321-5678", None),  # an area code of Buenos Aires or of Delhi, not a prefix
        ("call me", "US"),
        ("+1 212 736 cell", None),  # too short: "cell" does not make up for it
        ("ext. 101", "US"),
        ("+1 000 000 0000", None),
        ("0000000000", None),
    ],
)
def test_not_a_phone_number(phone: str, country: str | None):
    assert identify(None, phone, None, None, country) is None


def test_a_form_with_the_name_of_a_country_is_the_lead_of_the_number(api: Api):
    sent = api.post_form({"phone": "030 9018 221", "country": "Germany"})
    assert sent["lead_id"] == lead_id_of("phone:+49309018221")
    assert api.settled(sent)["person"]["phone"] == "+49309018221"


def test_a_phone_of_a_known_person_leads_to_them_by_any_spelling(api: Api):
    kurt = {"email": "kurt@phoneland.example", "phone": "030 9018 222", "country": "Germany"}
    first = api.settled(api.post_lead({"person": kurt}))
    again = api.post_lead({"person": {"phone": "0049 30 9018 222 (office)"}})
    view = api.settled(again | {"lead_id": first["lead_id"]})
    assert (view["lead_id"], view["revision"]) == (first["lead_id"], 2)


def test_colleagues_behind_one_switchboard_are_two_leads(api: Api):
    alma = api.post_lead({"person": {"phone": "+1 212 736 5000 ext. 101", "first_name": "Alma"}})
    bruno = api.post_lead({"person": {"phone": "+1 212 736 5000 x202", "first_name": "Bruno"}})
    switchboard = api.post_lead({"person": {"phone": "+1 212 736 5000"}})
    names = {
        view["person"]["phone"]: view["person"].get("first_name") for view in map(api.settled, (alma, bruno))
    }
    assert names == {"+12127365000;ext=101": "Alma", "+12127365000;ext=202": "Bruno"}
    assert len({sent["lead_id"] for sent in (alma, bruno, switchboard)}) == 3
