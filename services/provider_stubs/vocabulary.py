"""The words that the stub world is made of. Names are made up."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(","))


# No two of these together make a name that the golden leads, their accounts or the examples use.
BEGINNINGS: Final = _words(
    "Amber Basalt Cinder Cobalt Dapple Ember Fennel Gable Garnet Hazel Indigo Jasper Juniper Lantern Linden "
    "Marigold Mica Nettle Ochre Onyx Opal Pewter Plover Quarry Rowan Russet Saffron Sorrel Tamarack Teasel "
    "Thistle Umber Velvet Wren Yarrow Zephyr"
)
ENDINGS: Final = _words(
    "barrow brook crest dale fold garth holt kiln lock marsh moor quill reach row shaw spire tarn thorpe "
    "vale wharf wick yard"
)
FIRST_NAMES: Final = _words(
    "Ada Aisha Alan Amara Ben Bianca Carla Chen Daniel Deepa Elena Emeka Farah Felix Grace Hana Hugo Ines "
    "Ivan Jonas Julia Kofi Lars Leila Marco Maya Mina Nadia Noah Olga Omar Paula Pedro Priya Rosa Ruth Sami "
    "Sofia Tariq Tessa Uma Viktor Wei Yara Yusuf Zoe"
)
LAST_NAMES: Final = _words(
    "Abebe Adeyemi Almeida Andersen Baker Bauer Castro Chopra Costa Dubois Eriksen Fischer Flores Fontaine "
    "Garcia Haddad Hansen Ito Jansen Kaya Keller Khan Kovacs Larsen Lopez Mbeki Meyer Moreau Nakamura Novak "
    "Okoye Oliveira Park Patel Petrov Reyes Rossi Santos Schmidt Silva Singh Suzuki Tanaka Vogel Walker Wang "
    "Weber Yilmaz"
)
TITLES: Final = _phrases(
    "Chief Executive Officer, Chief Financial Officer, Chief Technology Officer, Chief Revenue Officer, "
    "VP Sales, VP Marketing, VP Engineering, VP Finance, Director of Operations, Director of IT, "
    "Director of Procurement, Head of Partnerships, Head of Product, Marketing Manager, Sales Manager, "
    "Finance Manager, HR Manager, Product Manager, Senior Software Engineer, Senior Accountant, "
    "Account Executive, Legal Counsel, Data Analyst, Operations Coordinator"
)

SOFTWARE: Final = "software"
VENTURE_BACKED: Final = (SOFTWARE, "it services", "fintech", "healthcare", "media")
"""Industries whose companies have mostly raised money."""

INDUSTRIES: Final = {
    SOFTWARE: 26,
    "it services": 12,
    "fintech": 10,
    "business services": 12,
    "manufacturing": 9,
    "healthcare": 7,
    "retail": 6,
    "logistics": 5,
    "education": 4,
    "construction": 3,
    "media": 3,
    "energy": 2,
    "hospitality": 1,
}
"""The fixed taxonomy, with the weight of each."""

COUNTRIES: Final = {
    "US": 30, "GB": 9, "DE": 7, "CA": 5, "FR": 4, "NL": 4, "IE": 2, "SE": 2, "AU": 3, "CH": 2,
    "BR": 5, "IN": 5, "MX": 3, "JP": 3, "SG": 2, "AE": 2,
    "PL": 3, "ES": 3, "IT": 3, "ZA": 1, "KR": 1, "AR": 1,
}  # fmt: skip
"""Markets the default policy holds validated, ones it does not, and others, with the weight of each."""

COUNTRY_NAMES: Final = {
    "US": "United States", "GB": "United Kingdom", "DE": "Germany", "CA": "Canada", "FR": "France",
    "NL": "Netherlands", "IE": "Ireland", "SE": "Sweden", "AU": "Australia", "CH": "Switzerland",
    "BR": "Brazil", "IN": "India", "MX": "Mexico", "JP": "Japan", "SG": "Singapore",
    "AE": "United Arab Emirates", "PL": "Poland", "ES": "Spain", "IT": "Italy", "ZA": "South Africa",
    "KR": "South Korea", "AR": "Argentina",
}  # fmt: skip

SIZES: Final = {
    (1, 9): 8,
    (10, 19): 8,
    (20, 49): 14,
    (50, 199): 28,
    (200, 999): 24,
    (1_000, 4_999): 12,
    (5_000, 20_000): 6,
}
"""Head counts by class, both ends in, with the weight of each."""

TECHNOLOGIES: Final = _words(
    "salesforce hubspot snowflake segment stripe marketo zendesk intercom jira slack datadog kubernetes "
    "postgresql sap netsuite workday shopify dynamics looker tableau aws azure gcp okta"
)
DEPARTMENTS: Final = _words("sales marketing finance engineering product operations hr")
AREA_CODES: Final = tuple(range(201, 301))
