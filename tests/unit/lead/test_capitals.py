from __future__ import annotations

import pytest

from shared.lead.normalise.capitals import with_capitals


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("vp sales", "VP Sales"),
        ("head of revops", "Head of RevOps"),
        ("ceo", "CEO"),
        ("director of it", "Director of IT"),
        ("svp, r&d - emea", "SVP, R&D - EMEA"),
        ("leiter vertrieb und marketing", "Leiter Vertrieb und Marketing"),
        ("b2b lead", "B2B Lead"),
        ("women's health lead ii", "Women's Health Lead II"),
        ("the boss", "The Boss"),
        ("bank of america", "Bank of America"),
        ("people data labs", "People Data Labs"),
        ("VP Sales", "VP Sales"),
        ("iOS engineer", "iOS engineer"),
        ("VP SALES", "VP SALES"),
        ("営業", "営業"),
        ("", ""),
        (None, None),
    ],
)
def test_a_text_in_lower_case_gets_the_usual_capitals(text, written):
    assert with_capitals(text) == written
