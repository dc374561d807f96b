"""Rules and scores, as RevOps and a manager use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS
from tests.support.api import Api
from tests.support.topology import Topology

pytestmark = pytest.mark.browser
SignIn = Callable[..., None]
OpenPage = Callable[..., Page]
RIGHT = "score.fit_grade, in: [A, B, C]}"
TALL = {"width": 1_440, "height": 1_400}  # the editor draws the lines that can be seen


@pytest.fixture
def policy_in_force(api: Api) -> Iterator[None]:
    """Puts the policy in force again that was so before the test, and discards the draft."""
    before = api.http.get("/v1/policies/active").json()["files"]
    yield
    assert api.http.post("/v1/policies", json={"files": before}).status_code == 201
    api.http.delete("/v1/policies/draft")


def line_of(page: Page, text: str) -> Locator:
    return page.locator("#editor .cm-line", has_text=text)


def type_over(page: Page, line: str, old: str, new: str) -> None:
    """Replace the end of a line: the cursor goes to its end, before what follows `old`."""
    shown = line_of(page, line)
    shown.click()
    page.keyboard.press("End")
    text = shown.inner_text()
    for _ in range(len(text) - text.rindex(old) - len(old)):
        page.keyboard.press("ArrowLeft")
    for _ in range(len(old)):
        page.keyboard.press("Backspace")
    page.keyboard.insert_text(new)


def manager_key(api: Api, *scopes: str) -> str:
    made = api.http.post("/v1/api-keys", json={"name": "Mona Field", "scopes": [*scopes]})
    assert made.status_code == 201, made.text
    return made.json()["key"]


@pytest.mark.usefixtures("policy_in_force")
def test_a_rule_is_changed_checked_previewed_and_applied_and_a_second_editor_is_refused(
    open_page: OpenPage, sign_in: SignIn, api: Api
):
    """Flow 10: an error marks its line; then fix, preview, apply, version; the second editor sees why not."""
    lead = {
        "person": {"email": "ines@inesworks.example", "title": "VP Sales"},
        "company": {"domain": "inesworks.example", "employees": 300, "industry": "software", "country": "US"},
    }
    api.settled(api.post_lead(lead))
    second = open_page(expected=(409,))
    sign_in(second, manager_key(api, "admin"))
    second.goto("/policy?file=scoring.yaml")
    type_over(second, "demo-request", "90", "80")
    expect(second.locator("#policy-check .policy-changes")).to_contain_text(
        "demo-request", timeout=PATIENCE_MS
    )

    page = open_page(viewport=TALL)
    sign_in(page)
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/policy")
    type_over(page, "name: fits", f"{RIGHT}, queue: sdr}}", "score.fit_grad, in: [A, B, C]}, queue: bdr}")
    problem = page.locator("#policy-check [data-problem=error]")
    expect(problem).to_contain_text('unknown field "score.fit_grad"', timeout=PATIENCE_MS)
    expect(page.locator('#policy-files a[aria-current="page"]')).to_contain_text("1 errors")
    expect(page.locator("#editor .cm-lintRange-error")).to_have_text("score.fit_grad")
    expect(page.get_by_role("button", name="Apply…")).to_be_disabled()
    problem.click()
    expect(page.locator("#editor .cm-activeLine")).to_contain_text("name: fits")

    type_over(page, "name: fits", "score.fit_grad, in: [A, B, C]}, queue: bdr}", f"{RIGHT}, queue: bdr}}")
    changes = page.locator("#policy-check .policy-changes")
    expect(changes).to_have_text("Rule fits: queue sdr → bdr", timeout=PATIENCE_MS)

    page.get_by_role("link", name="Preview").click()
    page.get_by_role("button", name="Preview").click()
    cell = page.locator(".policy-matrix a").first
    expect(cell).to_be_visible(timeout=PATIENCE_MS)
    cell.click()
    expect(page.locator("#moves")).to_contain_text("From sdr to bdr")
    expect(page.locator("#moves")).to_contain_text("ines@inesworks.example")

    page.get_by_role("link", name="Apply…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Rule fits: queue sdr → bdr")
    expect(dialog.locator(".policy-moves li").first).to_contain_text("bdr")
    dialog.get_by_label("Why").fill("BDR takes all that fits")
    dialog.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/policy/versions?applied=*")
    newest = page.locator(".policy-versions tbody tr").first
    expect(newest).to_contain_text("in force")
    expect(newest).to_contain_text("BDR takes all that fits")
    expect(newest).to_contain_text("Rule fits: queue sdr → bdr")
    assert api.http.get("/v1/policies/active").json()["note"] == "BDR takes all that fits"

    second.get_by_role("link", name="Apply…").click()
    expect(second.get_by_role("dialog")).to_contain_text("A newer version is in force")
    expect(second.get_by_role("dialog")).to_contain_text("Rule fits: queue sdr → bdr")
    expect(second.get_by_role("dialog").get_by_role("button", name="Apply")).to_be_disabled()


@pytest.mark.usefixtures("policy_in_force")
def test_a_field_is_completed_and_what_was_typed_last_is_kept(page: Page, sign_in: SignIn, api: Api):
    sign_in(page)
    page.goto("/policy?file=icp.yaml")
    line_of(page, "name: too-small").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("- {name: free-mail, when: {field: person.email_k")
    options = page.locator("#editor .cm-tooltip-autocomplete li")
    expect(options.first).to_contain_text("person.email_kind", timeout=PATIENCE_MS)
    page.wait_for_timeout(100)  # CodeMirror takes no Enter in the first 75 ms of its list
    page.keyboard.press("Enter")
    expect(line_of(page, "free-mail")).to_contain_text("person.email_kind")
    page.get_by_role("link", name="team", exact=True).click()
    page.wait_for_url("**/policy?file=team.yaml")
    expect(page.locator("#policy-files")).to_contain_text("changed")
    draft = api.http.get("/v1/policies/draft").json()
    assert "free-mail, when: {field: person.email_kind" in draft["files"]["icp.yaml"]


@pytest.mark.usefixtures("policy_in_force")
def test_a_made_up_lead_is_tried_by_both_policies_side_by_side(page: Page, sign_in: SignIn, api: Api):
    files = api.http.get("/v1/policies/active").json()["files"]
    high = "{use: high_intent}, queue: senior-ae"
    text = files["routing.yaml"].replace(high, "{use: high_intent}, queue: bdr")
    assert api.http.put("/v1/policies/draft", json={"files": {"routing.yaml": text}}).status_code == 200
    sign_in(page)
    page.goto("/policy/try")
    page.get_by_label("E-mail").fill("ana@anaworks.example")
    page.get_by_label("Domain of the company").fill("anaworks.example")
    page.get_by_role("button", name="Try").click()
    sides = page.locator("#tried article")
    expect(sides).to_have_count(2, timeout=PATIENCE_MS)
    expect(page.locator("#tried")).to_contain_text("The draft leads it elsewhere")
    for side, queue in ((sides.first, "senior-ae"), (sides.last, "bdr")):
        expect(side.locator("li.taken")).to_contain_text("High intent")
        expect(side.locator("li.taken .note")).to_contain_text(queue)
    page.get_by_label("E-mail").fill("nonsense")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#tried .note.bad")).to_be_visible()


def test_the_files_can_be_read_and_changed_without_javascript(open_page: OpenPage, baton: Topology, api: Api):
    key = manager_key(api, "manager")
    page = open_page(java_script_enabled=False)
    page.goto("/sign-in?next=/policy")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    text = page.locator("#policy-text")
    text.fill(text.input_value().replace("gte: 80", "gte: 60"))
    page.get_by_role("button", name="Save and check").click()
    expect(page.locator("#policy-check .policy-changes")).to_contain_text("spam score at least 60")
    expect(page.get_by_role("button", name="Apply…")).to_be_disabled()  # a manager's key does not apply
    with httpx.Client(base_url=baton.url, headers={"Authorization": f"Bearer {key}"}) as http:
        assert "gte: 60" in http.get("/v1/policies/draft").json()["files"]["routing.yaml"]
