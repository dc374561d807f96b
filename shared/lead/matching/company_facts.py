"""The facts beside the name that two companies have in common: phone, postcode, city and country."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from shared.lead.events.matching import CompanyProfile, MatchFact
from shared.lead.events.parts import Answers
from shared.lead.matching.company_names import ascii_words, read_data
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.labels import plain_label
from shared.lead.normalise.phones import normalise_phone
from shared.lead.normalise.text import NAME_LENGTH_MAX, single_line

_COUNTRY_BEFORE_POSTCODE: Final = re.compile(r"^[A-Z]{1,3}-(?=\d)")
_ZIP_PLUS_FOUR: Final = re.compile(r"^(\d{5})-?\d{4}$")
_POSTCODE: Final = re.compile(r"^[A-Z0-9]{3,10}$")
_AFTER_CITY: Final = re.compile(r"(?<=.)[,;/(|]")
"""What begins the district or the state after a city: `Austin, TX`."""
_DIRECT_DIAL_MAX: Final = 4
"""The last digits of a number that tell the desks behind one switchboard apart."""
_SWITCHBOARD_MIN: Final = 8
"""The digits that direct dials of a switchboard have in common, with the country's, at least."""


@lru_cache(maxsize=4_096)
def profile_of(
    name: str,
    country: str | None = None,
    city: str | None = None,
    postcode: str | None = None,
    phone: str | None = None,
) -> CompanyProfile:
    """Return what is said of a company in normal form; what cannot be read is left out."""
    code = country_code(country) if country else None
    return CompanyProfile(
        name=single_line(name, NAME_LENGTH_MAX),
        country=code,
        city=(single_line(city, NAME_LENGTH_MAX) or None) if city else None,
        postcode=postcode_of(postcode),
        phone=normalise_phone(phone, code) if phone else None,
    )


def places_in_answers(answers: Answers) -> tuple[str | None, str | None]:
    """Return the city and the postcode that a form asked for, by the labels of its fields."""
    found: dict[str, str] = {}
    for label, answer in answers.items():
        field = _place_labels().get(plain_label(label))
        if field is not None and isinstance(answer, str | int) and not isinstance(answer, bool):
            found.setdefault(field, str(answer))
    return found.get("city"), found.get("postcode")


def postcode_of(text: str | None) -> str | None:
    """Return a postcode without blanks, country prefix and the last four digits of a ZIP+4."""
    line = single_line(text, 40).upper() if text else ""
    code = _COUNTRY_BEFORE_POSTCODE.sub("", line)
    code = re.sub(r"[\s.-]", "", _ZIP_PLUS_FOUR.sub(r"\1", code))
    return code if _POSTCODE.match(code) and any(map(str.isdigit, code)) else None


@lru_cache(maxsize=4096)
def city_key(text: str) -> str:
    """Return what the spellings of a city have in common, in any of its languages."""
    words = ascii_words(_AFTER_CITY.split(text, maxsplit=1)[0])
    for length in range(len(words), 0, -1):
        known = _city_names().get(" ".join(words[:length]))
        if known is not None and (length == len(words) or length > 1):
            return known
    return "".join("saint" if word in {"st", "sankt", "saint"} else word for word in words)


def shared_facts(one: CompanyProfile, other: CompanyProfile) -> list[MatchFact]:
    """Return the facts that two profiles agree on, the most telling first."""
    facts: list[MatchFact] = []
    if one.phone and other.phone and is_same_switchboard(one.phone, other.phone):
        facts.append("phone")
    if one.country and other.country and one.country != other.country:
        return facts
    if one.postcode and one.postcode == other.postcode:
        facts.append("postcode")
    if one.city and other.city and city_key(one.city) == city_key(other.city):
        facts.append("city")
    if one.country and one.country == other.country:
        facts.append("country")
    return facts


def conflicting_facts(one: CompanyProfile, other: CompanyProfile) -> list[MatchFact]:
    """Return the facts that two profiles contradict each other in."""
    conflicts: list[MatchFact] = []
    if one.country and other.country and one.country != other.country:
        conflicts.append("country")
    if one.city and other.city and city_key(one.city) != city_key(other.city):
        conflicts.append("city")
    if one.postcode and other.postcode and one.postcode != other.postcode:
        conflicts.append("postcode")
    return conflicts


def is_same_switchboard(one: str, other: str) -> bool:
    """Tell whether two numbers in E.164 are one number, or direct dials behind one switchboard."""
    first, second = one.partition(";")[0], other.partition(";")[0]
    if first == second:
        return True
    shorter = min(len(first), len(second))
    common = next((at for at in range(shorter) if first[at] != second[at]), shorter)
    return common - 1 >= _SWITCHBOARD_MIN and max(len(first), len(second)) - common <= _DIRECT_DIAL_MAX


@cache
def _city_names() -> Mapping[str, str]:
    rows = [row.split("|") for row in read_data("places")["cities"]]
    return {" ".join(ascii_words(name)): row[0] for row in rows for name in row}


@cache
def _place_labels() -> Mapping[str, str]:
    labels = read_data("places")["labels"]
    return {label.strip(): field for field, row in labels.items() for label in row.split("|")}
