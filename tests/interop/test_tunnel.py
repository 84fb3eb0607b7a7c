"""Phase 5 with openconnect: what CONNECT gives, and packets inside the tunnel."""
import ipaddress
import signal

import pytest

from harness import netns
from harness.traffic import Pings, ping
from harness.wait import until

INSIDE = {"v4": netns.BEHIND4, "v6": netns.BEHIND6}
OUTSIDE = {"v4": f"https://{netns.GATEWAY4}", "v6": f"https://[{netns.GATEWAY6}]"}


@pytest.mark.core
@pytest.mark.parametrize("channel", ["tls", "dtls"])
@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize("inside", INSIDE)
def test_packets_of_each_family_over_each_family(start_gateway, connect, inside, outside, channel):
    """F5.4, F6.3"""
    c = connect(start_gateway(), url=OUTSIDE[outside], options=["--no-dtls"] if channel == "tls" else [])
    if channel == "dtls":
        c.wait_dtls()
    before = c.host.counted()
    assert ping(c.host, INSIDE[inside], count=10, size=1000) == 0
    grown = {key: value - before[key] for key, value in c.host.counted().items()}
    carrier, other = ("tcp", "udp") if channel == "tls" else ("udp", "tcp")
    assert grown[f"{carrier}_out"] > 10_000 and grown[f"{carrier}_in"] > 10_000
    assert grown[f"{other}_out"] < 1000


def test_a_host_behind_the_gateway_reaches_the_client(start_gateway, connect):
    c = connect(start_gateway())
    assert ping(c.gateway.world.behind, c.address4) == 0
    assert ping(c.gateway.world.behind, c.address6) == 0


def test_addresses_are_from_the_pools(start_gateway, connect):
    """F5.2"""
    c = connect(start_gateway())
    assert ipaddress.ip_address(c.address4) in ipaddress.ip_network(netns.POOL4)
    assert ipaddress.ip_address(c.address6) in ipaddress.ip_network(netns.POOL6)
    assert c.told_now["INTERNAL_IP4_NETMASK"] == "255.255.0.0"


def test_a_client_that_wants_no_ipv6_gets_none(start_gateway, connect):
    c = connect(start_gateway(), options=["--disable-ipv6"])
    assert c.address4 and c.address6 is None
    assert ping(c.host, netns.BEHIND4) == 0


def test_a_gateway_without_ipv6_gives_none(start_gateway, connect):
    c = connect(start_gateway(ipv6_network=None))
    assert c.address4 and c.address6 is None


def test_routes_excludes_and_names_reach_the_client(start_gateway, connect):
    """F5.2: each list, in full."""
    c = connect(start_gateway(
        route=["203.0.113.0/24", "10.77.0.0/255.255.0.0", "2001:db8:b000::/64"],
        no_route=["10.77.5.0/24"],
        dns=["203.0.113.53", "2001:db8:b000::53"],
        nbns="203.0.113.54",
        split_dns=["corp.example", "lab.example"],
        default_domain="corp.example",
        banner="Mind the gap",
    ))
    told = c.told_now
    includes = {(told[f"CISCO_SPLIT_INC_{i}_ADDR"], told[f"CISCO_SPLIT_INC_{i}_MASKLEN"]) for i in range(2)}
    assert includes == {("203.0.113.0", "24"), ("10.77.0.0", "16")} and told["CISCO_SPLIT_INC"] == "2"
    assert (told["CISCO_SPLIT_EXC_0_ADDR"], told["CISCO_SPLIT_EXC_0_MASKLEN"]) == ("10.77.5.0", "24")
    assert (told["CISCO_IPV6_SPLIT_INC_0_ADDR"], told["CISCO_IPV6_SPLIT_INC_0_MASKLEN"]) == ("2001:db8:b000::", "64")
    assert set(told["INTERNAL_IP4_DNS"].split()) == {"203.0.113.53", "2001:db8:b000::53"}
    assert told["INTERNAL_IP4_NBNS"] == "203.0.113.54"
    assert set(told["CISCO_SPLIT_DNS"].split(",")) == {"corp.example", "lab.example"}
    assert told["CISCO_DEF_DOMAIN"] == "corp.example"


def test_without_routes_everything_goes_into_the_tunnel(start_gateway, connect):
    c = connect(start_gateway(route=None))
    assert "CISCO_SPLIT_INC" not in c.told_now
    assert f"dev {c.tun}" in c.host.run("ip", "-4", "route", "show", "default")
    assert ping(c.host, netns.BEHIND4) == 0


def test_timers_reach_the_client(start_gateway, connect):
    c = connect(start_gateway(dpd=45, keepalive=77, idle_timeout=1200, session_timeout=7200))
    h = c.header
    assert (h["X-CSTP-DPD"], h["X-CSTP-Keepalive"], h["X-DTLS-DPD"], h["X-DTLS-Keepalive"]) == ("45", "77", "45", "77")
    assert h["X-CSTP-Idle-Timeout"] == "1200"
    assert 7190 <= int(h["X-CSTP-Session-Timeout"]) <= 7200


