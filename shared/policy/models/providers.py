"""providers.yaml: the data providers, the order in which they are called, and what may be spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from shared.lead.buying_roles import BuyingRole
from shared.policy.models.conditions import WhenDiscovery
from shared.policy.models.policy_model import (
    EnvName,
    Name,
    Percent,
    PlainDuration,
    PolicyModel,
    Text,
    Url,
    unique,
    whole_number,
)
from shared.rules.times import Duration


class Budget(PolicyModel):
    """Spending limits in cents: for one lead, and for one day (UTC) over all leads.

    `public_per_day_cents` is the part of the day's budget that leads known by public forms alone may use,
    half of it unless set: whoever floods a form does not spend what other leads need.
    """

    per_lead_cents: Annotated[int, whole_number(0, 1_000_000)]
    per_day_cents: Annotated[int, whole_number(0, 1_000_000_000)]
    public_per_day_cents: Annotated[int, whole_number(0, 1_000_000_000)] | None = None

    @property
    def public_day_cents(self) -> int:
        """What may be spent in a day on leads of public sources."""
        own = self.public_per_day_cents
        return self.per_day_cents // 2 if own is None else min(own, self.per_day_cents)


class Waterfall(PolicyModel):
    """The providers of one field, called in order until an answer has `min_confidence` (in per cent) or more.

    A stored answer that is not older than `fresh` is used again instead of a new call.
    """

    order: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20), unique()]
    min_confidence: Percent = 0
    fresh: PlainDuration | None = None


class Provider(PolicyModel):
    """One data provider and its limits. `charged` says what costs `price_cents`: a match only, or every call.

    Where they are left out the integration's own prices count, and where `base_url` is, the vendor's.

    At most `per_second` calls are started per second and `in_flight` calls run at a time; each is abandoned
    after `timeout`. `key_env` names the environment variable with the API key.
    """

    integration: Name
    base_url: Url | None = None
    key_env: EnvName = ""
    price_cents: Annotated[int, whole_number(0, 100_000)] | None = None
    charged: Literal["match", "call"] | None = None
    per_second: Annotated[int, whole_number(1, 10_000)] | None = None
    in_flight: Annotated[int, whole_number(1, 1_000)] | None = None
    timeout: PlainDuration = Duration(2)


class Discovery(PolicyModel):
    """At which accounts people are looked for, once somebody works a lead there, and in which buying roles.

    A role that nobody known at the account has is asked for, of the providers in `order`, by default of all
    that find contacts; of each once until `fresh` has passed. An account costs `per_account_cents` at most in
    that time, within the budget of the day. `when` may ask for what is known of the account.
    """

    roles: Annotated[tuple[BuyingRole, ...], Field(min_length=1, max_length=3), unique()]
    when: WhenDiscovery | None = None
    per_account_cents: Annotated[int, whole_number(0, 1_000_000)]
    fresh: PlainDuration = Duration(90 * 86_400)
    order: Annotated[tuple[Name, ...], Field(max_length=20), unique()] = ()


class ProviderPolicy(PolicyModel):
    """providers.yaml: the providers and how they are used.

    After `deadline` a lead goes on with what is known then. It waits `patience` in all for providers that
    take no more calls now; their answers come later, as a revision. `decision_aware` skips calls whose answer
    cannot change the decision about the lead. What sellers need besides, `for_sellers`, is bought once a lead
    is routed as work to an owner, and comes as a late revision too. So do the people that `discover` looks
    for at the lead's account.
    """

    deadline: PlainDuration
    patience: PlainDuration = Duration(1)
    budget: Budget
    decision_aware: bool = True
    for_sellers: Annotated[tuple[Text, ...], Field(max_length=50), unique()] = ()
    discover: Discovery | None = None
    fields: Mapping[Text, Waterfall] = {}
    providers: Mapping[Name, Provider] = {}
