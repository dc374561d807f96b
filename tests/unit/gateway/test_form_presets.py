"""The form presets that come with Baton: all vendors, each with examples and an activity, none with a hook."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.integrations.catalog import built_in_integrations, read_example
from shared.integrations.examples import IntakeExample
from shared.integrations.expressions import evaluation_at
from shared.integrations.intake_preset import IntakePreset
from shared.lead.fields import ACTIVITY_TYPES

AT = datetime(2026, 1, 15, 10, tzinfo=UTC)
FORMS = built_in_integrations().forms
VENDORS = (
    "html", "typeform", "tally", "jotform", "webflow", "hubspot", "google_ads", "meta", "linkedin", "unbounce",
    "elementor", "gravity_forms", "wpforms", "formspree", "netlify", "mailchimp", "calendly", "segment", "intercom",
    "salesforce", "rb2b", "standard_webhooks", "formbricks", "tilda",
)  # fmt: skip
ACTIVITIES: list[tuple[str, Any, str | None]] = [
    ("html", {"email": "a@b.example"}, "contact_request"),
    ("typeform", {"form_response": {"definition": {"title": "Book a demo"}}}, "demo_request"),
    ("typeform", {"form_response": {"definition": {"title": "Free trial"}}}, "trial_started"),
    ("typeform", {"form_response": {}}, "contact_request"),
    ("tally", {"data": {"formName": "Download the guide"}}, "content_download"),
    ("webflow", {"payload": {"name": "Pricing request"}}, "demo_request"),
    ("hubspot", {"properties": {}, "form-submissions": [{"title": "White paper"}]}, "content_download"),
    ("hubspot", {"properties": {}}, None),
    ("linkedin", {"leadType": "EVENT"}, "webinar"),
    ("elementor", {"form[name]": "Demo"}, "demo_request"),
    ("elementor", {"form_name": "Demo", "E-Mail": "a@b.example"}, "demo_request"),
    ("formspree", {"email": "a@b.example"}, "contact_request"),
    ("netlify", {"form_name": "demo"}, "demo_request"),
    ("calendly", {"event": "invitee.created"}, "demo_request"),
    ("segment", {"type": "track", "event": "Signed Up"}, "trial_started"),
    ("segment", {"type": "identify"}, None),
    ("intercom", {"topic": "contact.lead.created"}, "contact_request"),
    ("intercom", {"topic": "contact.user.created"}, "trial_started"),
    ("rb2b", {"Captured URL": "https://www.tidepool.example/pricing?x=1"}, "pricing_view"),
    ("rb2b", {"Captured URL": "https://www.tidepool.example/"}, "page_view"),
    ("mailchimp", {"type": "subscribe"}, "contact_request"),
    ("standard_webhooks", {"type": "demo.requested", "data": {}}, "demo_request"),
]


def examples_of(vendor: str) -> list[IntakeExample]:
    found = [read_example("forms", file) for file in FORMS[vendor].example_files()]
    assert [finding for _, findings in found for finding in findings] == []
    return [example for example, _ in found if isinstance(example, IntakeExample)]


def activity_of(preset: IntakePreset, item: Any) -> str | None:
    evaluation = evaluation_at(AT, item)
    return next((rule.type for rule in preset.activity if evaluation.holds(rule.when, item)), None)


def test_there_is_a_folder_for_each_vendor_without_any_hook():
    assert set(VENDORS) <= FORMS.keys()
    assert [vendor for vendor in VENDORS if FORMS[vendor].preset.hook is not None] == []
    assert [finding for vendor in VENDORS for finding in FORMS[vendor].findings] == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_folder_has_examples_and_says_what_the_form_is_and_how_it_is_set_up(vendor: str):
    preset, examples = FORMS[vendor].preset, examples_of(vendor)
    assert 3 <= len(examples) <= 12
    assert preset.note
    assert any("{url}" in step for step in preset.setup)
    assert preset.activity
    assert {rule.type for rule in preset.activity} <= set(ACTIVITY_TYPES)
    assert all(
        ".example" in json.dumps(example.model_dump(mode="json")) or not example.expect[0].lead
        for example in examples
    )


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VENDORS if FORMS[vendor].preset.signature is not None]
)
def test_a_vendor_that_proves_itself_has_an_example_with_its_secret(vendor: str):
    assert any(example.secret and example.request.method == "POST" for example in examples_of(vendor))


@pytest.mark.parametrize(("vendor", "item", "activity"), ACTIVITIES)
def test_a_preset_says_which_activity_a_form_is(vendor: str, item: Any, activity: str | None):
    assert activity_of(FORMS[vendor].preset, item) == activity
