"""A host that gives pages or mailboxes to anybody is nobody's company: the e-mail's domain counts, else the lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.lead.identity import account_key
from shared.lead.normalise.emails import normalise_email
from tests.support.api import Api

LEAD = "the-lead-id"
FIT = {"company size": "90", "industry": "software", "country": "US", "title": "Head of Ops"}
REFUSED = "This host gives pages or mailboxes to anybody, so it is nobody's company"


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    """The default policy, with two shared hosts of its own."""
    accounts = default_policy_dir / "accounts.yaml"
    text = accounts.read_text(encoding="utf-8")
    assert "shared_hosts: []" in text
    accounts.write_text(
        text.replace("shared_hosts: []", "shared_hosts: [citypages.example, valleynet.example]")
    )
    return default_policy_dir


@pytest.mark.parametrize(
    "website",
    [
        # Social networks, with and without country, subdomain and path.
        "https://www.linkedin.com/company/redbrick-tiles",
        "de.linkedin.com/company/x",
        "linkedin.com",
        "lnkd.in/abc",
        "https://instagram.com/ironoak",
        "facebook.com/ironoak",
        "m.facebook.com",
        "fb.com/ironoak",
        "https://x.com/ironoak",
        "https://www.youtube.com/@flo",
        "https://tiktok.com/@flo",
        "https://vk.com/flo",
        "pinterest.co.uk/flo",
        "t.me/ironoak",
        "wa.me/4930901820",
        # Link pages, short URLs.
        "linktr.ee/ironoak",
        "https://beacons.ai/ironoak",
        "bio.link/x",
        "bit.ly/3abc",
        "g.page/ironoak",
        # Builders whose customers have no name of their own.
        "https://sites.google.com/view/ironoak",
        "https://www.canva.com/design/x",
        "medium.com/@ironoak",
        "github.com/ironoak",
        "notion.so/ironoak/page",
        # Marketplaces, maps, reviews.
        "https://www.etsy.com/shop/ironoak",
        "amazon.co.uk/stores/ironoak",
        "https://www.ebay.de/str/ironoak",
        "https://www.google.com/maps/place/x",
        "maps.google.de",
        "https://www.yelp.com/biz/ironoak",
        "https://de.trustpilot.com/review/ironoak",
        "https://www.tripadvisor.fr/Restaurant",
        "play.google.com/store/apps/x",
        # Forms and documents.
        "docs.google.com/document/d/x",
        "forms.gle/x",
        "https://ironoak.typeform.com/to/x",
        "calendly.com/ironoak/30min",
        # Mail services.
        "gmail.com",
        "https://mail.yahoo.co.jp",
        "sfr.fr",
    ],
)
def test_a_page_that_anybody_can_have_is_no_company(website: str):
    assert account_key(website, "ana@ironoak.example", LEAD) == "ironoak.example"
    assert account_key(website, "ana@gmail.com", LEAD) == LEAD
    assert account_key(website, None, LEAD) == LEAD


@pytest.mark.parametrize(
    ("website", "account"),
    [
        ("acme.github.io", "acme.github.io"),
        ("https://x.acme.github.io/docs", "acme.github.io"),
        ("acme.wixsite.com/home", "acme.wixsite.com"),
        ("acme.myshopify.com", "acme.myshopify.com"),
        ("acme.squarespace.com", "acme.squarespace.com"),
        ("https://acme.wordpress.com/about", "acme.wordpress.com"),
        ("acme.substack.com", "acme.substack.com"),
        # The company behind such a host, by its own site.
        ("https://www.squarespace.com", "squarespace.com"),
        ("https://github.com/", "github.com"),
        ("amazon.de", "amazon.de"),
        ("https://www.booking.com/?aid=1", "booking.com"),
        # Names that only contain a listed one.
        ("notlinkedin.com", "notlinkedin.com"),
        ("linkedin.com.example", "com.example"),
        ("facebook-agency.example", "facebook-agency.example"),
    ],
)
def test_a_name_of_one_s_own_is_a_company(website: str, account: str):
    assert account_key(website, "ana@gmail.com", LEAD) == account
    assert account_key(account, None, LEAD) == account


@pytest.mark.parametrize(
    "email",
    [
        # Relays.
        *(
            "k7x2m9@privaterelay.appleid.com",
            "q4@reply.airbnb.com",
            "x@mozmail.com",
            "x@duck.com",
            "x@simplelogin.com",
            "x@aleeas.com",
        ),
        *("x@passmail.net", "x@anonaddy.me", "x@ana.anonaddy.com", "x@addy.io", "x@marketplace.amazon.co.uk"),
        # Access providers and telecoms.
        *("x@sfr.fr", "x@orange.fr", "x@t-online.de", "x@vodafone.de", "x@comcast.net", "x@sbcglobal.net"),
        *("x@btinternet.com", "x@bigpond.com", "x@telenet.be", "x@bluewin.ch", "x@libero.it", "x@rogers.com"),
        *("x@docomo.ne.jp", "x@uol.com.br", "x@telkomsa.net", "x@ziggo.nl", "x@wp.pl", "x@otenet.gr"),
        # Free mail, in its country variants too.
        *(
            "x@gmail.com",
            "x@proton.me",
            "x@yahoo.com.br",
            "x@hotmail.be",
            "x@gmx.at",
            "x@naver.com",
            "x@qq.com",
        ),
        *("x@yandex.kz", "x@mail.ru", "x@seznam.cz", "x@rediffmail.com", "x@inbox.lv", "x@mailbox.org"),
    ],
)
def test_a_mailbox_that_anybody_can_have_is_free_mail(email: str):
    parsed = normalise_email(email)
    assert parsed is not None
    assert parsed.kind == "free"
    assert account_key(None, email, LEAD) == LEAD


@pytest.mark.parametrize(
    ("fields", "account"),
    [
        (
            {"email": "ana@redbrick-tiles.example", "website": "linkedin.com/company/a"},
            "redbrick-tiles.example",
        ),
        ({"email": "bo@bluewave-labs.example", "website": "linkedin.com/company/b"}, "bluewave-labs.example"),
        ({"email": "flo.kern@gmail.com", "website": "https://www.youtube.com/@flo"}, None),
        ({"email": "gus.kern@gmail.com", "website": "https://youtube.com/@gus"}, None),
        ({"email": "k7x2m9@privaterelay.appleid.com"}, None),
        ({"email": "q4t8w1@privaterelay.appleid.com"}, None),
        # Hosts that the policy adds.
        ({"email": "cy@valleynet.example"}, None),
        ({"email": "di@mail.valleynet.example"}, None),
        ({"email": "di@tinpanny.example", "website": "citypages.example/tinpanny"}, "tinpanny.example"),
    ],
)
def test_the_account_of_a_form(api: Api, fields: dict[str, str], account: str | None):
    view = api.settled(api.post_form(FIT | fields))
    assert view["account"] == (account or view["lead_id"])
    assert view["decision"]["rule"] != "existing-owner"
    assert (view["person"]["email_kind"] == "free") is (account is None)


@pytest.mark.parametrize(
    "domain", ["linkedin.com", "de.linkedin.com", "youtube.com", "sfr.fr", "citypages.example"]
)
def test_a_shared_host_is_refused_as_an_account(api: Api, domain: str):
    signal = {"type": "news", "account": {"domain": domain}, "occurred_at": "2026-03-01T10:00:00Z"}
    for answer in (
        api.http.put(f"/v1/accounts/{domain}", json={"relation": "competitor"}),
        api.http.put("/v1/accounts/kestrel.example", json={"aliases": [domain]}),
        api.http.post("/v1/accounts", json=[{"domain": domain, "relation": "competitor"}]),
        api.http.get(f"/v1/accounts/{domain}"),
        api.http.post("/v1/signals", json=signal),
        api.http.post("/v1/leads", json={"company": {"domain": domain}}),
    ):
        assert answer.status_code == 422, answer.text
        assert REFUSED in answer.text


def test_a_csv_of_accounts_names_the_shared_host(api: Api):
    raw = "domain,relation\nlinkedin.com,competitor\nkestrel.example,customer\n"
    answer = api.http.post("/v1/accounts", content=raw, headers={"content-type": "text/csv"})
    first, second = answer.json()["results"]
    assert (first["problem"]["errors"][0]["detail"], second["account"]) == (REFUSED, "kestrel.example")
