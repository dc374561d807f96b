"""An e-mail address is the same lead, however it was copied; addresses that only look alike stay different."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.lead.identity import identify
from shared.lead.ids import lead_id_of
from shared.lead.normalise.emails import normalise_email
from tests.support.api import Api

ZOE = "zoe@junkmail.example"
_SYNTAX: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "email_syntax.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    "pasted",
    [
        # Characters that nobody sees.
        f"\u200b{ZOE}",
        f"\ufeff{ZOE}",
        f"{ZOE}\u200b",
        f"\u202a{ZOE}\u202c",
        "zoe\u200d@junk\u00admail.example",
        f"\u00a0{ZOE}\u00a0\r\n",
        # From an address book or a mail.
        f"Zoe Lind <{ZOE}>",
        f'"Lind, Zoe" <{ZOE}>',
        f"Zoe Lind\n<{ZOE}>",
        f"{ZOE} <{ZOE}>",
        f"<{ZOE}>",
        f"{ZOE} (Zoe Lind)",
        f"Zoe &lt;{ZOE}&gt;",
        f"E-mail: {ZOE}",
        f"SMTP:{ZOE}",
        f"Zoe Lind [{ZOE}]",
        f"From: {ZOE}",
        f"- {ZOE}",
        f"1. {ZOE}",
        f"**{ZOE}**",
        # From a link.
        f"mailto://{ZOE}",
        f"https://{ZOE}/",
        f"mailto:{ZOE}",
        f"MAILTO:{ZOE}?subject=Hello%20there&cc=bo@kestrel.example",
        "mailto:zoe%40junkmail.example",
        f"<mailto:{ZOE}|{ZOE}>",
        f"[{ZOE}](mailto:{ZOE})",
        f'<a href="mailto:{ZOE}">{ZOE}</a>',
        # From a sentence or a spreadsheet.
        *[f"{ZOE}{mark}" for mark in (".", ",", ";", ":", "!", "?", "…", "。", ">", ")", "'", '"')],
        *[
            f"{opens}{ZOE}{closes}"
            for opens, closes in ("''", '""', "()", "[]", "{}", "«»", "“”", "\u201a\u2018", "``")
        ],
        f"'{ZOE}",
        f'="{ZOE}"',
        f"({ZOE}).",
        "zoe @ junkmail.example",
        # Compatibility characters and case.
        "\uff5a\uff4f\uff45@junkmail.example",
        "zoe\uff20junkmail\uff0eexample",
        "ZOE+demo@JunkMail.Example",
    ],
)
def test_one_address(pasted: str):
    identity = identify(pasted)
    assert identity is not None
    assert identity.lead_id == lead_id_of(f"email:{ZOE}")


@pytest.mark.parametrize(
    "other",
    [
        "z\u043ee@junkmail.example",  # a Cyrillic o
        "zo\u0435@junkmail.example",  # a Cyrillic e
        "zo\u00e9@junkmail.example",
        "zoe@junkma\u0456l.example",
        "zoe.@junkmail.example.co",
    ],
)
def test_another_address_or_none(other: str):
    identity = identify(other)
    assert identity is None or identity.lead_id != lead_id_of(f"email:{ZOE}")


@pytest.mark.parametrize(
    "text",
    [
        f"{ZOE}, bo@kestrel.example",
        f"<{ZOE}> <bo@kestrel.example>",
        "zoe lind@junkmail.example",  # a blank in the address: what stands behind it is somebody else's
        f"Zoe {ZOE}",
        "contact me @ junkmail.example",
        "zoe\x00@junkmail.example",
        "mailto:",
        "<>",
    ],
)
def test_no_single_address(text: str):
    assert normalise_email(text) is None


@pytest.mark.parametrize(
    ("diagnosis", "address", "read"),
    [(kind, row["address"], row.get("read")) for kind, rows in _SYNTAX.items() for row in rows],
)
def test_the_kinds_of_address_that_is_email_tells_apart(diagnosis: str, address: str, read: str | None):
    email = normalise_email(address)
    assert (email.address if email else None) == read, diagnosis


@pytest.mark.parametrize("pasted", [f"\ufeffZoe Lind <{ZOE}>", f"mailto:{ZOE}?subject=Demo", f"{ZOE}."])
def test_a_form_with_a_pasted_address(api: Api, pasted: str):
    answer = api.http.post("/hooks/forms/website", json={"email": pasted})
    assert answer.status_code == 202, answer.text
    view = api.settled(answer.json())
    assert (view["lead_id"], view["person"]["email"]) == (lead_id_of(f"email:{ZOE}"), ZOE)
