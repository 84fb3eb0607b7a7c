"""What else is on the host of a gateway: another gateway's ports and pools, networks of its interfaces."""
import socket

import pytest

from harness import netns
from harness.gateway import BESIDE
from harness.traffic import ping

pytestmark = pytest.mark.varcod_only("promises of ours")


def refused(g, key):
    """Does not start, and says so at the line of this key. Returns what it printed."""
    line = next(n for n, text in enumerate(g.config.read_text().splitlines(), 1) if text.startswith(f"{key} ="))
    code, told = g.try_to_start()
    assert code == 1 and f"{g.config.name}:{line}: {key}: " in told, told
    return told


@pytest.mark.core
@pytest.mark.parametrize("first, second", [
    (None, None), (None, netns.GATEWAY4), (netns.GATEWAY4, None), (netns.GATEWAY4, netns.GATEWAY4),
    (netns.GATEWAY6, None), (netns.GATEWAY6, netns.GATEWAY6), ("0.0.0.0", netns.GATEWAY4), ("0.0.0.0", None),
])
def test_a_udp_port_has_one_gateway(start_gateway, first, second):
    """Else the kernel gives each a part of the other's datagrams."""
    start_gateway(udp_listen_host=first)
    told = refused(start_gateway(start=False, **BESIDE | {"udp_port": 443, "udp_listen_host": second}), "udp-port")
    assert "cannot open UDP" in told and "Address already in use" in told


def test_a_tcp_port_has_one_gateway(start_gateway):
    start_gateway()
    told = refused(start_gateway(start=False, **BESIDE | {"tcp_port": 443}), "tcp-port")
    assert "cannot listen on TCP" in told and "Address already in use" in told


@pytest.mark.parametrize("of_first, of_second", [
    (netns.GATEWAY4, netns.GATEWAY6), (netns.GATEWAY4, "203.0.113.1"), ("0.0.0.0", netns.GATEWAY6),
])
def test_gateways_at_different_addresses_share_a_udp_port(start_gateway, of_first, of_second):
    start_gateway(udp_listen_host=of_first)
    start_gateway(**BESIDE | {"udp_port": 443, "udp_listen_host": of_second})


def test_nobody_joins_the_udp_sockets_of_a_gateway(start_gateway):
    """SO_REUSEADDR is free for any user of the host."""
    g = start_gateway(udp_port=4433)
    with g.namespace.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="Address already in use"):
            s.bind(("::", 4433))


@pytest.fixture
def office(world):
    """office(*addresses): a further network of the gateway's host; returns the interface."""
    def add(*addresses):
        world.gateway.run("ip", "link", "add", "office", "type", "veth", "peer", "name", "office-far")
        for a in addresses:
            world.gateway.run("ip", "addr", "add", a, "dev", "office")
        world.gateway.run("ip", "link", "set", "office", "up")
        return "office"

    yield add
    world.gateway.run("ip", "link", "del", "office", check=False)


@pytest.mark.core
@pytest.mark.parametrize("key, pool, network", [
    ("ipv4-network", netns.POOL4, netns.POOL4),
    ("ipv4-network", "10.20.128.0/17", netns.POOL4),  # without the first's own address
    ("ipv4-network", "10.0.0.0/8", netns.POOL4),
    ("ipv6-network", netns.POOL6, netns.POOL6),
    ("ipv6-network", "fd20::/48", netns.POOL6),
])
def test_a_pool_of_another_gateway_is_refused(start_gateway, connect, key, pool, network):
    g = start_gateway()
    c = connect(g)
    told = refused(start_gateway(start=False, **BESIDE | {key.replace("-", "_"): pool}), key)
    assert f"vpns0 has {network}" in told and "overlaps one of this host's" in told
    assert ping(c.host, netns.BEHIND4) == ping(c.host, netns.BEHIND6) == 0
    assert "other0" not in g.namespace.links()


@pytest.mark.parametrize("key, pool, network", [
    ("ipv4-network", "192.168.7.0/24", "192.168.7.0/24"),
    ("ipv4-network", "192.168.7.0/28", "192.168.7.0/24"),  # the host's own address is in it
    ("ipv4-network", "192.168.0.0/16", "192.168.7.0/24"),
    ("ipv6-network", "fd77::/64", "fd77::/64"),
    ("ipv6-network", "fd77::/56", "fd77::/64"),
])
def test_a_pool_in_place_of_a_lan_is_refused(start_gateway, office, key, pool, network):
    office("192.168.7.1/24", "fd77::1/64")
    told = refused(start_gateway(start=False, **{key.replace("-", "_"): pool}), key)
    assert f"office has {network}" in told


def test_a_pool_inside_a_lan_is_served_and_told(start_gateway, office):
    """With proxy ARP, as ocserv's manual has it."""
    office("192.168.7.1/24", "fd77::1/64")
    g = start_gateway(ipv4_network="192.168.7.192/26", ipv6_network="fd77::1:0/112", ipv6_subnet_prefix=128)
    told = [e["detail"] for e in g.events("process.notice", cause="pool-inside")]
    assert len(told) == 2
    assert "ipv4-network: office has 192.168.7.0/24" in told[0] and "ipv6-network: office has fd77::/64" in told[1]


def test_a_pool_beside_the_networks_of_the_host_is_not_mentioned(start_gateway, office):
    office("192.168.7.1/25", "fd77::1/64")
    start_gateway()
    g = start_gateway(**BESIDE | {"ipv4_network": "192.168.7.128/25", "ipv6_network": "fd77:0:0:1::/64"})
    assert not [e for e in g.all_events() if e.get("cause") in ("pool-taken", "pool-inside")]


def test_an_interface_that_is_down_holds_no_pool(start_gateway, office, world):
    office("192.168.7.1/24")
    world.gateway.run("ip", "link", "set", "office", "down")
    start_gateway(ipv4_network="192.168.7.0/24")
