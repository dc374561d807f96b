"""Which base URLs mean the provider stubs, and where they lead."""

from __future__ import annotations

import pytest

from shared.web.stubs_url import resolve_base_url


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.2", "stubs.localhost"]
)
@pytest.mark.parametrize("port", [8090, 18090])
def test_every_name_of_this_machine_leads_to_the_stubs_by_their_usual_port_and_by_their_own(host, port):
    for stubs_url in ("http://127.0.0.1:18090", "http://127.0.0.1:18090/"):
        resolved = resolve_base_url(f"http://{host}:{port}/apollo", stubs_url)
        assert resolved == ("http://127.0.0.1:18090/apollo", True)


@pytest.mark.parametrize(
    ("base_url", "resolved"),
    [
        ("http://127.0.0.1:8090/apollo", "http://provider-stubs:9000/apollo"),
        ("http://localhost:8090/apollo", "http://provider-stubs:9000/apollo"),
        ("http://127.0.0.1:8090", "http://provider-stubs:9000"),
        ("http://provider-stubs:9000/apollo", "http://provider-stubs:9000/apollo"),
    ],
)
def test_stubs_on_another_host_are_found_by_the_usual_address_and_by_their_own(base_url, resolved):
    assert resolve_base_url(base_url, "http://provider-stubs:9000/") == (resolved, True)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.apollo.io",
        "https://api.apollo.io:8090/v1",
        "http://provider-stubs:8090/apollo",  # another host of that name and the usual port
        "http://10.0.0.7:8090/apollo",
        "http://localhost.example:8090/apollo",
        "http://127.0.0.1/apollo",
        "http://127.0.0.1:9000/apollo",  # something else on this machine
        "https://127.0.0.1:8090/apollo",
        "http://127.1:8090/apollo",
        "http://[::1:8090/apollo",
        "http://127.0.0.1:port/apollo",
    ],
)
@pytest.mark.parametrize("stubs_url", ["http://127.0.0.1:18090", "http://provider-stubs:9000"])
def test_other_base_urls_are_left_as_they_are(base_url, stubs_url):
    assert resolve_base_url(base_url, stubs_url) == (base_url, False)
