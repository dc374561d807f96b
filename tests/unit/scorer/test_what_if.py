"""What a score would be with something changed: the same as if the lead were scored like that."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.scorer.domain.what_if import WhatIf
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Company
from tests.support.enriched_leads import FITTING, did
from tests.support.scoring_policies import default_scoring

POLICY = default_scoring()


def scored(scorer, **given: Any) -> LeadScoredV1:
    scorer.enrich(**given)
    [data] = scorer.scored()
    return data


def test_another_fact_gives_the_score_that_the_lead_would_have_with_it(scorer, simulate):
    data = scored(scorer, activities=[did("content_download")])
    changed = WhatIf(data, POLICY).with_fact("company.employees", 20)
    other = scored(
        simulate(None), activities=[did("content_download")], company=replace(FITTING, employees=20)
    )
    assert (changed["score.fit"], changed["score.intent"]) == (other.score.fit, other.score.intent)
    assert (changed["score.grade"], changed["score.band"]) == (other.score.grade, other.score.band)
    assert other.score.fit < data.score.fit


def test_another_country_is_another_market(scorer):
    changed = WhatIf(scored(scorer), POLICY).with_fact("company.country", "BR")
    assert (changed["account.market"], changed["account.market_validated"]) == ("frontier", False)


def test_one_more_activity_gives_its_points_under_the_caps(scorer):
    data = scored(scorer, activities=[did("content_download")])
    more = dict(WhatIf(data, POLICY).with_activities())
    assert {type_: facts["score.intent"] for type_, facts in more.items()} == {
        "page_view": 32,
        "pricing_view": 50,
        "content_download": 60,
        "webinar": 60,
        "contact_request": 100,
        "demo_request": 100,
    }
    assert [facts["score.intent"] for facts in more.values()] == sorted(
        facts["score.intent"] for facts in more.values()
    )


def test_one_more_signal_is_live_and_strong_where_its_rule_is(scorer):
    more = dict(WhatIf(scored(scorer), POLICY).with_signals())
    assert (more["funding_round"]["score.intent"], more["funding_round"]["signals.strong"]) == (40, True)
    assert (more["hiring_surge"]["score.intent"], more["hiring_surge"]["signals.strong"]) == (20, False)
    assert (more["contract_expiry"]["score.intent"], more["contract_expiry"]["signals.types"]) == (
        50,
        ["contract_expiry"],
    )


def test_the_points_of_signals_that_the_event_only_has_as_lines_stay(scorer):
    scorer.enrich()
    scorer.signal("funding_round")
    [data] = scorer.scored()
    assert WhatIf(data, POLICY).with_fact("company.industry", "software")["score.intent"] == 40


def test_a_score_of_another_policy_is_refused(scorer):
    data = scored(scorer)
    with pytest.raises(ValueError, match="recorded score"):
        WhatIf(replace(data, company=Company(employees=3)), POLICY)
