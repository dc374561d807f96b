"""What a stub of a vendor consists of: its paths and parameters, its API key, its answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Self

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from services.provider_stubs import vocabulary
from services.provider_stubs.vendor_records import PersonRecord
from services.provider_stubs.world import World, WorldCompany, seeded_random


class VendorParameters(BaseModel):
    """The parameters of a vendor's call; all are optional, so that the vendor itself refuses what is missing.

    `subject_names` are the parameters that say what is asked about; the first that is not blank counts.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)
    subject_names: ClassVar[tuple[str, ...]] = ()

    api_key: str | None = None

    @property
    def subject(self) -> str:
        """The domain or address that is asked about; empty when there is none."""
        return next((text for name in self.subject_names if (text := getattr(self, name))), "")

    def with_body(self, body: Mapping[str, object]) -> Self:
        """Return the parameters with those of a JSON body, which go before those of the query."""
        texts = {name: value for name, value in body.items() if isinstance(value, str)}
        return self.model_validate(self.model_dump() | texts)


class DomainParameters(VendorParameters):
    """A company by its domain."""

    subject_names: ClassVar[tuple[str, ...]] = ("domain",)
    domain: str = ""


class EmailParameters(VendorParameters):
    """A person, or a mailbox, by e-mail address."""

    subject_names: ClassVar[tuple[str, ...]] = ("email",)
    email: str = ""


class VendorReply(Struct, frozen=True):
    """A vendor's answer: status, body as JSON values, and what it bills for it in cents.

    A vendor that looks something up in the background sends `first` to the first call about a subject.
    """

    status: int
    body: Any
    billed: int = 0
    matched: bool = False
    first: VendorReply | None = None


class VendorEndpoint(Struct, frozen=True):
    """One call of a vendor. `answer` gets the world, the parameters (of that type) and today's date."""

    path: str
    parameters: type[VendorParameters]
    answer: Callable[[World, Any, date], VendorReply]
    methods: tuple[str, ...] = ("GET",)


class Vendor(Struct, frozen=True):
    """A vendor by the name that faults and the call log use; its paths are under `/<name>`.

    One of `key_headers` (lower case) must be there, or the parameter `api_key` if `takes_key_parameter`; any
    text will do. `error` returns how the vendor reports an HTTP status, `limit_status` is its status for too
    many calls in a second.
    """

    name: str
    endpoints: tuple[VendorEndpoint, ...]
    error: Callable[[int], VendorReply]
    key_headers: tuple[str, ...] = ()
    takes_key_parameter: bool = False
    limit_status: int = 429


def bracket(amount: float, brackets: Sequence[tuple[int, str]], above: str) -> str:
    """Return the name of the first bracket whose upper bound is not below `amount`, else `above`."""
    return next((name for upper, name in brackets if amount <= upper), above)


def employments(seen: PersonRecord) -> list[tuple[str, str, bool]]:
    """Return company, title and whether it is the present one of a person's employments, the latest first."""
    draw = seeded_random("employments", seen.person.email)
    earlier = draw.choice(vocabulary.BEGINNINGS) + draw.choice(vocabulary.ENDINGS)
    return [
        (seen.company.name, seen.person.title, True),
        (earlier, draw.choice(vocabulary.TITLES), False),
    ]


def company_phone(company: WorldCompany) -> str:
    """Return the number of a company's switchboard, in E.164."""
    draw = seeded_random("switchboard", company.domain)
    return f"+1{draw.choice(vocabulary.AREA_CODES)}5550{draw.randrange(200, 1000)}"
