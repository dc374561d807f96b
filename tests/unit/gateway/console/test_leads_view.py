"""The table of leads: its addresses, its chips, and names that are missing."""

from __future__ import annotations

from services.gateway.console.views.leads import LeadsPlace, leads_view
from tests.support.routing_policies import default_policy
from tests.support.stored_leads import view


def test_a_filter_is_added_to_the_others_and_begins_at_the_first_page() -> None:
    place = LeadsPlace(queue="sdr", rule="high-intent", cursor="abc")
    assert place.path(grade="A1") == "/leads?queue=sdr&rule=high-intent&grade=A1"
    assert place.path(queue="", rule="") == "/leads"
    assert place.path("/leads.csv") == "/leads.csv?queue=sdr&rule=high-intent"
    assert place.path(cursor="x y") == "/leads?queue=sdr&rule=high-intent&cursor=x+y"


def test_chips_say_filters_in_words_and_lead_to_the_list_without_them() -> None:
    place = LeadsPlace(owner="sdr-1", rule="high-intent", period="7d", reason="opted_out", band="mql")
    shown = leads_view(place, [], None, default_policy())
    said = {chip.name: (chip.label, chip.value) for chip in shown.chips}
    assert said["rule"] == ("Rule", "High intent")
    assert said["period"] == ("Last", "7 days")
    assert said["reason"] == ("Suppressed as", "opted out")
    assert said["band"] == ("Band", "MQL")
    assert said["owner"][1] != "sdr-1"
    [without] = [chip.without for chip in shown.chips if chip.name == "period"]
    assert "period" not in without
    assert "owner=sdr-1" in without
    assert set(shown.hidden) == {"rule", "reason", "band"}


def test_a_lead_without_a_name_shows_its_address_or_its_account() -> None:
    nameless = view(1, name=None, company=None)
    unknown = view(2, name=None, email=None, company=None, account=nameless["lead_id"])
    unknown["lead_id"] = unknown["account"]
    rows = leads_view(LeadsPlace(), [nameless, unknown], "next", default_policy()).rows
    assert (rows[0].name, rows[0].company) == ("person1@company0.example", "company0.example")
    assert (rows[1].name, rows[1].company) == (unknown["account"], "")
    assert rows[0].path.startswith(f"/leads/{nameless['lead_id']}?from=%2Fleads")
