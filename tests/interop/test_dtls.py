"""Phase 6 with openconnect: the two handshakes, each suite, and the ways data takes when UDP comes and goes."""
import socket
from datetime import datetime

import pytest

from harness import netns
from harness.traffic import Transfer, ping
from harness.wait import until

# Names that openconnect can be told to offer alone, and what it then reports. 2-tunnel.md 8.1
OC_SUITES = {
    "OC-DTLS1_2-AES128-GCM": "(DTLS1.2)-(RSA)-(AES-128-GCM)",
    "OC-DTLS1_2-AES256-GCM": "(DTLS1.2)-(RSA)-(AES-256-GCM)",
}
OC2_SUITE = "OC2-DTLS1_2-CHACHA20-POLY1305"


def moved(client, move):
    """Which channel ("tcp" or "udp") carried most while `move` ran, up and down."""
    before = client.host.counted()
    move()
    grown = {key: value - before[key] for key, value in client.host.counted().items()}
    return tuple(max(("tcp", "udp"), key=lambda k: grown[f"{k}_{way}"]) for way in ("out", "in"))


def carried(client, payload=200_000):
    """Which channel carries a transfer up, and which its acknowledgements down."""
    def transfer():
        assert Transfer(client.host, client.gateway.world.behind, netns.BEHIND4, payload, both=True).intact
    return moved(client, transfer)


def pings_over_dtls(client, pings):
    """Waits until pings go over DTLS both ways. Beside a transfer some would be lost: a full queue drops what comes next."""
    until(lambda: moved(client, lambda: pings.wait_replies(10)) == ("udp", "udp"), "pings go over DTLS", 20)


def over_dtls(client):
    """Waits until both ends send over DTLS."""
    until(lambda: carried(client) == ("udp", "udp"), "both ways go over DTLS", 20)


@pytest.mark.core
def test_psk(start_gateway, connect):
    """F6.1, F6.2: what openconnect prefers."""
    c = connect(start_gateway())
    assert c.wait_dtls().startswith("(DTLS1.2)-(PSK)-")
    assert c.header["X-DTLS-CipherSuite"] == "PSK-NEGOTIATE" and "X-DTLS-App-ID" in c.header
    over_dtls(c)
    assert ping(c.host, netns.BEHIND4, count=20) == 0
    if c.gateway.flavour == "varcod":
        assert c.gateway.wait_event("dtls.up")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_psk_from_each_tls_version(start_gateway, connect, version):
    """2-tunnel.md 8.4: the exporter differs between them."""
    c = connect(start_gateway(), options=[f"--gnutls-priority=NORMAL:-VERS-TLS-ALL:+VERS-TLS{version}"])
    assert "(PSK)" in c.wait_dtls()
    over_dtls(c)


def udp_port_of(g, c):
    """The port that its DTLS comes from, once both ends send over it."""
    c.wait_dtls()
    over_dtls(c)
    return int(g.wait_event("dtls.up")["source"].rpartition(":")[2])


@pytest.mark.core
@pytest.mark.varcod_only("ocserv follows an address at once, and once in 3 s")
def test_a_nat_that_forgets_its_port(start_gateway, connect, pinging):
    """2-tunnel.md 10, threats.md: the path follows an answer to a question of ours, without another handshake."""
    g = start_gateway()
    c = connect(g)
    port = udp_port_of(g, c)
    with pinging(c, netns.BEHIND4) as pings:
        c.host.rebind_udp(port, 40001)
        assert g.wait_event("dtls.moved")["source"] == f"{c.host.address4}:40001"
        pings.wait_replies(20)
    over_dtls(c)
    assert len(g.events("dtls.hello")) == 1 and len(g.events("dtls.moved")) == 1


@pytest.mark.varcod_only("ocserv follows whoever sends the newest record")
def test_a_neighbour_that_copies_records(start_gateway, connect, pinging):
    """threats.md, on-path observer: another's UDP path is not to be had by copying, and nothing is lost."""
    g = start_gateway()
    c = connect(g)
    port = udp_port_of(g, c)
    with pinging(c, netns.BEHIND4) as pings:
        c.host.steal_udp(port, 40009, 3)
        pings.wait_replies(100)
    assert pings.stop() == 0
    over_dtls(c)
    assert not g.events("dtls.moved") and len(g.events("dtls.hello")) == 1


@pytest.mark.core
@pytest.mark.parametrize("suite", OC_SUITES)
def test_each_resumption_suite(start_gateway, connect, suite):
    """F6.1, F6.2: the abbreviated handshake from the client's master secret."""
    c = connect(start_gateway(), options=[f"--dtls-ciphers={suite}"])
    assert c.wait_dtls() == OC_SUITES[suite]
    assert c.header["X-DTLS-CipherSuite"] == suite and len(c.header["X-DTLS-Session-ID"]) == 64
    over_dtls(c)
    assert ping(c.host, netns.BEHIND4, count=20) == 0
    assert ping(c.host, netns.BEHIND6, count=20) == 0


@pytest.mark.varcod_only("openconnect offers it, only Varco selects it")
def test_chacha20_resumption(start_gateway, connect):
    """2-tunnel.md 8.2: selected where the client offers no GCM."""
    c = connect(start_gateway(), options=[f"--dtls-ciphers={OC2_SUITE}"])
    assert "CHACHA20-POLY1305" in c.wait_dtls()
    assert c.header["X-DTLS-CipherSuite"] == OC2_SUITE
    over_dtls(c)
    assert ping(c.host, netns.BEHIND4, count=20) == 0


