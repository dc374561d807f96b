"""Bodies of forms: character sets, byte order marks, missing content types, lists of one form, times as numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.api import Api

URLENCODED = "application/x-www-form-urlencoded"
BOM = b"\xef\xbb\xbf"
ANA = {"email": "ana@kestrel.example", "last name": "Müller"}
JSON = json.dumps(ANA, ensure_ascii=False).encode()

BODIES = [
    # character sets
    (f"{URLENCODED}; charset=iso-8859-1", b"email=ana%40kestrel.example&last+name=M%FCller"),
    (f'{URLENCODED}; charset="windows-1252"', b"email=ana%40kestrel.example&last+name=M%FCller"),
    (f"{URLENCODED};charset=utf-8", b"email=ana%40kestrel.example&last+name=M%C3%BCller"),
    (f"{URLENCODED};charset=utf-8", b"email=ana%40kestrel.example&last+name=M%FCller"),
    (f"{URLENCODED};charset=x-unknown", b"email=ana%40kestrel.example&last+name=M%C3%BCller"),
    (URLENCODED, b"email=ana%40kestrel.example&_charset_=windows-1252&last+name=M%FCller"),
    (URLENCODED, b"_charset_=iso-8859-2&email=ana%40kestrel.example&last+name=M%FCller"),
    (URLENCODED, b"_charset_=utf-8&email=ana%40kestrel.example&last+name=M%C3%BCller"),
    (URLENCODED, b"email=ana%40kestrel.example&last+name=M%FCller"),
    (URLENCODED, b"email=ana%40kestrel.example&last+name=M%C3%BCller"),
    (URLENCODED, "email=ana@kestrel.example&last name=Müller".encode()),
    (URLENCODED, "email=ana@kestrel.example&last name=Müller".encode("latin-1")),
    # the byte order mark
    ("application/json", BOM + JSON),
    ("application/json; charset=utf-8", BOM + b" \n" + JSON),
    ("text/plain", BOM + JSON),
    (None, BOM + JSON),
    (URLENCODED, BOM + b"email=ana%40kestrel.example&last+name=M%C3%BCller"),
    # no format, or text/plain
    ("text/plain;charset=UTF-8", b"email=ana%40kestrel.example&last+name=M%C3%BCller"),
    (None, b"email=ana%40kestrel.example&last+name=M%C3%BCller"),
    ("application/octet-stream", b"email=ana%40kestrel.example&last+name=M%C3%BCller"),
    ("text/plain", "email=ana@kestrel.example\r\nlast name=Müller\r\n".encode()),
    # a list with one form in it
    ("application/json", b"[" + JSON + b"]"),
    ("text/plain", b" [" + JSON + b"] "),
    # JSON that curl calls urlencoded
    ("application/x-www-form-urlencoded", JSON),
    ("application/x-www-form-urlencoded", BOM + b"[" + JSON + b"]\n"),
    ("application/json", BOM + b"[" + JSON + b"]"),
]


def _post(api: Api, path: str, content_type: str | None, body: bytes) -> Any:
    headers = {} if content_type is None else {"content-type": content_type}
    return api.http.post(path, content=body, headers=headers)


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_a_form_is_read_in_every_encoding(api: Api, content_type: str | None, body: bytes) -> None:
    answer = _post(api, "/v1/sources/website/preview", content_type, body)
    assert answer.status_code == 200, answer.text
    lead = answer.json()["lead"]
    assert (lead["person"], lead.get("answers", {})) == ({"email": ANA["email"], "last_name": "Müller"}, {})


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"[" + JSON + b"," + JSON + b"]", 422),
        ("application/json", b"[]", 422),
        ("text/plain", b"hello", 400),
        (None, b"", 400),
        ("application/json", BOM, 400),
        ("application/json", BOM + BOM + JSON, 400),
        ("application/xml", b"<a/>", 415),
    ],
)
def test_what_is_no_form_is_a_problem(api: Api, content_type: str | None, body: bytes, status: int) -> None:
    assert _post(api, "/hooks/forms/website", content_type, body).status_code == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/leads", {"person": {"email": "bom@bomco.example"}}),
        ("/v1/leads", [{"person": {"email": "bom2@bomco.example"}}]),
        (
            "/v1/signals",
            {"type": "news", "account": {"domain": "bomco.example"}, "occurred_at": "2026-03-01T09:00:00Z"},
        ),
        ("/v1/accounts", [{"domain": "bomco.example", "name": "Bomco"}]),
        ("/v1/outcomes", {"email": "bom@bomco.example", "type": "won", "at": "2026-03-01T09:00:00Z"}),
    ],
)
def test_every_json_route_takes_a_byte_order_mark(api: Api, path: str, body: Any) -> None:
    answer = _post(api, path, "application/json", BOM + json.dumps(body).encode())
    assert answer.status_code == 202, answer.text


def test_a_lead_with_a_byte_order_mark_is_routed(api: Api) -> None:
    body = BOM + json.dumps({"person": {"email": "whole@bomco.example"}}).encode()
    answer = _post(api, "/v1/leads", "application/json", body)
    assert api.settled(answer.json())["status"] == "routed"


@pytest.mark.parametrize(
    "submitted_at",
    [
        1772355600,
        1772355600000,
        "1772355600",
        "1772355600000",
        1772355600.0,
        "1772355600.000",
        "2026-03-01T09:00:00Z",
        " 2026-03-01T10:00:00+01:00 ",
    ],
)
def test_a_time_is_read_as_text_or_as_a_number(api: Api, submitted_at: object) -> None:
    fields = {"email": "ana@kestrel.example", "submitted at": submitted_at}
    lead = api.http.post("/v1/sources/website/preview", json=fields).json()["lead"]
    assert lead["source"]["submitted_at"] in ("2026-03-01T09:00:00Z", "2026-03-01T10:00:00+01:00")


def test_nested_fields_of_a_page_are_read_as_people_fill_them_in(api: Api) -> None:
    body = {
        "person": {"email": "ana@kestrel.example", "phone": 4930901820, "country": "Germany"},
        "company": {"employees": "51-200", "size": "", "technologies": "dbt, Snowflake"},
        "source": {"submitted_at": 1772355600000},
        "consent": {"opted_out": "no"},
    }
    lead = api.http.post("/v1/sources/website/preview", json=body).json()["lead"]
    assert lead["person"] == {"email": "ana@kestrel.example", "phone": "4930901820", "country": "Germany"}
    assert lead["company"] == {"employees": 51, "technologies": ["dbt", "Snowflake"]}
    assert lead["source"]["submitted_at"] == "2026-03-01T09:00:00Z"
    refused = api.http.post("/hooks/forms/website", json={**body, "trust": "whatever"})
    assert refused.status_code == 422


@pytest.mark.parametrize("submitted_at", [0, 5, "12", True, "2026-03-01 09:00", "yesterday", 10**20, -1])
def test_what_is_no_time_stays_an_answer(api: Api, submitted_at: object) -> None:
    fields = {"email": "ana@kestrel.example", "submitted at": submitted_at}
    lead = api.http.post("/v1/sources/website/preview", json=fields).json()["lead"]
    assert "submitted at" in lead["answers"]
