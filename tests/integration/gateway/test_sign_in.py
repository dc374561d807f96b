"""Signing in to the console: by key, by a one-time link, and by an OpenID Connect provider; and what it takes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from services.gateway.console.session import AGE_MAX, IDLE_MAX
from services.gateway.oidc.provider import METADATA_KEPT
from services.gateway.sign_in_links import VALID
from tests.support.fixed_clock import FixedClock
from tests.support.gateway import ADMIN_KEY, RunningGateway, running_gateway
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProviderSimulator
from tests.support.scored_leads import AT

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
PUBLIC = "http://baton.example"
ANA = {
    "sub": "ana",
    "name": "Ana Ruiz",
    "email": "Ana@Acme.example",
    "email_verified": True,
    "groups": ["everybody", "sales"],
}


class Browser:
    """Keeps cookies by hand, as a browser would send them, and follows nothing."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **form: str
    ) -> tuple[int, str, Mapping[str, str]]:
        url = f"http://127.0.0.1:{self._gateway.server.port}{path}"
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**({"Cookie": cookie} if cookie else {}), **(headers or {})}
        data = form or None
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.request(method, url, headers=sent, data=data, allow_redirects=False) as response,
        ):
            self.set_cookies = response.headers.getall("Set-Cookie", [])
            for line in self.set_cookies:
                name, _, value = line.partition(";")[0].partition("=")
                if value in ("", '""'):
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = value
            return response.status, await response.text(), response.headers

    async def sign_in(self, key: str, **more: str) -> int:
        status, _, _ = await self.ask("POST", "/sign-in", SAME_ORIGIN, key=key, **more)
        return status

    async def csrf(self) -> str:
        _, page, _ = await self.ask("GET", "/")
        return re.search('name="csrf" content="([0-9a-f]+)"', page)[1]  # type: ignore[index]


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """A clock that all tests of the module move on."""
    return FixedClock(AT)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_provider(clock: FixedClock) -> AsyncIterator[OidcProviderSimulator]:
    provider = OidcProviderSimulator(clock)
    await provider.start()
    yield provider
    await provider.stop()


@pytest.fixture
def provider(running_provider: OidcProviderSimulator) -> OidcProviderSimulator:
    """The provider, at which Ana is signed in."""
    running_provider.reset()
    running_provider.claims = dict(ANA)
    return running_provider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    clock: FixedClock, running_provider: OidcProviderSimulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningGateway]:
    settings = {
        "BATON_PUBLIC_URL": PUBLIC,
        "BATON_OIDC_ISSUER": running_provider.issuer,
        "BATON_OIDC_CLIENT_ID": CLIENT_ID,
        "BATON_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "BATON_OIDC_LABEL": "Acme",
        "BATON_OIDC_GROUPS": "sales=rep,leads=manager,platform=admin",
        "BATON_OIDC_REPS": "ana@acme.example=sdr-1",
        "BATON_OIDC_ALLOW": "127.0.0.0/8",
    }
    async with running_gateway(tmp_path_factory.mktemp("gateway"), clock, **settings) as running:
        await running.apply_policy()
        yield running


@pytest.fixture
def gateway(running: RunningGateway, provider: OidcProviderSimulator) -> RunningGateway:
    return running


@pytest.fixture
def browser(gateway: RunningGateway) -> Browser:
    return Browser(gateway)


