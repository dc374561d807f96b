"""Identity over any text: it never raises, it is stable, and its short cuts change nothing."""

from __future__ import annotations

import uuid

import email_validator
import idna
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.enricher.domain.form import normalise_form
from shared.errors import DataError
from shared.lead.events.lead_received import LeadReceivedV1, contact_lead_id
from shared.lead.events.parts import Company, Person
from shared.lead.identity import account_key, identify, identify_contact
from shared.lead.ids import NS, derive_id, lead_id_of, partition_of
from shared.lead.normalise import emails
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.domains import company_domain, company_host, normalise_domain, registrable_domain
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.industries import normalise_industry
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.phones import normalise_phone
from shared.lead.normalise.shared_hosts import shared_hosts

ANYTHING = st.none() | st.text(st.characters(codec=None, exclude_categories=()), max_size=300)
LOCAL = st.from_regex(r"[A-Za-z0-9_+.!'ßéΣİ-]{1,20}", fullmatch=True)
LABEL = st.from_regex(r"[A-Za-z0-9_üßς-]{1,12}", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
NEARLY_EMAIL = st.builds("{}@{}".format, LOCAL, DOMAIN)
PLAIN_ATOM = st.from_regex(r"[A-Za-z0-9_+-]{1,30}", fullmatch=True)
PLAIN_LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", fullmatch=True)
PLAIN_EMAIL = st.builds(
    "{}@{}.{}".format,
    st.lists(PLAIN_ATOM, min_size=1, max_size=3).map(".".join),
    st.lists(PLAIN_LABEL, min_size=1, max_size=3).map(".".join),
    st.from_regex(r"[A-Za-z]{2,63}", fullmatch=True),
)
MAILBOX = st.from_regex(r"[a-z][a-z0-9]{1,12}", fullmatch=True)
TAG = st.from_regex(r"(\+[a-z0-9]{1,8})?", fullmatch=True)
NEARLY_URL = st.builds(
    "{}{}/{}/{}{}".format,
    st.sampled_from(["", "https://", "//", "ftp://u@"]),
    st.sampled_from(["linkedin.com", "www.linkedin.com", "de.linkedin.com", "linkedin.com.example"]),
    st.sampled_from(["in", "pub", "company", "IN"]),
    st.text(max_size=20) | st.from_regex(r"[a-zA-Z0-9%-]{1,20}", fullmatch=True),
    st.sampled_from(["", "/", "/de", "?a=b", "/1/2b/3c4"]),
)
NEARLY_PHONE = (
    st.from_regex(r"(Tel )?\+?[0-9 ()./-]{3,20}( ?(ext|x|#|,)\.? ?[0-9]{1,5}| [a-z]{3,7})?", fullmatch=True)
    | st.integers(10**6, 10**14).map("+{}".format)
    | st.from_regex(r"(\+1|00|1)[ -]?8[0-9]{2}[ -][A-Z]{5,8}", fullmatch=True)
)
COUNTRY = st.none() | st.sampled_from(["US", "GB", "DE", "FR", "AR", "MX", "IT", "BR"]) | st.text(max_size=3)


@given(st.text())
def test_ids_are_those_of_the_standard_library(name):
    expected = uuid.uuid5(uuid.UUID(str(NS)), name)
    assert lead_id_of(name) == str(expected)


@given(ANYTHING, ANYTHING, ANYTHING, st.integers(0))
@example("baton.lead.scored.v1", "lead-1", "\ud800", 0)
def test_any_text_has_an_id_that_replays(type_, subject, cause, ordinal):
    made = derive_id(type_ or "", subject or "", cause or "", ordinal)
    assert made == derive_id(type_ or "", subject or "", cause or "", ordinal)
    assert uuid.UUID(made).version == 5


@given(st.binary(), st.integers(1, 1000))
def test_a_partition_is_within_bounds(key, partitions):
    assert 0 <= partition_of(key, partitions) < partitions


@given(PLAIN_EMAIL)
def test_the_short_cut_takes_only_what_the_library_takes_and_gives_the_same(text):
    assume(len(text) <= 254)
    plain = emails.split_plain_email(text)
    assume(plain is not None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(email_validator, "SPECIAL_USE_DOMAIN_NAMES", [])
        checked = email_validator.validate_email(text, check_deliverability=False)
    assert plain == emails.split_any_email(text)
    assert plain == (checked.local_part.lower(), checked.ascii_domain)


@given(NEARLY_EMAIL)
@example("ana@ab--cd.example")
@example("ana@kestrel.e")
def test_whatever_the_short_cut_reads_the_long_way_reads_alike(text):
    assert emails.split_plain_email(text) in {None, emails.split_any_email(text)}


@given(ANYTHING | DOMAIN)
def test_the_host_short_cut_is_the_long_way(text):
    host = normalise_domain(text)
    if host is not None:
        assert idna.encode(host, uts46=True, std3_rules=True).decode() == host


@given(ANYTHING | NEARLY_EMAIL | PLAIN_EMAIL)
def test_email_is_idempotent(text):
    email = normalise_email(text)
    if email is not None:
        assert normalise_email(email.address) == email
        mailbox = normalise_email(email.identity)
        assert mailbox is not None
        assert mailbox.identity == email.identity


@given(ANYTHING | NEARLY_PHONE, COUNTRY)
@example("+25200000120", None)
def test_phone_is_idempotent(text, country):
    number = normalise_phone(text, country)
    assert number is None or normalise_phone(number) == normalise_phone(number, country) == number


GERMAN_NUMBER = st.from_regex(r"30[1-9][0-9]{6,7}", fullmatch=True)
BETWEEN_DIGITS = st.sampled_from(["", "", "", " ", "-", ".", "/", "\u00a0", "\u200b", "\u2011"])
BESIDE_A_NUMBER = st.sampled_from(["", " ", "tel:", "Office: ", "'", "\ufeff", "\u202a"])


@given(GERMAN_NUMBER, st.lists(BETWEEN_DIGITS, min_size=12, max_size=12), BESIDE_A_NUMBER, st.data())
def test_a_number_is_the_same_in_any_formatting(national, separators, before, data):
    prefix, country = data.draw(
        st.sampled_from([("+49", None), ("0049", "US"), ("0", "Germany"), ("0", "DE")])
    )
    after = data.draw(st.sampled_from(["", " (office)", " mobil", " ", "\u202c"]))
    formatted = "".join(f"{separator}{digit}" for separator, digit in zip(separators, national, strict=False))
    number = normalise_phone(f"{before}{prefix}{formatted}{after}", country)
    assert number == normalise_phone(f"+49{national}")
    extension = data.draw(st.from_regex(r"[0-9]{1,6}", fullmatch=True))
    spelling = data.draw(
        st.sampled_from([" ext. {}", "x{}", " #{}", " Durchwahl {}", ";ext={}", " poste {}"])
    )
    with_extension = normalise_phone(f"{prefix}{formatted}{spelling.format(extension)}", country)
    assert with_extension == f"{number};ext={extension}"


@given(ANYTHING | NEARLY_URL)
def test_linkedin_is_idempotent(url):
    profile = normalise_linkedin(url)
    assert profile is None or normalise_linkedin(profile) == profile


@given(ANYTHING | DOMAIN | NEARLY_URL)
def test_domains_are_idempotent(text):
    host, registrable = normalise_domain(text), registrable_domain(text)
    assert host is None or normalise_domain(host) == host
    if registrable is not None:
        assert host is not None
        assert host.endswith(registrable)
        assert registrable_domain(registrable) == registrable


@given(
    ANYTHING | COUNTRY | st.sampled_from(["Germany (DE)", "Korea, North", "Türkiye", "대한민국", "EE.UU."])
)
def test_a_country_is_idempotent(text):
    code = country_code(text)
    assert code is None or country_code(code) == code


@given(
    ANYTHING | st.sampled_from(["Computer Software", "IT_SERVICES", "Software; SaaS", "Retail, Wholesale"])
)
def test_an_industry_is_idempotent(text):
    word = normalise_industry(text)
    assert normalise_industry(word) == word


@given(ANYTHING | DOMAIN | NEARLY_URL | st.sampled_from(sorted(shared_hosts().pages | shared_hosts().names)))
def test_a_company_s_host_is_idempotent_and_has_a_domain(text):
    host, domain = company_host(text), company_domain(text)
    assert (host is None) == (domain is None)
    if host is not None and domain is not None:
        assert company_host(host) == host
        assert company_domain(domain) == domain
        assert company_host(host, frozenset({domain})) is None


@given(ANYTHING | NEARLY_EMAIL, ANYTHING | NEARLY_PHONE, ANYTHING | NEARLY_URL, ANYTHING | DOMAIN, COUNTRY)
def test_a_form_in_normal_form_stays_as_it_is(email, phone, linkedin_url, domain, country):
    person = Person(email=email, phone=phone, linkedin_url=linkedin_url, country=country)
    form = LeadReceivedV1(person=person, company=Company(domain=domain))
    if identify_contact(form.person, form.company) is None:
        with pytest.raises(DataError):
            normalise_form(form)
        return
    first = normalise_form(form)
    assert first.identity.lead_id == contact_lead_id(form)
    again = normalise_form(first.normalised)
    assert (again.normalised, again.identity) == (first.normalised, first.identity)


@given(MAILBOX, TAG, st.sampled_from(["kestrel.example", "b.co.uk", "gmail.com"]), st.data())
def test_case_and_tag_name_the_same_lead(mailbox, tag, domain, data):
    plain = f"{mailbox}@{domain}"
    spelled = "".join(data.draw(st.sampled_from([c, c.upper()])) for c in f"{mailbox}{tag}@{domain}")
    assert identify(spelled) == identify(plain)


WRAPPINGS = st.sampled_from(
    [
        *(
            "{}",
            " {} ",
            "Ana <{}>",
            "<{}>",
            "mailto:{}",
            "mailto:{}?subject=x",
            "{}.",
            "{};",
            "({})",
            "'{}'",
            '"{}"',
        ),
        *("\ufeff{}", "{}\u200b", "E-Mail: {}", "{} (work)", "[{}](mailto:{})", "\u201c{}\u201d,", "{} <{}>"),
    ]
)


@given(
    PLAIN_EMAIL,
    WRAPPINGS,
    st.lists(st.integers(0, 100), max_size=3),
    st.sampled_from("\ufeff\u200b\u00ad\u2060"),
)
def test_a_pasted_address_names_the_same_lead(address, wrapping, places, invisible):
    assume(len(address) <= 100 and normalise_email(address) is not None)
    pasted = wrapping.replace("{}", address)
    for place in places:
        at = place % (len(pasted) + 1)
        pasted = pasted[:at] + invisible + pasted[at:]
    assert identify(pasted) == identify(address)


@given(MAILBOX, st.sampled_from(["gmail.com", "googlemail.com"]), st.data())
def test_dots_in_gmail_name_the_same_lead(mailbox, domain, data):
    dotted = mailbox[0] + "".join(data.draw(st.sampled_from(["", "."])) + c for c in mailbox[1:])
    assert identify(f"{dotted}@{domain}") == identify(f"{mailbox}@gmail.com")


@given(ANYTHING | NEARLY_EMAIL, ANYTHING | NEARLY_PHONE, ANYTHING | NEARLY_URL, ANYTHING | DOMAIN, COUNTRY)
def test_identity_replays_and_is_that_of_its_first_identifier(email, phone, linkedin_url, domain, country):
    found = identify(email, phone, linkedin_url, domain, country)
    assert found == identify(email, phone, linkedin_url, domain, country)
    if found is not None:
        assert found.lead_id == lead_id_of(found.identifiers[0])
        assert found.identifiers[0].startswith(f"{found.kind}:")


@given(ANYTHING | DOMAIN, ANYTHING | NEARLY_EMAIL)
def test_account_key_is_stable(company_domain, email):
    key = account_key(company_domain, email, "lead-1")
    assert key == account_key(company_domain, email, "lead-1")
    if key != "lead-1":
        assert account_key(key, None, "lead-1") == key
        assert account_key(None, f"ana@{key}", "lead-1") == key
