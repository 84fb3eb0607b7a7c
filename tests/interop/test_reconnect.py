"""Connections that break and come back: the token, the addresses, takeover, the ends of a session."""
import signal

import pytest

from harness import netns
from harness.traffic import ping
from harness.wait import until


@pytest.mark.core
@pytest.mark.parametrize("options", [["--no-dtls"], []], ids=["tls", "dtls"])
def test_sigusr2_reconnects_with_the_same_addresses(start_gateway, connect, options):
    """F7.2"""
    c = connect(start_gateway(), options=options)
    had, at = c.addresses, c.log.size()
    c.signal(signal.SIGUSR2)
    c.wait_told("reconnect")
    assert c.addresses == had
    assert ping(c.host, netns.BEHIND4, count=10) == 0
    if not options:
        c.wait_dtls(since=at)
        assert ping(c.host, netns.BEHIND6, count=10) == 0


def test_many_reconnects_leave_one_session(start_gateway, connect):
    g = start_gateway()
    c = connect(g)
    had = c.addresses
    for n in range(1, 6):
        c.signal(signal.SIGUSR2)
        c.wait_told("reconnect", n)
    assert c.addresses == had
    until(lambda: len(g.show("users")) == 1, "one session")
    assert ping(c.host, netns.BEHIND4) == 0


@pytest.mark.core
def test_kill_9_and_return_by_cookie(start_gateway, connect, authenticate):
    """F7.2: the client is gone without a word; its token gives the same addresses."""
    g = start_gateway()
    printed = authenticate(g)
    first = connect(g, cookie=printed["COOKIE"])
    had = first.addresses
    first.kill()
    second = connect(g, cookie=printed["COOKIE"])
    assert second.addresses == had
    assert ping(second.host, netns.BEHIND4) == 0
    until(lambda: len(g.show("users")) == 1, "one session")


def test_sighup_leaves_the_cookie_good(start_gateway, connect, authenticate):
    g = start_gateway()
    printed = authenticate(g)
    first = connect(g, cookie=printed["COOKIE"])
    had = first.addresses
    assert first.leave() == 0
    assert connect(g, cookie=printed["COOKIE"]).addresses == had


@pytest.mark.core
def test_logout_kills_the_cookie(start_gateway, connect, authenticate):
    """F7.3, F5.5"""
    g = start_gateway()
    printed = authenticate(g)
    first = connect(g, cookie=printed["COOKIE"])
    assert ping(first.host, netns.BEHIND4) == 0  # ocserv may miss the logout of a session that has just begun
    assert first.logout() == 0
    until(lambda: g.show("users") == [], "the session is gone")
    assert connect(g, up=False, cookie=printed["COOKIE"]).wait_exit() == 2
    if g.flavour == "varcod":
        assert g.wait_event("cstp.refused")["cause"] == "cookie-unknown"


@pytest.mark.parametrize("second_host", [1, 2], ids=["same address", "another address"])
def test_takeover(start_gateway, connect, authenticate, second_host):
    """F7.2: one token connects twice; the newer one wins, with the same addresses."""
    g = start_gateway()
    printed = authenticate(g)
    first = connect(g, cookie=printed["COOKIE"])
    first.signal(signal.SIGSTOP)  # else it would see that it was cut, come back, and take over in its turn
    second = connect(g, host=second_host, cookie=printed["COOKIE"], tun="tun9")
    assert second.addresses == first.addresses
    first.kill()
    assert ping(second.host, netns.BEHIND4, count=10) == 0
    until(lambda: len(g.show("users")) == 1, "one session")


def test_a_reset_connection_is_taken_up_again(start_gateway, connect):
    c = connect(start_gateway(), options=["--no-dtls"])
    had = c.addresses
    c.gateway.namespace.run("ss", "-K", "state", "established", "sport", "=", ":443")
    c.wait_told("reconnect")
    assert c.addresses == had
    assert ping(c.host, netns.BEHIND4) == 0


def test_two_sessions_of_one_user_have_different_addresses(start_gateway, connect):
    g = start_gateway()
    a, b = connect(g, host=1), connect(g, host=2)
    assert a.address4 != b.address4 and a.address6 != b.address6
    assert ping(a.host, netns.BEHIND4) == 0 and ping(b.host, netns.BEHIND4) == 0


def test_max_same_clients_refuses_the_next(start_gateway, connect):
    g = start_gateway(max_same_clients=1)
    connect(g, host=1)
    second = connect(g, host=2, up=False)
    assert second.wait_exit() != 0
    assert len(g.show("users")) == 1


@pytest.mark.varcod_only("ocserv waits 15 s longer and tells nobody")
@pytest.mark.limit(90)
def test_an_unused_cookie_expires(start_gateway, connect, authenticate):
    """F5.5: cookie-timeout after the connection ended."""
    g = start_gateway(cookie_timeout=2)
    printed = authenticate(g)
    connect(g, cookie=printed["COOKIE"]).kill()
    g.wait_event("cstp.session-ended", 60, cause="cookie-expired")
    assert connect(g, up=False, cookie=printed["COOKIE"]).wait_exit() == 2


@pytest.mark.limit(90)
def test_session_timeout_ends_both_ends(start_gateway, connect, authenticate):
    """F7.3: counted from login, whatever happens in between; the token dies with it."""
    g = start_gateway(session_timeout=6, dpd=5)
    printed = authenticate(g)
    c = connect(g, cookie=printed["COOKIE"])
    c.wait_exit(60)
    assert g.show("users") == []
    if g.flavour == "varcod":  # Debian's ocserv lets the token in again and starts the time anew
        assert connect(g, up=False, cookie=printed["COOKIE"]).wait_exit() == 2


@pytest.mark.limit(90)
def test_idle_timeout_ends_the_session(start_gateway, connect):
    """F7.3: keepalives and dead peer detection are not use."""
    g = start_gateway(idle_timeout=4, dpd=5, keepalive=20)
    c = connect(g)
    c.wait_exit(60)
    until(lambda: g.show("users") == [], "the session is gone")


@pytest.mark.limit(90)
def test_a_dead_client_is_noticed_and_its_session_kept(start_gateway, connect, authenticate):
    """F7.1: nothing comes from it any more, not even FIN."""
    g = start_gateway(dpd=5)
    printed = authenticate(g)
    first = connect(g, cookie=printed["COOKIE"])
    had = first.addresses
    first.host.block_all()
    first.kill()
    if g.flavour == "varcod":
        assert g.wait_event("cstp.down", 45)["cause"] == "cstp-dead-peer"
    first.host.allow()
    assert connect(g, cookie=printed["COOKIE"]).addresses == had