async def at_provider(browser: Browser, path: str = "/sign-in/oidc") -> tuple[str, dict[str, str]]:
    """Go to the provider and be sent back; return the path that the browser is sent to, and its parameters."""
    status, _, headers = await browser.ask("GET", path)
    assert status == 303, headers
    async with (
        aiohttp.ClientSession() as http,
        http.get(headers["Location"], allow_redirects=False) as answer,
    ):
        back = answer.headers["Location"]
    assert back.startswith(f"{PUBLIC}/sign-in/oidc/callback?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    return back.removeprefix(PUBLIC), asked


async def test_a_person_signs_in_by_the_provider_as_their_rep(gateway, browser, provider, clock):
    _, page, _ = await browser.ask("GET", "/sign-in")
    assert "Sign in with Acme" in page
    back, _ = await at_provider(browser, "/sign-in/oidc?next=/leads")
    status, _, headers = await browser.ask("GET", back)
    assert (status, headers["Location"]) == (303, "/leads")
    assert all("HttpOnly" in line and "SameSite=lax" in line for line in browser.set_cookies)
    status, page, _ = await browser.ask("GET", "/")
    assert status == 200
    assert "Ana Ruiz" in page
    assert (await browser.ask("GET", "/policy"))[0] == 403
    entry = (await gateway.ask("GET", "/v1/audit?kind=session.started"))[1]["data"][0]
    assert (entry["name"], entry["rep"], entry["details"]) == ("Ana Ruiz", "sdr-1", {"by": "oidc"})
    assert entry["key_id"].startswith("oidc:")
    status, page, _ = await browser.ask("GET", back)
    assert status == 403, "a code and a state count once"


@pytest.mark.parametrize(
    ("forged", "algorithm"),
    [
        ({"nonce": "another"}, "RS256"),
        ({"iss": "http://other.example"}, "RS256"),
        ({"aud": "another"}, "RS256"),
        ({"aud": [CLIENT_ID, "another"]}, "RS256"),
        ({"azp": "another"}, "RS256"),
        ({"exp": -61}, "RS256"),
        ({"iat": 61}, "RS256"),
        ({"nbf": 61}, "RS256"),
        ({}, "none"),
        ({}, "HS256"),
    ],
)
async def test_a_token_that_cannot_be_believed_signs_nobody_in(browser, provider, clock, forged, algorithm):
    """Times of the table are seconds from now."""
    now = clock.now().timestamp()
    times = {name: now + value for name, value in forged.items() if isinstance(value, int)}
    provider.forged, provider.algorithm = forged | times, algorithm
    back, _ = await at_provider(browser)
    status, page, _ = await browser.ask("GET", back)
    assert status == 401, page
    assert "Signing in failed" in page
    assert browser.cookies == {}


async def test_clocks_may_differ_by_a_minute(browser, provider, clock):
    now = clock.now().timestamp()
    provider.forged = {"exp": now - 30, "iat": now + 30}
    back, _ = await at_provider(browser)
    assert (await browser.ask("GET", back))[0] == 303


async def test_the_answer_counts_only_in_the_browser_that_was_sent_and_in_time(gateway, browser, clock):
    back, asked = await at_provider(browser)
    stranger = Browser(gateway)
    assert (await stranger.ask("GET", back))[0] == 403
    other = await at_provider(stranger)
    assert (await stranger.ask("GET", back))[0] == 403, "the state of another attempt"
    assert asked["state"] != other[1]["state"]
    clock.advance(timedelta(minutes=11))
    assert (await browser.ask("GET", back))[0] == 403


async def test_the_provider_may_change_its_keys(browser, provider, clock):
    described = provider.requests.count("/.well-known/openid-configuration")
    for kid in ("2", "3"):
        provider.rotate(kid)
        clock.advance(timedelta(seconds=6))
        back, _ = await at_provider(browser)
        assert (await browser.ask("GET", back))[0] == 303
    assert provider.requests.count("/.well-known/openid-configuration") <= described + 1


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": ["everybody"]},
        {"groups": None},
        {"email": "somebody@acme.example"},
        {"email_verified": False},
    ],
)
async def test_who_is_in_no_group_or_no_rep_is_let_in_nowhere(browser, provider, claims):
    provider.claims |= claims
    back, _ = await at_provider(browser)
    status, page, _ = await browser.ask("GET", back)
    assert (status, "You are in no group" in page) == (403, True)


@pytest.mark.parametrize("discovery", [{"issuer": "http://other.example"}, {"jwks_uri": "http://192.0.2.1/"}])
async def test_a_provider_that_is_not_itself_or_leads_elsewhere_is_not_used(
    browser, provider, clock, discovery
):
    provider.discovery = discovery
    clock.advance(METADATA_KEPT + timedelta(seconds=1))
    status, _, headers = await browser.ask("GET", "/sign-in/oidc")
    if status == 303:
        async with (
            aiohttp.ClientSession() as http,
            http.get(headers["Location"], allow_redirects=False) as back,
        ):
            status, _, _ = await browser.ask("GET", back.headers["Location"].removeprefix(PUBLIC))
    assert status == 503
    clock.advance(METADATA_KEPT + timedelta(seconds=1))


async def test_a_session_ends_when_it_is_idle_or_old(gateway, browser, clock):
    assert await browser.sign_in(ADMIN_KEY) == 303
    began = clock.now()
    while clock.now() - began < AGE_MAX - IDLE_MAX:
        clock.advance(IDLE_MAX - timedelta(minutes=1))
        assert (await browser.ask("GET", "/sign-in"))[0] == 200
        assert (await browser.ask("GET", "/"))[0] == 200
    clock.advance(IDLE_MAX)
    assert (await browser.ask("GET", "/"))[0] == 303
    assert await browser.sign_in(ADMIN_KEY) == 303
    clock.advance(IDLE_MAX + timedelta(seconds=1))
    assert (await browser.ask("GET", "/"))[0] == 303


async def test_a_revoked_key_is_thrown_out_and_sign_out_ends_the_session(gateway, browser):
    _, made, _ = await gateway.ask("POST", "/v1/api-keys", json={"name": "ops", "scopes": ["manager"]})
    assert await browser.sign_in(made["key"], next="/policy") == 303
    assert (await browser.ask("GET", "/policy"))[0] == 200
    assert (await gateway.ask("DELETE", f"/v1/api-keys/{made['id']}"))[0] == 204
    status, _, headers = await browser.ask("GET", "/policy")
    assert (status, headers["Location"]) == (303, "/sign-in?next=%2Fpolicy")
    status, _, headers = await browser.ask("GET", "/policy", {"HX-Request": "true"})
    assert (status, headers["HX-Redirect"]) == (401, "/sign-in")
    assert await browser.sign_in(ADMIN_KEY) == 303
    status, _, headers = await browser.ask("POST", "/sign-out", SAME_ORIGIN, csrf=await browser.csrf())
    assert (status, headers["Location"], browser.cookies) == (303, "/sign-in", {})
    assert (await gateway.ask("GET", "/v1/audit?kind=session.ended"))[1]["data"][0]["name"] == "admin"