@pytest.mark.varcod_only("a default of ours, 2-tunnel.md 13 and 15")
def test_default_timers(start_gateway, connect):
    h = connect(start_gateway(dpd=None, keepalive=None, cookie_timeout=250)).header
    assert (h["X-CSTP-DPD"], h["X-CSTP-Keepalive"], h["X-CSTP-Disconnected-Timeout"]) == ("30", "20", "250")
    assert h["X-CSTP-Rekey-Method"] == "ssl" and h["X-CSTP-Rekey-Time"] == "31536000"


@pytest.mark.varcod_only("ocserv has no exact value for TLS alone")
@pytest.mark.parametrize("version, mtu", [("1.2", 1411), ("1.3", 1418)])
def test_mtu_over_tls_is_exact(start_gateway, connect, version, mtu):
    """2-tunnel.md 4: link 1500, IPv4, TCP timestamps."""
    c = connect(start_gateway(), options=["--no-dtls", f"--gnutls-priority=NORMAL:-VERS-TLS-ALL:+VERS-TLS{version}"])
    assert c.header["X-CSTP-MTU"] == str(mtu) and c.header["X-CSTP-Base-MTU"] == "1500"


@pytest.mark.core
def test_mtu_over_dtls_is_exact(start_gateway, connect):
    """2-tunnel.md 4: 1434 of 1500 over IPv4 with AES-GCM; openconnect's probes of it are answered."""
    c = connect(start_gateway())
    c.wait_dtls()
    assert c.mtu == 1434
    assert ping(c.host, netns.BEHIND4, size=1434 - 28, df=True) == 0
    assert ping(c.host, netns.BEHIND6, size=1434 - 48, df=True) == 0


def test_mtu_of_the_configuration_is_kept(start_gateway, connect):
    """`mtu` is the link's."""
    c = connect(start_gateway(mtu=1300))
    c.wait_dtls()
    assert c.mtu == 1300 - 66
    assert ping(c.host, netns.BEHIND4, size=c.mtu - 28, df=True) == 0


@pytest.mark.varcod_only("ocserv does not check the source")
@pytest.mark.parametrize("target, foreign", [(netns.BEHIND4, "10.20.99.99"), (netns.BEHIND6, "fd20::9999")])
def test_a_foreign_source_inside_is_dropped(start_gateway, connect, target, foreign):
    """threats.md: the inner source is the lease."""
    g = start_gateway()
    c = connect(g)
    c.host.run("ip", "addr", "add", foreign, "dev", c.tun, *(["nodad"] if ":" in foreign else []))
    own = c.address6 if ":" in foreign else c.address4
    assert ping(c.host, target, source=own) == 0
    assert ping(c.host, target, source=foreign, count=3, deadline=2) == 3
    g.wait_event("cstp.packet-dropped", cause="inner-source")
    assert ping(c.host, target, source=own) == 0


@pytest.mark.core
@pytest.mark.limit(120)
def test_eight_sessions_at_once(start_gateway, connect, users, tmp_path):
    """Each has its own addresses, its own counters, and loses nothing beside the others."""
    for n in range(1, 9):
        users.set(f"user{n}", f"password{n}")
    g = start_gateway()
    clients = [connect(g, host=n, user=f"user{n}", password=f"password{n}", up=False,
                       options=["--no-dtls"] if n % 2 else []) for n in range(1, 9)]
    for c in clients:
        c.wait_up(40)
    assert len({c.address4 for c in clients}) == 8 and len({c.address6 for c in clients}) == 8
    pings = [Pings(c.host, target, tmp_path) for c in clients for target in INSIDE.values()]
    try:
        until(lambda: all(p.replies() >= 40 for p in pings), "40 replies to each of 16 pings")
    finally:
        lost = [p.stop() for p in pings]
    assert lost == [0] * 16
    shown = {u["Username"]: u["IPv4"] for u in g.show("users")}
    assert shown == {f"user{n}": c.address4 for n, c in enumerate(clients, 1)}


def test_two_clients_reach_each_other(start_gateway, connect, users):
    users.set("bob", "builder")
    g = start_gateway(route=[netns.POOL4, netns.POOL6])
    a, b = connect(g, host=1), connect(g, host=2, user="bob", password="builder")
    assert ping(a.host, b.address4) == 0
    assert ping(b.host, a.address6) == 0


def test_logout_ends_the_session_and_frees_its_address(start_gateway, connect):
    """F7.3"""
    g = start_gateway()
    c = connect(g)
    assert c.logout() == 0
    until(lambda: g.show("users") == [], "the session is gone")
    assert c.calls("disconnect")
    if g.flavour == "varcod":
        assert g.wait_event("cstp.session-ended", cause="logout")


@pytest.mark.core
@pytest.mark.varcod_only("ocserv forgets its sessions when it stops")
def test_a_session_outlives_a_restart_of_the_gateway(start_gateway, connect):
    """F7.2: the client is told nothing but that the connection is gone; afterwards its cookie gives the same addresses."""
    g = start_gateway()
    c = connect(g)
    had = c.addresses
    assert g.stop() == 0
    g.start()
    c.signal(signal.SIGUSR2)
    c.wait_told("reconnect")
    assert c.addresses == had
    assert ping(c.host, netns.BEHIND4) == 0
