"""Takes the pictures of the console in docs/console: `python -m tests.support.pictures FOLDER` (`make pictures`).

Each page is taken with the demo leads, in light and dark, once more without any lead, and those of operations
also while something is broken: data providers fail, a webhook fails, records are dead-lettered.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.support.api import Api, eventually
from tests.support.dead_letters import dead_letter, store_letters
from tests.support.receiver import Receiver
from tests.support.services.chromium import FLAGS, chromium_path
from tests.support.topology import Topology

SIZE: Final = {"width": 1440, "height": 900}
PAGES: Final = {
    "inbox": "/",
    "lead": "/leads/{lead}",
    "leads": "/leads",
    "accounts": "/accounts",
    "account": "/accounts/ledgerlane.example",
    "report": "/report",
    "flow": "/flow",
    "policy": "/policy",
    "policy-versions": "/policy/versions",
    "team": "/team",
    "deliveries": "/deliveries",
    "dead-letters": "/dead-letters",
    "providers": "/providers",
    "sources": "/sources",
    "status": "/status",
    "settings": "/settings",
}
BROKEN: Final = {
    "providers": "/providers",
    "deliveries": "/deliveries?tab=failed",
    "dead-letters": "/dead-letters",
    "status": "/status",
}
COMPANIES: Final = (
    "quillstone",
    "harrowgate",
    "tidewater",
    "marlowe",
    "ashdown",
    "brackwater",
    "fenwick",
    "oakhurst",
)
FAILING: Final = ("peopledatalabs", "apollo", "hunter", "clearbit")
EMPTY: Final = ("inbox", "leads", "accounts", "report", "flow", "deliveries", "dead-letters")


def take_pictures(topology: Topology, folder: Path, names: dict[str, str], suffix: str = "") -> None:
    """Write `{name}{suffix}-{light,dark}.jpg` of each page into the folder."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        for scheme in schemes:
            context = browser.new_context(base_url=topology.url, viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            sign_in(page, topology)
            for name, path in names.items():
                page.goto(path)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=folder / f"{name}{suffix}-{scheme}.jpg", type="jpeg", quality=82)
            context.close()
        browser.close()


def break_things(topology: Topology, api: Api, receiver: Receiver) -> None:
    """Let data providers and a webhook fail, and records be dead-lettered; return once it shows."""
    for vendor in FAILING:
        answer = httpx.put(f"http://127.0.0.1:{topology.stubs_port}/faults/{vendor}", json={"status": 500})
        answer.raise_for_status()
    receiver.status, receiver.body = 410, b"this endpoint has moved"
    subscription = api.subscribe(receiver.url, "lead.*")
    receiver.secret = subscription["secret"]
    for number, company in enumerate(COMPANIES):
        fields = {"email": f"ada@{company}.example", "first_name": "Ada", "title": "VP Sales"}
        api.post_form(fields | {"message": f"We would like a demo, {number + 1} seats"})
    letters = [dead_letter(number, *letter) for number, letter in enumerate(LETTERS)]
    store_letters(topology.database_url, letters)
    path = f"/v1/subscriptions/{subscription['id']}/deliveries"
    eventually(lambda: api.http.get(path).json()["data"], what="the failed deliveries")

    def is_failing() -> bool:
        return any(one["state"] != "active" for one in api.http.get("/v1/providers").json()["data"])

    eventually(is_failing, what="the failing providers")


LETTERS: Final = (
    (b'{"person": {"email": 7}}', "schema", "Expected `str | null`, got `int` - at `$.person.email`"),
    (b'{"person": {"email": []}}', "schema", "Expected `str | null`, got `array` - at `$.person.email`"),
    (b"not JSON", "malformed", "JSON is malformed: invalid character (byte 1)"),
)
"""Payload, kind and message of the records that could not be read."""


def sign_in(page: Page, topology: Topology) -> None:
    page.goto("/sign-in")
    page.get_by_label("API key").fill(topology.secrets.admin_key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{topology.url}/")


def main() -> None:
    """Take every picture."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for demo in (True, False):
        with tempfile.TemporaryDirectory() as data:
            topology = Topology(Path(data), demo=demo)
            topology.start()
            try:
                with topology.client() as http:
                    api = Api(http)
                    if demo:
                        query = "/v1/leads?email=dana.vp@ledgerlane.example&status=routed"
                        found = eventually(lambda: api.http.get(query).json()["data"], what="the demo leads")  # noqa: B023
                        names = {name: path.format(lead=found[0]["lead_id"]) for name, path in PAGES.items()}
                        take_pictures(topology, folder, names)
                        receiver = Receiver()
                        break_things(topology, api, receiver)
                        take_pictures(topology, folder, dict(BROKEN), "-broken")
                        receiver.close()
                    else:
                        take_pictures(topology, folder, {name: PAGES[name] for name in EMPTY}, "-empty")
            finally:
                topology.stop()


if __name__ == "__main__":
    main()
