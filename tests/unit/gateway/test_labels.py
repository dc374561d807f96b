"""Labels: the field that each spelling stands for, and labels that only look like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.labels import answer_name, field_of, is_somebody_elses, utm_of
from services.gateway.domain.opt_outs import is_opt_out_label, opted_out, says_opted_out

FIELDS = {
    "person.email": [
        "form_fields[email]", "lead[email]", "email-1", "email 2", "email[0]", "email[]", "your-email", "wpcf7-email",
        "et_pb_contact_email_0", "q3_email", "q3_email3", "txtEmail", "ctl00$MainContent$txtEmail", "f_email",
        "mauticform[f_email]", "jform[email1]", "submitted[email_address]", "contact[person][email]", "data.email",
        "items[0][email]", "acme_form[email]", "What is your work e-mail?", "Please enter your email address",
        "E-Mail-Adresse *", "Geschäftliche E-Mail", "Wie lautet Ihre E-Mail-Adresse?", "Courriel", "Correo electrónico",
        "Indirizzo e-mail", "EMAIL", "EmailAddress", "E-mail (required)",
    ],
    "person.name": [
        "name", "name-1", "lead[name]", "form_fields[name]", "acme_form[name]", "user[name]", "data.name",
        "Contact Name", "What is your name?", "Your full name", "Nombre y apellidos",
    ],
    "person.first_name": ["Contact[FirstName]", "q4_fullName[first]", "fullName3.first", "data[merges][FNAME]", "Vorname (Pflichtfeld)", "Prénom"],
    "person.last_name": ["name[last]", "merges.LNAME", "Nachname", "Apellidos", "Cognome", "lastName2"],
    "person.title": ["lead[title]", "What's your job title?", "Fonction", "Puesto", "data[title]"],
    "person.phone": ["tel-1", "phone_number_2", "Phone (optional)", "data.phone", "mobile2", "Telefonnummer", "Téléphone"],
    "person.country": ["person[address][country]", "Land", "Pays", "País", "Paese"],
    "company.name": ["company[name]", "lead.company", "Firma", "Société", "Empresa", "Azienda"],
    "company.employees": ["company[size]", "Company_Size__c", "Unternehmensgröße", "Anzahl Mitarbeiter", "NumberOfEmployees"],
    "message": ["your-message", "form_fields[message]", "Ihre Nachricht", "How can we help you?"],
    "source.form_id": ["form id", "form[id]", "Form ID"],
}  # fmt: skip
NO_FIELDS = (
    "product[name]", "product[title]", "order[size]", "item[name]", "event name", "page title", "form name", "form.name",
    "form title", "user name", "meta description", "image url", "input_3", "text-1", "wpforms[fields][1]",
    "form_fields[field_abc123]", "billing[email]", "billing contact's e-mail", "friend_email", "", "???", "e-mail confirmation",
    "Can we phone you?", "Do you have a company?",
)  # fmt: skip
OPT_OUTS = (
    "doNotEmail", "HasOptedOutOfEmail", "Email Opt Out", "Opted Out", "opt-out", "Do Not Contact", "unsubscribed",
    "Unsubscribe", "hs_email_optout", "Unsubscribed from all email", "donotbulkemail", "donotemail", "do_not_disturb",
    "Opt_Out__c", "emailBlacklisted", "unsubscribed_from_emails", "I do not want to receive marketing emails",
    "I don't want to be contacted", "Please do not contact me", "Abgemeldet", "Newsletter abmelden", "Désinscription",
    "Ne pas contacter", "Darse de baja", "No contactar", "Non contattare", "Não contatar", "is_unsubscribed",
    "Opt-out date", "UNSUB_TIME", "Unsubscribed At", "lead[opt_out]", "marketing opt-out", "No emails", "Nicht kontaktieren",
    "Wypisany", "Nie kontaktować się", "Avregistrerad", "Kontakta ej", "Inga utskick", "Afmeldt", "Frameldt", "Må ikke kontaktes",
    "Niet benaderen", "Uitgeschreven",
)  # fmt: skip
NO_OPT_OUTS = (
    "newsletter", "opt in", "HasOptedOutOfFax", "UNSUB_REASON", "sms opt out", "Unsubscribe link", "opt out reason", "email", "message",
    "optional", "contact", "options", "outcome", "Do Not Call", "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("label", "field"), [(label, field) for field, labels in FIELDS.items() for label in labels]
)
def test_a_label_stands_for_its_field_in_every_spelling(label: str, field: str):
    assert field_of(label) == field


@pytest.mark.parametrize("label", NO_FIELDS)
def test_a_label_of_something_else_is_no_field(label: str):
    assert field_of(label) is None


@pytest.mark.parametrize("label", OPT_OUTS)
def test_an_opt_out_is_known_under_the_name_that_each_tool_has_for_it(label: str):
    assert is_opt_out_label(label)


@pytest.mark.parametrize("label", NO_OPT_OUTS)
def test_other_labels_are_no_opt_out(label: str):
    assert not is_opt_out_label(label)


@pytest.mark.parametrize(
    "value", ["yes", "1", "t", "TRUE", "x", "maybe", "2024-05-01", "Please!", True, 1, ["no", "yes"]]
)
def test_anything_but_a_clear_no_is_an_opt_out(value: object):
    assert opted_out(value)


@pytest.mark.parametrize(
    "value", ["no", "0", "f", "FALSE", "", "-", "n/a", False, 0, None, [], ["no"], "0000-00-00"]
)
def test_a_clear_no_is_none(value: object):
    assert not opted_out(value)


@pytest.mark.parametrize(
    ("value", "said"), [("Unsubscribed", True), ("opted-out", True), ("subscribed", False), (1, False)]
)
def test_a_status_says_that_somebody_opted_out(value: object, said: bool):
    assert says_opted_out(value) is said


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("form_fields[interest]", "interest"),
        ("interest[]", "interest"),
        ("data.interest", "interest"),
        ("billing.city", "billing.city"),
        ("wpforms[fields][1]", "wpforms[fields][1]"),
        ("Interest", "interest"),
    ],
)
def test_an_answer_is_named_without_the_form_that_it_stands_in(label: str, name: str):
    assert answer_name(label) == name


def test_utm_parameters_are_known_in_brackets_too():
    assert [utm_of(label) for label in ("utm_source", "lead[utm_source]", "UTM Campaign", "source")] == [
        "source",
        "source",
        "campaign",
        None,
    ]


@given(st.text())
def test_any_label_is_read(label: str):
    field_of(label)
    utm_of(label)
    answer_name(label)
    is_somebody_elses(label)
    is_opt_out_label(label)
