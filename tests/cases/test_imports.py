"""A file that is imported again: rows that have not changed change nothing, whatever stands around them.

And files as Excel and CRMs write them: what can be read is a lead, what cannot is reported with its line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from shared.lead.ids import lead_id_of
from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver
from tests.support.topology import Topology

Import = Callable[..., dict[str, Any]]
_DONE = {"routed", "suppressed", "won", "lost"}


@pytest.fixture
def import_file(baton: Topology, tmp_path: Path) -> Import:
    """Write a file and import it with the command; return what the command prints as JSON."""

    def run(content: str | bytes, name: str = "leads.csv", noun: str = "leads") -> dict[str, Any]:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        environ = {**baton.environ, "BATON_URL": baton.url}
        command = [sys.executable, "-m", "services.cli", noun, "import", str(file), "--json"]
        done = subprocess.run(command, env=environ, capture_output=True, check=False, timeout=300)
        assert done.returncode in {0, 1}, done.stderr.decode()
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


def decided(api: Api, email: str) -> dict[str, Any]:
    """Wait until a lead is decided on; return its view."""

    def look() -> dict[str, Any] | None:
        view = api.view(lead_id_of(f"email:{email}"))
        return view if view and view["status"] in _DONE else None

    return eventually(look, what=f"the decision on {email}")


def close(api: Api, email: str, outcome: str, clock: MovedClock) -> None:
    body = {"email": email, "type": outcome, "at": clock.now().isoformat()}
    assert api.http.post("/v1/outcomes", json=body).status_code == 202
    eventually(lambda: decided(api, email)["status"] == outcome, what=f"{email} {outcome}")


def table(rows: Sequence[str], header: str = "Email,Company size,Industry,Country") -> str:
    return "\n".join([header, *rows, ""])


def test_a_file_with_one_more_row_is_one_new_lead(
    api: Api, receiver: Receiver, import_file: Import, moved_clock: MovedClock
):
    rows = [f"w{number}@w{number}co.example,90,software,US" for number in range(3)]
    emails = [row.partition(",")[0] for row in rows]
    assert import_file(table(rows))["accepted"] == 3
    first = {email: decided(api, email) for email in emails}
    close(api, emails[0], "won", moved_clock)
    close(api, emails[1], "lost", moved_clock)
    events = {email: len(api.timeline(first[email]["lead_id"])) for email in emails}

    more = "w9@w9co.example,90,software,US"
    repeats = [
        import_file(table([*rows, more])),
        import_file(table([more, *reversed(rows), rows[0]]), "again.csv"),
        import_file(
            table(rows, "Email;Company size;Industry;Country").replace(",", ";").encode("utf-16"), "x.csv"
        ),
    ]
    assert [(report["accepted"], report["rejected"]) for report in repeats] == [(4, 0), (5, 0), (3, 0)]
    assert decided(api, "w9@w9co.example")["revision"] == 1
    # What is sent after them in the same way is decided after them.
    import_file(table(["z@zco.example,90,software,US"]))
    decided(api, "z@zco.example")
    for email in emails:
        view = decided(api, email)
        assert view["revision"] == 1
        assert len(api.timeline(view["lead_id"])) == events[email]
        assert len({one.webhook_id for one in receiver.about(view["lead_id"])}) == 1


def test_a_changed_row_is_a_revision(api: Api, import_file: Import):
    header = "Email,Title"
    import_file(table(["pia@piaco.example,CTO"], header))
    assert decided(api, "pia@piaco.example")["revision"] == 1
    import_file(table(["pia@piaco.example,CFO"], header))
    eventually(lambda: decided(api, "pia@piaco.example")["revision"] == 2, what="revision 2")
    assert decided(api, "pia@piaco.example")["person"]["title"] == "CFO"


def test_equal_rows_of_one_file_are_one_lead(api: Api, import_file: Import):
    assert import_file(table(["dup@dupco.example,90,software,US"] * 3))["accepted"] == 3
    view = decided(api, "dup@dupco.example")
    received = [one for one in api.timeline(view["lead_id"]) if one["type"] == "baton.lead.received.v1"]
    assert (view["revision"], len(received)) == (1, 1)


def test_days_later_an_unchanged_row_still_changes_nothing(
    api: Api, import_file: Import, moved_clock: MovedClock
):
    row = "old@oldco.example,90,software,US"
    import_file(table([row]))
    decided(api, "old@oldco.example")
    close(api, "old@oldco.example", "won", moved_clock)
    events = len(api.timeline(decided(api, "old@oldco.example")["lead_id"]))
    moved_clock.move(timedelta(days=8), api)
    import_file(table([row, "new@newco.example,90,software,US"]))
    assert decided(api, "new@newco.example")["revision"] == 1
    view = decided(api, "old@oldco.example")
    assert (view["revision"], len(api.timeline(view["lead_id"]))) == (1, events)


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("doNotEmail", "1"),
        ("HasOptedOutOfEmail", "true"),
        ("Email Opt Out", "t"),
        ("Email Opt Out", "2026-01-31"),
        ("Unsubscribed from all email", "Yes"),
        ("Abgemeldet", "ja"),
        ("Désabonné", "oui"),
        ("No contactar", "sí"),
    ],
)
def test_who_opted_out_is_suppressed(api: Api, import_file: Import, label: str, value: str):
    email = f"h{abs(hash((label, value)))}@dncco.example"
    import_file(f"Email,{label}\n{email},{value}\n")
    view = decided(api, email)
    assert (view["status"], view["decision"]["reason"]) == ("suppressed", "opted_out")


@pytest.mark.parametrize("value", ["0", "FALSE", "no", "nein", ""])
def test_who_did_not_opt_out_is_routed(api: Api, import_file: Import, value: str):
    email = f"in{len(value)}{value}@inco.example"
    import_file(f"Email,Email Opt Out\n{email},{value}\n")
    assert decided(api, email.lower())["status"] == "routed"


def test_a_crms_export_of_opportunities_closes_leads_once(
    api: Api, import_file: Import, tmp_path: Path, receiver: Receiver
):
    """Right after the leads, of which some are still on their way."""
    names = ("won", "lost", "opp")
    import_file(table([f"{name}@{name}deal.example,90,software,US" for name in names]))
    header = ["Opportunity ID", "Stage", "Amount", "Currency", "Close Date", "Created Date", "Lead Email"]
    rows = [
        ["006W", "Closed Won", 48_000, "USD", date(2026, 3, 20), date(2026, 1, 5), "won@wondeal.example"],
        ["006L", "Closed Lost", 900, "EUR", date(2026, 3, 21), date(2026, 1, 5), "lost@lostdeal.example"],
        ["006O", "Proposal", 75.5, "GBP", date(2026, 12, 31), date(2026, 1, 6), "opp@oppdeal.example"],
        ["006X", "Proposal", 75, "", date(2026, 12, 31), date(2026, 1, 6), "opp@oppdeal.example"],
    ]
    content = workbook([header, *rows], tmp_path)
    for name in ("deals.xlsx", "the next night.xlsx"):
        report = import_file(content, name, "outcomes")
        assert (report["accepted"], report["rejected"]) == (3, 1)
        assert "currency" in report["problems"][0]["problem"]
    for name in names:
        email = f"{name}@{name}deal.example"
        status = {"opp": "routed"}.get(name, name)
        eventually(lambda: decided(api, email)["outcomes"], what=f"the outcome of {email}")  # noqa: B023
        eventually(lambda: decided(api, email)["status"] == status, what=email)  # noqa: B023
    won_id = lead_id_of("email:won@wondeal.example")
    (won,) = decided(api, "won@wondeal.example")["outcomes"]
    assert (won["amount"], won["stage"]) == ({"value": 48_000, "currency": "USD"}, "Closed Won")
    assert (won["close_date"], won["at"]) == ("2026-03-20", "2026-03-20T23:59:59+00:00")
    opened = decided(api, "opp@oppdeal.example")
    assert [one["opportunity_id"] for one in opened["outcomes"]] == ["006O"]
    told = eventually(
        lambda: [one.data for one in receiver.about(won_id, "lead.closed")],
        what="the webhook",
    )
    assert [one["amount"] for one in told] == [{"value": 48_000, "currency": "USD"}]


def workbook(rows: Sequence[Sequence[Any]], folder: Path) -> bytes:
    book = Workbook()
    for row in rows:
        assert book.active is not None
        book.active.append(list(row))
    file = folder / "made.xlsx"
    book.save(file)
    return file.read_bytes()


HEADER = "Email,First name,Last name,Company size"
WAYS = {
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "semicolons, BOM": lambda text: text.replace(",", ";").encode("utf-8-sig"),
    "windows-1252": lambda text: text.encode("cp1252"),
    "utf-16": lambda text: text.replace(",", "\t").encode("utf-16"),
    "surplus comma": lambda text: text.replace("51-200", "51-200,").encode(),
    "sep=": lambda text: ("sep=;\r\n" + text.replace(",", ";")).encode("cp1252"),
    "German": lambda text: (
        text.replace(HEADER, "E-Mail;Vorname;Nachname;Firmengröße").replace(",", ";").encode()
    ),
    "JSON array": lambda text: json.dumps(
        [dict(zip(HEADER.split(","), text.splitlines()[1].split(","), strict=True))], indent=1
    ).encode(),
}


@pytest.mark.parametrize("way", [*WAYS, "workbook"])
def test_a_table_is_read_as_it_was_written(api: Api, import_file: Import, way: str, tmp_path: Path):
    email = f"{''.join(filter(str.isalnum, way)).lower()}@csvco.example"
    row = [email, "Änn", "Böhm", "51-200"]
    if way == "workbook":
        content = workbook([HEADER.split(","), row], tmp_path)
    else:
        content = WAYS[way](f"{HEADER}\r\n{','.join(row)}\r\n")
    report = import_file(content, "export.csv")
    assert (report["accepted"], report["rejected"]) == (1, 0)
    view = decided(api, email)
    assert (view["person"]["first_name"], view["person"]["last_name"]) == ("Änn", "Böhm")
    assert view["company"]["employees"] == 51


def test_one_bad_quote_costs_one_line(api: Api, import_file: Import):
    text = 'Email,Message\nann@csvqq.example,hello\ncat@csvqq.example,"he said "hi" there"\ndan@csvqq.example,bye'
    report = import_file(text)
    assert (report["accepted"], [problem["line"] for problem in report["problems"]]) == (2, [3])
    assert decided(api, "dan@csvqq.example")["revision"] == 1


def account_known(api: Api, domain: str) -> dict[str, Any] | None:
    answer = api.http.get(f"/v1/accounts/{domain}")
    return answer.json() if answer.status_code == 200 else None


def test_a_crms_accounts_are_known(api: Api, import_file: Import):
    text = "Account Name;Website;Type;City\nÄlpha;https://www.alphaco.example/;Customer - Direct;Köln\n"
    report = import_file(text.encode("cp1252"), "accounts.csv", "accounts")
    assert (report["accepted"], report["rejected"]) == (1, 0)
    account = eventually(partial(account_known, api, "alphaco.example"), what="the account")
    assert (account["name"], account["relation"]) == ("Älpha", "customer")
