"""Packets of every size and transfers with checksums, over each channel."""
import pytest

from harness import netns
from harness.traffic import Transfer, datagram_sizes, ping

CHANNELS = {"tls12": ["--no-dtls", "--gnutls-priority=NORMAL:-VERS-TLS-ALL:+VERS-TLS1.2"], "tls13": ["--no-dtls"], "dtls": [],
            "dtls-resumed": ["--dtls-ciphers=OC-DTLS1_2-AES128-GCM"]}
FAMILIES = {"v4": netns.BEHIND4, "v6": netns.BEHIND6}
MB = 1_000_000


@pytest.fixture(params=CHANNELS)
def tunnel(request, start_gateway, connect):
    c = connect(start_gateway(), options=CHANNELS[request.param])
    if "dtls" in request.param:
        c.wait_dtls()
    return c


@pytest.mark.core
@pytest.mark.limit(180)
@pytest.mark.parametrize("channel", ["tls13", "dtls"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_100_mb_arrive_intact(start_gateway, connect, channel, way):
    c = connect(start_gateway(), options=CHANNELS[channel])
    if channel == "dtls":
        c.wait_dtls()
    behind = c.gateway.world.behind
    before = c.host.counted()
    if way == "up":
        transfer = Transfer(c.host, behind, netns.BEHIND4, 100 * MB)
    else:
        transfer = Transfer(behind, c.host, c.address4, 100 * MB)
    assert transfer.intact
    carrier = "udp" if channel == "dtls" else "tcp"
    direction = "out" if way == "up" else "in"
    assert c.host.counted()[f"{carrier}_{direction}"] - before[f"{carrier}_{direction}"] > 100 * MB


@pytest.mark.limit(180)
@pytest.mark.parametrize("family", FAMILIES)
def test_both_ways_at_once(tunnel, family):
    assert Transfer(tunnel.host, tunnel.gateway.world.behind, FAMILIES[family], 20 * MB, both=True).intact


@pytest.mark.parametrize("family", FAMILIES)
def test_packets_of_every_size(tunnel, family):
    """From empty datagrams to ones that fill the tunnel's MTU, and larger ones in fragments."""
    full = tunnel.mtu - (48 if family == "v6" else 28)
    sizes = [0, 1, 2, 7, 63, 64, 65, 500, 1000, 1200, full - 1, full, full + 1, 2000, 4000, 9000]
    assert datagram_sizes(tunnel.host, tunnel.gateway.world.behind, FAMILIES[family], sizes) == sizes


def test_a_flood_of_small_packets(tunnel):
    assert ping(tunnel.host, netns.BEHIND4, count=500, interval=0.002, size=16, deadline=20) == 0


@pytest.mark.limit(120)
def test_many_streams_at_once(tunnel):
    """Eight connections, each with its own checksum, side by side."""
    from concurrent.futures import ThreadPoolExecutor

    behind = tunnel.gateway.world.behind
    with ThreadPoolExecutor(8) as pool:
        done = pool.map(lambda _: Transfer(tunnel.host, behind, netns.BEHIND4, 4 * MB).intact, range(8))
        assert list(done) == [True] * 8


def test_a_packet_too_large_for_the_tunnel_is_answered(start_gateway, connect):
    """The sender behind the gateway is told the tunnel's MTU by ICMP, both families."""
    c = connect(start_gateway())
    c.wait_dtls()
    behind = c.gateway.world.behind
    for target, header in ((c.address4, 28), (c.address6, 48)):
        done = behind.run("ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", "-M", "do", "-s", str(1500 - header), target,
                          check=False)
        assert "+3 errors" in done and " 0 received" in done, done
        route = behind.run("ip", "route", "get", target)
        assert f" mtu {c.mtu} " in route + " ", route
        assert ping(behind, target, size=c.mtu - header, df=True) == 0