async def test_a_wrong_key_is_named_so_and_who_guesses_is_slowed_down(browser, clock):
    status, page, _ = await browser.ask("POST", "/sign-in", SAME_ORIGIN, key="bk_wrong")
    assert (status, "unknown or revoked" in page, browser.cookies) == (401, True, {})
    statuses = [await browser.sign_in(f"bk_{number}") for number in range(30)]
    assert 429 in statuses
    clock.advance(timedelta(minutes=2))


async def test_a_next_page_is_one_of_baton(browser):
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
        status, _, headers = await browser.ask("POST", "/sign-in", SAME_ORIGIN, key=ADMIN_KEY, next=elsewhere)
        assert (status, headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    ("headers", "with_token", "expected"),
    [
        (SAME_ORIGIN, True, 303),
        (SAME_ORIGIN, False, 403),
        ({"Sec-Fetch-Site": "same-site"}, True, 403),
        ({"Sec-Fetch-Site": "cross-site"}, True, 403),
        ({"Origin": "http://evil.example"}, True, 403),
        ({"Origin": "null"}, True, 403),
        ({}, True, 403),
    ],
)
async def test_a_change_needs_the_origin_and_the_token_of_the_page(browser, headers, with_token, expected):
    assert await browser.sign_in(ADMIN_KEY) == 303
    token = {"csrf": await browser.csrf()} if with_token else {"csrf": "0" * 64}
    assert (await browser.ask("POST", "/sign-out", headers, **token))[0] == expected


async def test_the_origin_counts_where_a_browser_sends_no_fetch_metadata(gateway, browser):
    assert await browser.sign_in(ADMIN_KEY) == 303
    own = {"Origin": f"http://127.0.0.1:{gateway.server.port}"}
    assert (await browser.ask("POST", "/sign-out", own, csrf=await browser.csrf()))[0] == 303


async def test_sign_in_from_another_site_is_refused(browser):
    status, _, _ = await browser.ask("POST", "/sign-in", {"Sec-Fetch-Site": "cross-site"}, key=ADMIN_KEY)
    assert (status, browser.cookies) == (403, {})


async def test_a_changed_cookie_signs_nobody_in(browser):
    assert await browser.sign_in(ADMIN_KEY) == 303
    payload, _, signature = browser.cookies["baton"].partition(".")
    for forged in (f"{payload}.{'0' * 64}", f"{payload[:-2]}AA.{signature}", payload, "", "é.é"):
        browser.cookies["baton"] = forged
        assert (await browser.ask("GET", "/"))[0] == 303


@pytest.mark.parametrize("path", ["/sign-in", "/", "/policy", "/no-such-page-of-the-console/x"])
async def test_every_answer_has_the_security_headers(browser, path):
    await browser.sign_in(ADMIN_KEY)
    status, _, headers = await browser.ask("GET", path)
    if status == 404:
        assert "html" not in headers["Content-Type"]
        return
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_the_cookie_is_for_https_where_baton_is_reached_so_and_without_a_provider_there_is_no_button(
    tmp_path,
):
    async with running_gateway(tmp_path, BATON_PUBLIC_URL="https://baton.example") as running:
        await running.apply_policy()
        browser = Browser(running)
        assert await browser.sign_in(ADMIN_KEY) == 303
        _, page, _ = await browser.ask("GET", "/sign-in")
        assert "Sign in with" not in page
        assert (await browser.ask("GET", "/sign-in/oidc"))[0] == 404
        assert (await browser.ask("GET", "/sign-in/oidc/callback?code=x&state=y"))[0] == 403
        assert await browser.sign_in(ADMIN_KEY) == 303
    (line,) = browser.set_cookies
    assert line.startswith("__Host-baton=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {part.strip() for part in line.split(";")}
    assert "Domain" not in line
    assert ADMIN_KEY not in line


async def test_a_link_signs_in_once_and_in_time(gateway, browser, clock):
    own = await gateway.key_headers("manager")

    async def link() -> str:
        status, made, _ = await gateway.ask("POST", "/v1/sign-in-links", headers=own)
        assert status == 201
        return urlsplit(made["url"]).path

    opened = {"Sec-Fetch-Site": "none"}
    path = await link()
    status, page, _ = await browser.ask("GET", path, {"Sec-Fetch-Site": "cross-site"})
    assert (status, browser.cookies, "signs you in once" in page) == (200, {}, True)
    assert (await browser.ask("POST", path, {"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await browser.ask("GET", path, opened))[0] == 303
    assert (await browser.ask("GET", "/policy"))[0] == 200
    again = Browser(gateway)
    assert (await again.ask("GET", path, opened))[0] == 410
    path = await link()
    assert (await again.ask("POST", path, SAME_ORIGIN))[0] == 303
    late = await link()
    clock.advance(VALID)
    assert (await Browser(gateway).ask("GET", late, opened))[0] == 410
    assert (await Browser(gateway).ask("GET", "/sign-in/link/nonsense", opened))[0] == 410
