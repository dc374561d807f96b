"""Where `baton up` looks for the stubs of its own process."""

from __future__ import annotations

import pytest

from services.cli.standalone import embedded_environ


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8090"),
        ({"BATON_STUBS_PORT": "18090"}, "http://127.0.0.1:18090"),
        ({"BATON_HTTP_HOST": "0.0.0.0"}, "http://127.0.0.1:8090"),
        ({"BATON_HTTP_HOST": "::1", "BATON_STUBS_PORT": "18090"}, "http://[::1]:18090"),
        ({"BATON_HTTP_HOST": "::"}, "http://[::1]:8090"),
        ({"BATON_HTTP_HOST": "localhost"}, "http://127.0.0.1:8090"),
        ({"BATON_HTTP_HOST": "127.0.0.9"}, "http://127.0.0.9:8090"),
        ({"BATON_PROVIDERS_URL": "http://stubs:1", "BATON_STUBS_PORT": "2"}, "http://stubs:1"),
    ],
)
def test_the_stubs_are_where_their_host_and_port_say(environ, url):
    assert embedded_environ(environ)["BATON_PROVIDERS_URL"] == url
