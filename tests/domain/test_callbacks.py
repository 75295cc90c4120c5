"""Which receivers may be called, as members of kinds of addresses, and when a state is told, tried again or given up."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st

from tests.examples import example
from tests.properties import drawn
from unlearning.domain.callbacks import LAST, PATIENCE, RESUMED, Callback, Rules, follow, reachable, receiver
from unlearning.domain.errors import WrongUse
from unlearning.domain.events import CallbackAsked, CallbackFailed, CallbackTold, Event, Fact
from unlearning.domain.lifecycle import ACTIVE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
INTERNAL = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12:3456::1", "fc00::1", "::ffff:10.0.0.1"],
    "carrier": ["100.64.0.1", "100.127.255.255", "::ffff:100.64.0.1"],
}
NEVER = {
    "link-local": ["169.254.1.1", "fe80::1", "febf::1", "fe80::1%eth0", "::ffff:169.254.1.1", "2002:a9fe:a9fe::"],
    "metadata": ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"],
    "unspecified": ["0.0.0.0", "::", "::ffff:0.0.0.0"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1", "::ffff:224.0.0.1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "64:ff9b::f000:1"],
    "compatible": ["::7f00:1", "::a00:1", "::808:808"],
    "no address": ["", "localhost", "2130706433", "0x7f.1", "127.1", "1.2.3.4.5", "[::1]"],
}
CARRIED = ["2002:7f00:1::", "2002:a00:1::", "2001:0:a00:1::", "2001:0:808:808:0:0:f5ff:fffe"]
"""6to4 and Teredo, with something internal inside."""


def test_public_addresses_are_reached_and_no_other() -> None:
    assert all(map(reachable, PUBLIC))
    others = [one for kind in (*INTERNAL.values(), *NEVER.values(), CARRIED) for one in kind]
    assert not [one for one in others if reachable(one)]


def test_whom_the_operator_named_may_be_private_and_never_where_clouds_keep_credentials() -> None:
    assert all(reachable(one, internal=True) for kind in INTERNAL.values() for one in kind)
    assert not [one for kind in NEVER.values() for one in kind if reachable(one, internal=True)]


@drawn(few=200, many=20_000, number=st.integers(0, 2**32 - 1))
def test_an_address_is_as_reachable_as_the_one_that_it_carries(number: int) -> None:
    plain = ipaddress.IPv4Address(number)
    for internal in (False, True):
        expected = reachable(str(plain), internal=internal)
        for carrying in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
            assert reachable(str(ipaddress.IPv6Address(carrying)), internal=internal) == expected
    if not plain.is_global:
        assert not reachable(str(plain))


@drawn(few=200, many=20_000, number=st.integers(0, 2**128 - 1))
def test_nothing_that_is_not_global_is_reached(number: int) -> None:
    found = ipaddress.IPv6Address(number)
    if not found.is_global and found not in ipaddress.ip_network("64:ff9b::/96"):
        assert not reachable(str(found))


@pytest.mark.parametrize(
    ("said", "host", "port", "path"),
    [
        ("https://a.example", "a.example", 443, "/"),
        ("https://A.example:8443/x?y=1&z=%41", "a.example", 8443, "/x?y=1&z=%41"),
        ("https://a.example?y", "a.example", 443, "/?y"),
        ("http://fides_api:8080/api", "fides_api", 8080, "/api"),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443, "/"),
    ],
)
def test_an_address_has_one_reading(said: str, host: str, port: int, path: str) -> None:
    found = receiver(said)
    assert (found.host, found.port, found.path) == (host, port, path)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "a.example",
        "ftp://a.example",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://ann:secret@a.example/",
        "https://a.example@b.example/",
        "https://a.example/#x",
        "https://a.example/ x",
        "https://a.example/x\r\nHost: b.example",
        "https://a.example\\@b.example",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:/x",
        "https://a.example./",
        "https://ex\u00e4mple.com/",
        "https://\u24d0.example/",
        "https://a.example/" + "x" * 500,
        " https://a.example/",
        "https://a.example/\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_no_address_and_is_not_repeated(said: str) -> None:
    with pytest.raises(WrongUse) as caught:
        receiver(said)
    assert "a.example" not in str(caught.value)
    assert "secret" not in str(caught.value)


def permitted(said: str, **rules: tuple[str, ...]) -> bool:
    try:
        Rules(**rules).require_permitted(receiver(said))
    except WrongUse:
        return False
    return True


def test_only_https_to_hosts_that_are_permitted_unless_the_operator_named_host_and_port() -> None:
    assert permitted("https://a.example/x")
    assert not permitted("http://a.example/x")
    assert not permitted("https://127.0.0.1/x")
    assert not permitted("https://[::1]/x")
    assert permitted("https://a.example/x", hosts=("a.example",))
    assert not permitted("https://b.a.example/x", hosts=("a.example",))
    named = {"internal": ("localhost:8080", "[::1]:80")}
    assert permitted("http://localhost:8080/x", **named)
    assert permitted("http://[::1]/x", **named)
    assert not permitted("http://localhost:8081/x", **named)
    assert permitted("http://localhost:8080/x", hosts=("a.example",), **named)


# --- telling --------------------------------------------------------------------------------------------------------

ASKED = example(CallbackAsked, callback="callback-1")


def happened(*facts: Fact, at: datetime = NOON) -> Callback:
    known: dict[str, Callback] = {}
    follow(known, [Event(number, at, "request-1", fact, {}, "", "") for number, fact in enumerate((ASKED, *facts), 1)])
    return known["callback-1"]


def told(state: str) -> CallbackTold:
    return CallbackTold(callback="callback-1", state=state)


def test_a_state_is_told_once_and_again_when_it_comes_back() -> None:
    new, once, twice = happened(), happened(told("planned")), happened(told("planned"), told("failed"))
    assert new.due("planned", NOON)
    assert not once.due("planned", NOON)
    assert once.due("failed", NOON)
    assert twice.due("planned", NOON)
    names = [new.delivery("planned"), new.delivery("failed"), once.delivery("failed"), twice.delivery("planned")]
    assert len(set(names)) == 4
    assert happened().delivery("planned") == new.delivery("planned")


@pytest.mark.parametrize("state", sorted(LAST))
def test_after_the_last_state_nothing_is_told(state: str) -> None:
    assert happened(told(state)).ended
    assert not any(happened(told(state)).due(other, NOON) for other in (*ACTIVE, *LAST))


def test_the_states_after_which_a_request_goes_on_are_not_the_last() -> None:
    assert LAST.isdisjoint(ACTIVE | {"pending", "in_progress"})
    assert RESUMED in LAST


@drawn(few=20, many=500, shares=st.lists(st.floats(0, 1), min_size=40, max_size=40))
def test_waits_grow_and_end_and_every_try_keeps_the_id(shares: list[float]) -> None:
    one, now, waits, id_ = happened(), NOON, [], happened().delivery("completed")
    known = {one.name: one}
    for number, share in enumerate(shares, 2):
        fact = known[one.name].after("completed", "it answered 500", now=now, share=share)
        assert known[one.name].delivery("completed") == id_
        follow(known, [Event(number, now, "request-1", fact, {}, "", "")])
        if fact.again is None:
            break
        assert not known[one.name].due("completed", fact.again - timedelta(seconds=1))
        assert known[one.name].due("completed", fact.again)
        waits.append(fact.again - now)
        now = fact.again
    assert known[one.name].gave_up
    assert known[one.name].ended
    assert known[one.name].delivery("completed") != id_
    assert PATIENCE <= now - NOON <= PATIENCE + timedelta(hours=12)
    assert timedelta(seconds=5) <= waits[0] <= timedelta(seconds=10)
    assert len(waits) < 40
    assert all(wait <= timedelta(hours=12) for wait in waits)


def test_another_state_is_tried_at_once_with_a_patience_of_its_own() -> None:
    failed = CallbackFailed(callback="callback-1", state="planned", why="OSError", again=NOON + timedelta(hours=12))
    one = happened(failed)
    assert not one.due("planned", NOON)
    assert one.due("completed", NOON)
    again = one.after("completed", "OSError", now=NOON + 2 * PATIENCE, share=1).again
    assert again is not None
    assert again <= NOON + 2 * PATIENCE + timedelta(seconds=10)
    given_up = happened(CallbackFailed(callback="callback-1", state="planned", why="OSError", again=None))
    assert given_up.gave_up
    assert not given_up.ended
    assert given_up.due("completed", NOON)