def test_resumption_where_the_gateway_allows_no_psk(start_gateway, connect):
    """The client offers all it has; the gateway's choice decides."""
    c = connect(start_gateway(dtls_psk="false"))
    assert "(PSK)" not in c.wait_dtls()
    over_dtls(c)


@pytest.mark.varcod_only("ocserv takes dtls-legacy = false for the 0x0100 version only")
def test_psk_alone_where_legacy_is_off(start_gateway, connect):
    g = start_gateway(dtls_legacy="false")
    c = connect(g, options=["--dtls-ciphers=OC-DTLS1_2-AES256-GCM"])
    assert "X-DTLS-CipherSuite" not in c.header
    assert g.events("dtls.none")
    assert carried(c) == ("tcp", "tcp")


@pytest.mark.core
def test_no_dtls_stays_on_tls(start_gateway, connect):
    c = connect(start_gateway(), options=["--no-dtls"])
    assert "X-DTLS-CipherSuite" not in c.header
    assert carried(c) == ("tcp", "tcp")
    assert c.host.counted()["udp_out"] == 0


def test_gateway_without_udp_port_offers_no_dtls(start_gateway, connect):
    g = start_gateway(udp_port=None)
    c = connect(g)
    assert "X-DTLS-Port" not in c.header
    assert carried(c) == ("tcp", "tcp")
    if g.flavour == "varcod":
        assert any(e.get("cause") == "no-dtls" for e in g.all_events())


@pytest.mark.core
def test_udp_blocked_from_the_start(start_gateway, connect, world, pinging):
    """F6.4: TLS carries everything, nothing is lost."""
    world.client(1).block_udp()
    c = connect(start_gateway())
    assert carried(c) == ("tcp", "tcp")
    with pinging(c, netns.BEHIND4) as pings:
        pings.wait_replies(40)
    assert pings.stop() == 0


@pytest.mark.varcod_only("an event of ours")
@pytest.mark.limit(90)
def test_silent_udp_is_an_event(start_gateway, connect, world):
    """F6.4: 35 s after CONNECT the administrator is told."""
    world.client(1).block_udp()
    g = start_gateway()
    connect(g)
    assert g.wait_event("dtls.silent", 60)["cause"] == "dtls-silent"


@pytest.mark.long
@pytest.mark.limit(150)
def test_udp_blocked_from_the_start_and_free_later(start_gateway, connect, world, pinging):
    """F6.3: openconnect tries again a minute after its first try."""
    world.client(1).block_udp()
    c = connect(start_gateway())
    assert carried(c) == ("tcp", "tcp")
    with pinging(c, netns.BEHIND4) as pings:
        c.host.allow()
        c.wait_dtls(90)
        pings_over_dtls(c, pings)
        pings.wait_replies(50)
    assert pings.stop() == 0
    over_dtls(c)


@pytest.mark.core
@pytest.mark.limit(120)
def test_udp_blocked_in_mid_session_and_free_again(start_gateway, connect, pinging):
    """F6.3, F6.6: data falls back to TLS after dead peer detection; it comes back by itself, and by that loses nothing."""
    g = start_gateway(dpd=5)
    c = connect(g)
    c.wait_dtls()
    over_dtls(c)
    c.host.block_udp()
    until(lambda: ping(c.host, netns.BEHIND4, count=1, deadline=1) == 0, "packets flow over TLS", 45)
    assert carried(c) == ("tcp", "tcp")
    assert c.process.poll() is None
    if g.flavour == "varcod":
        assert g.wait_event("dtls.down")
    at = c.log.size()
    with pinging(c, netns.BEHIND4, interval=0.02) as pings:
        c.host.allow()
        c.wait_dtls(90, since=at)
        pings_over_dtls(c, pings)
        pings.wait_replies(50)
    assert pings.stop() == 0
    over_dtls(c)


def test_a_closed_udp_port_sends_data_back_to_tls(start_gateway, connect):
    """ICMP port unreachable: the client's port is gone, the gateway does not wait for dead peer detection."""
    g = start_gateway(dpd=5)
    c = connect(g)
    c.wait_dtls()
    over_dtls(c)
    c.host.refuse_udp()
    until(lambda: ping(c.host, netns.BEHIND4, count=1, deadline=1) == 0, "packets flow over TLS", 45)


def test_a_stray_datagram_changes_nothing(start_gateway, connect, world, pinging):
    """threats.md: a datagram from anywhere never disturbs a working channel, and draws no answer."""
    c = connect(start_gateway())
    c.wait_dtls()
    stranger = world.client(2)
    with pinging(c, netns.BEHIND4) as pings, stranger.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        for junk in (b"", b"\0", b"\x17\xfe\xfd" + bytes(40), bytes([22, 254, 255]) + bytes(300), b"\xff" * 1400):
            s.sendto(junk, (netns.GATEWAY4, 443))
        with pytest.raises(TimeoutError):
            s.recv(2048)
        pings.wait_replies(20)
    assert pings.stop() == 0


@pytest.mark.core
@pytest.mark.varcod_only("its events have the time")
def test_a_handshake_needs_no_repetition(start_gateway, connect):
    """Whichever of the tunnel processes the kernel gives the datagrams to, the one with the session gets each of them."""
    g = start_gateway()
    for host in range(1, 7):
        connect(g, host=host).wait_dtls()

    def at(event):
        return {e["session"]: datetime.fromisoformat(e["time"]) for e in g.events(event)}

    offered, up = at("dtls.offered"), at("dtls.up")
    took = sorted((up[session] - offered[session]).total_seconds() for session in up)
    assert len(took) == 6 and took[-1] < 0.9, took
