"""The egress policy: which addresses and which URL texts pass."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import FieldProblem, Reject
from shared.web.egress import UNREACHABLE, Address, EgressPolicy, EgressRefused, Network

PUBLIC = EgressPolicy()

# Copied from the IANA special-purpose registries, not from the code, so that a gap in its table shows.
FORBIDDEN: tuple[Network, ...] = tuple(
    map(
        ip_network,
        [
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "255.255.255.255/32",
            "::/128",
            "::1/128",
            "::/96",
            "::ffff:0:0/96",
            "::ffff:0:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/32",
            "2001:2::/48",
            "2001:10::/28",
            "2001:20::/28",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ],
    )
)


def within(network: Network) -> st.SearchStrategy[Address]:
    kind = type(network.network_address)
    return st.integers(int(network[0]), int(network[-1])).map(kind)


def spellings(address: Address) -> list[str]:
    """Every way to write `address` that `ipaddress` reads."""
    texts = [str(address), address.exploded]
    if isinstance(address, IPv6Address):
        high, low = divmod(int(address), 1 << 32)
        groups = IPv6Address(high << 32).exploded.rsplit(":", 2)[0]
        texts += [f"{groups}:{IPv4Address(low)}", f"{address}%eth0", f"{address.exploded}%1"]
    return [*texts, *(text.upper() for text in texts)]


@given(address=st.sampled_from(FORBIDDEN).flatmap(within))
def test_no_forbidden_address_passes_in_any_spelling(address: Address) -> None:
    for text in spellings(address):
        assert not PUBLIC.permits(ip_address(text)), text
        with pytest.raises(OSError, match=UNREACHABLE):
            PUBLIC.check_address(text, plain=False)


@pytest.mark.parametrize("network", FORBIDDEN, ids=str)
def test_the_first_and_the_last_address_of_a_range_are_forbidden(network: Network) -> None:
    assert not PUBLIC.permits(network[0])
    assert not PUBLIC.permits(network[-1])


@given(st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address))
def test_permitted_addresses_are_global_for_the_standard_library_too(address: Address) -> None:
    assert not PUBLIC.permits(address) or (address.is_global and not address.is_multicast)


@given(prefix=st.integers(0x2600 << 48, (0x2D00 << 48) - 1), tail=st.integers(0, 2**32 - 1))
def test_isatap_and_zones_are_forbidden_under_a_public_prefix(prefix: int, tail: int) -> None:
    for identifier in (0x0000_5EFE, 0x0200_5EFE):
        assert not PUBLIC.permits(IPv6Address(prefix << 64 | identifier << 32 | tail))
    public = IPv6Address(prefix << 64 | 0x0000_5EFF << 32 | tail)
    assert PUBLIC.permits(public)
    assert not PUBLIC.permits(IPv6Address(f"{public}%eth0"))


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:4860:4860::8888",
        "2003::",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "3ffe:ffff::",
        "3fff:1000::",
    ],
)
def test_public_hosts_pass_by_https_only(text: str) -> None:
    address = ip_address(text)
    assert PUBLIC.permits(address)
    assert not PUBLIC.permits_plain(address)


def test_the_allow_list_permits_its_ranges_and_nothing_that_embeds_them() -> None:
    policy = EgressPolicy.parse("127.0.0.0/8, 10.1.0.0/16 fd00::/8")
    for text in ("127.0.0.1", "10.1.2.3", "fd00::1"):
        assert policy.permits(ip_address(text))
        assert policy.permits_plain(ip_address(text))
    for text in (
        "10.2.0.1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fd00::1%lo",
    ):
        assert not policy.permits(ip_address(text))


@pytest.mark.parametrize(
    "text", ["", "127.1", "0177.0.0.1", "2130706433", "0x7f.1", "8.8.8.8 ", "8.8.8", "dns.google"]
)
def test_only_the_canonical_spelling_of_an_address_passes(text: str) -> None:
    with pytest.raises(OSError, match=UNREACHABLE):
        EgressPolicy((ip_network("0.0.0.0/0"),)).check_address(text, plain=False)


@pytest.mark.parametrize("cidrs", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.0/8;"])
def test_an_allow_list_with_a_mistake_is_an_error(cidrs: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        EgressPolicy.parse(cidrs)


def test_an_empty_allow_list_allows_nothing_more() -> None:
    assert EgressPolicy.parse(" , ") == PUBLIC


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "https://"),
        ("hooks.example.com", "https://"),
        ("//hooks.example.com/", "https://"),
        ("ftp://hooks.example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://hooks.example.com/", "https://"),
        ("ws://hooks.example.com/", "https://"),
        ("unix:///run/docker.sock", "https://"),
        ("javascript:alert(1)", "https://"),
        ("http://hooks.example.com/", "https://"),
        ("https://", "host"),
        ("https:///path", "host"),
        ("https:hooks.example.com", "host"),
        ("https://.example.com/", "host"),
        ("https://hooks..example.com/", "host"),
        ("https://hooks.example.com./", "host"),
        ("https://-hooks.example.com/", "host"),
        ("https://hooks%2eexample.com/", "host"),
        ("https://hooks$.example.com/", "host"),
        (f"https://{'a' * 64}.example.com/", "host"),
        (f"https://{'a.' * 127}com/", "host"),
        ("https://xn--a/", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://hooks.example.com:99999/", "malformed"),
        ("https://hooks.example.com:-1/", "malformed"),
        ("https://hooks.example.com:x/", "malformed"),
        ("https://hooks.example.com\\@10.0.0.1/", "malformed"),
        ("https://hooks.example.com:0/", "port"),
        ("https://user@hooks.example.com/", "user name"),
        ("https://user:pass@hooks.example.com/", "user name"),
        ("https://:pass@hooks.example.com/", "user name"),
        ("https://hooks.example.com#@10.0.0.1/", "fragment"),
        ("https://hooks.example.com/#", "fragment"),
        ("https://hooks.example.com/a b", "blank"),
        ("https://hooks.exa\tmple.com/", "blank"),
        ("https://hooks.example.com/\r\nX: y", "blank"),
        ("https://hooks.example.com/\x00", "blank"),
        ("https://hooks.example.com/\u2028", "blank"),
        ("https://hooks.example.com/" + "a" * 2048, "2048"),
    ],
)
def test_a_refused_url_says_why(url: str, reason: str) -> None:
    with pytest.raises(EgressRefused, match=reason):
        PUBLIC.check_url(url)


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("HTTPS://Hooks.Example.COM:8443/a?b=c%20d", "https://hooks.example.com:8443/a?b=c%20d"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:4700:0:0:0:0:1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://my_service:1/x/@y", "https://my_service:1/x/@y"),
    ],
)
def test_an_ordinary_url_passes(url: str, requested: str) -> None:
    target = PUBLIC.check_url(url)
    assert str(target.url) in {requested, requested.removesuffix("/")}
    assert not target.plain


def test_plain_http_passes_for_allowed_addresses_and_for_names() -> None:
    policy = EgressPolicy.parse("127.0.0.0/8 ::1")
    assert policy.check_url("http://127.0.0.1:8090/hook").plain
    assert policy.check_url("http://[::1]:8090/hook").plain
    assert policy.check_url("http://crm.internal/hook").plain
    with pytest.raises(EgressRefused):
        policy.check_url("http://8.8.8.8/hook")


@given(st.text() | st.text().map("https://".__add__))
def test_any_text_is_either_a_valid_https_url_or_refused(text: str) -> None:
    try:
        target = PUBLIC.check_url(text)
    except EgressRefused:
        return
    assert target.url.scheme == "https"
    assert target.url.raw_host


@given(
    network=st.sampled_from([network for network in FORBIDDEN if isinstance(network, IPv6Network)]),
    data=st.data(),
)
def test_a_literal_in_a_forbidden_range_is_refused_before_anything_is_saved(
    network: IPv6Network, data: st.DataObject
) -> None:
    address = data.draw(within(network))
    with pytest.raises(EgressRefused):
        PUBLIC.check_url(f"https://[{address}]/")


def test_a_refused_url_in_a_body_is_a_422_with_its_pointer() -> None:
    with pytest.raises(Reject) as rejected:
        PUBLIC.accept_url("https://10.0.0.1/", pointer="/destination/url")
    assert rejected.value.status == 422
    assert rejected.value.kind == "url-refused"
    assert rejected.value.errors == (FieldProblem("/destination/url", UNREACHABLE),)
    assert PUBLIC.accept_url("https://hooks.example.com/") == PUBLIC.check_url("https://hooks.example.com/")
