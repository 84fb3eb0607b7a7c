"""Packets travel in trains, and none is lost or out of its place on the way from a portal to a tunnel process. The client
is our own (tests/lib/wireclient.c): its data path is the gateway's, so both ends send and take trains."""
import socket
import threading

import pytest

from harness import netns
from harness.traffic import Transfer, ping
from harness.wait import until
from harness.wire import Wire

CHANNELS = {
    "tls12": ["--dtls", "none", "--tls", "1.2"],
    "tls13": ["--dtls", "none", "--tls", "1.3"],
    "dtls-psk": ["--dtls", "psk"],
    "dtls-resumed": ["--dtls", "resume"],
}
MB = 1_000_000
INSIDE = "10.20.0.1"  # the gateway's own address in the tunnel

# Counters of packets, and of the calls that moved them.
IN = {"udp": ("udp_in", "udp_receives"), "tcp": ("tcp_in", "tcp_receives")}
OUT = {"udp": ("udp_out", "udp_sends"), "tcp": ("tcp_out", "tcp_sends")}
TO_TUN, FROM_TUN = ("tun_out", "tun_writes"), ("tun_in", "tun_reads")

pytestmark = pytest.mark.varcod_only("ocserv has no such counters, and takes no packet before its answer to CONNECT")


@pytest.fixture
def wireclient(world, tmp_path, keep, start_gateway):
    """wireclient(gateway, command, *options, host=1, **options of Wire)"""
    started = []

    def start(g, command, *options, host=1, **kw):
        w = Wire(world.client(host), tmp_path / f"wire{len(started) + 1}", g, command, *options, **kw)
        started.append(w)
        keep(f"wireclient on host {host}", w.tail)
        return w

    yield start
    for w in started:
        w.kill()
    assert not any("Sanitizer" in w.errors.text() or "runtime error" in w.errors.text() for w in started)


def carrier(channel):
    return "udp" if channel.startswith("dtls") else "tcp"


def start(gateway, wireclient, channel):
    return wireclient(gateway, "connect", *CHANNELS[channel]).wait_up(dtls=carrier(channel) == "udp")


def counters(c):
    """Of both ends."""
    return {"gateway": c.gateway.show("status")["Varco"], "client": c.counters()}


def per_call(before, after, end, pair):
    packets, calls = (after[end][key] - before[end][key] for key in pair)
    assert calls > 0, f"{end}: no {pair[1]}"
    return packets / calls


@pytest.mark.core
@pytest.mark.limit(120)
@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_bulk_transfer_moves_many_packets_a_call(start_gateway, wireclient, channel, way):
    tunnel = start(start_gateway(), wireclient, channel)
    behind, kind = tunnel.gateway.world.behind, carrier(channel)
    before = counters(tunnel)
    if way == "up":
        assert Transfer(tunnel.host, behind, netns.BEHIND4, 50 * MB).intact
    else:
        assert Transfer(behind, tunnel.host, tunnel.address4, 50 * MB).intact
    after = counters(tunnel)
    sender, taker = ("client", "gateway") if way == "up" else ("gateway", "client")
    seen = {
        f"{sender}: packets per read of the TUN": per_call(before, after, sender, FROM_TUN),
        f"{sender}: packets per send": per_call(before, after, sender, OUT[kind]),
        f"{taker}: packets per receive": per_call(before, after, taker, IN[kind]),
        f"{taker}: packets per write to the TUN": per_call(before, after, taker, TO_TUN),
    }
    assert all(n > 8 for n in seen.values()), seen


@pytest.fixture
def quiet(world):
    """New devices say nothing by themselves: without IPv6 there are no neighbours to look for and no groups to join."""
    hosts = [world.gateway, world.client(1)]
    for value in (1, 0):
        for host in hosts:
            with host.inside():
                netns.sysctl("ipv6/conf/default/disable_ipv6", value)
        if value:
            yield


@pytest.mark.core
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_lone_ping_is_one_packet_a_call(quiet, start_gateway, wireclient, channel):
    tunnel = start(start_gateway(ipv6_network=None, route=netns.BEHIND_NET4), wireclient, channel)
    kind = carrier(channel)
    assert ping(tunnel.host, netns.BEHIND4) == 0
    before = counters(tunnel)
    assert ping(tunnel.host, netns.BEHIND4, count=1) == 0
    after = counters(tunnel)
    for end in ("gateway", "client"):
        for pair in (IN[kind], OUT[kind], TO_TUN, FROM_TUN):
            assert per_call(before, after, end, pair) == 1, (end, pair)


def test_wireclient_logs_off(start_gateway, wireclient):
    """Its SIGTERM is a log-off: the session and its token are gone."""
    g = start_gateway()
    c = wireclient(g, "connect").wait_up(dtls=True)
    token = c.events("logged-in")[0]["token"]
    assert c.logout() == 0
    until(lambda: g.show("users") == [], "the session is gone")
    again = wireclient(g, "connect", cookie=token)
    assert again.wait_exit() == 1 and "401" in again.events("failed")[0]["detail"]


@pytest.mark.parametrize("mode", ["psk", "resume"])
def test_a_last_flight_that_is_lost_is_sent_again(start_gateway, wireclient, mode):
    """2-tunnel.md 9.7: the client's in resumption, the gateway's with PSK; what it answers is repeated until then."""
    g = start_gateway()
    c = wireclient(g, "connect", "--dtls", mode, "--lose-last").wait_up(dtls=True)
    g.wait_event("dtls.up")
    assert ping(c.host, netns.BEHIND4, count=20) == 0
    counted = counters(c)
    assert counted["client"]["udp_in"] >= 20 and counted["gateway"]["udp_in"] >= 20


@pytest.mark.limit(120)
def test_many_sessions_in_one_client(start_gateway, wireclient):
    """The load of the bench: each session holds both channels, and none loses a packet."""
    g = start_gateway(max_same_clients=0)
    c = wireclient(g, "load", "--count", "50", "--inside", INSIDE)
    up = c.wait_event("up", 60)
    assert (up["count"], up["dtls"]) == (50, 50)
    assert c.ask("ping all 5", "ping")["lost"] == 0
    addresses = {s["address4"] for s in c.ask("status", "status")["sessions"]}
    assert len(addresses) == 50
    c.process.stdin.close()
    assert c.wait_exit() == 0
    until(lambda: g.show("users") == [], "all have logged off")


@pytest.mark.core
@pytest.mark.parametrize("mode", ["psk", "resume"])
def test_what_the_way_does_not_take_goes_over_tls(start_gateway, wireclient, mode):
    """2-tunnel.md 11: the way to the client has a smaller MTU than was agreed. Not even the first packets are lost."""
    g = start_gateway()
    c = wireclient(g, "connect", "--dtls", mode).wait_up(dtls=True)
    assert ping(c.host, netns.BEHIND4) == 0  # data is on DTLS, in both directions
    before = counters(c)
    with c.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as there, \
            g.world.behind.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        there.settimeout(5)
        there.bind((c.address4, 0))
        here.connect(there.getsockname())
        g.namespace.run("ip", "link", "set", "wan", "mtu", "1300")
        try:
            for burst in range(5):  # short ones: a TUN's queue is, too
                for i in range(12):
                    here.send(bytes([burst, i]) * 680)
                assert sorted(there.recv(2048)[1] for _ in range(12)) == list(range(12)), burst
            here.send(b"small")
            assert there.recv(2048) == b"small"
        finally:
            g.namespace.run("ip", "link", "set", "wan", "mtu", "1500")
    after = counters(c)
    moved = {key: after["client"][key] - before["client"][key] for key in ("tcp_in", "udp_in")}
    assert moved["tcp_in"] >= 60 and moved["udp_in"] >= 1, moved
    assert after["gateway"]["dropped_kernel"] == before["gateway"]["dropped_kernel"]


@pytest.fixture
def resets(world):
    """resets(): how many TCP resets have come to client host 1 from the gateway."""
    host = world.client(1)
    host.nft("""table inet resets {
        counter from_gateway { }
        chain in {
            type filter hook input priority 0;
            iifname "wan" tcp sport 443 tcp flags rst counter name from_gateway
        }
    }""")
    yield lambda: int(host.run("nft", "list", "counters", "table", "inet", "resets").split("packets ")[1].split()[0])
    host.nft("delete table inet resets")


@pytest.mark.core
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_who_sends_in_bulk_is_told_that_the_gateway_stops(start_gateway, wireclient, resets, tls):
    """What is on its way to a socket that is closed is answered with a reset, and last words are lost with it."""
    g = start_gateway()
    c = wireclient(g, "connect", "--dtls", "none", "--tls", tls).wait_up()
    before = c.counters()["tcp_out"]
    over = threading.Event()

    def send_all_the_time():
        with c.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((netns.BEHIND4, 9))
            while not over.is_set():
                try:
                    sock.send(bytes(1200))
                except OSError:  # nobody listens there; later the device is gone
                    continue

    sender = threading.Thread(target=send_all_the_time, daemon=True)
    sender.start()
    try:
        until(lambda: c.counters()["tcp_out"] > before + 2000, "the upload is under way")
        assert g.stop() == 0
        told = c.wait_event("ended")
    finally:
        over.set()
        sender.join()
    assert (told["cause"], told["text"]) == ("cstp-peer-closed", "close_notify")
    assert c.wait_exit() == 1
    assert resets() == 0


class Receiver(threading.Thread):
    """Datagrams that come to the gateway host's own address inside: (split, place), in order."""

    def __init__(self, namespace):
        super().__init__(daemon=True)
        self._socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("0.0.0.0", 0))
        self.port = self._socket.getsockname()[1]
        self.came = {}
        self.start()

    def run(self):
        while True:
            data = self._socket.recv(64)
            self.came.setdefault(int.from_bytes(data[:2], "big"), []).append(data[2])


@pytest.mark.core
@pytest.mark.limit(300)
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_packets_behind_connect_survive_the_hand_over(start_gateway, wireclient, tls):
    """CONNECT and 20 records in one segment, and again in two segments, cut at every byte."""
    g = start_gateway(certificate="ecdsa")
    login = wireclient(g, "login")
    token = login.wait_event("logged-in")["token"]
    receiver = Receiver(g.namespace)
    c = wireclient(g, "handover", "--inside", INSIDE, "--port", str(receiver.port), "--tls", tls, cookie=token)
    done = c.wait_event("done", 280)
    assert done["ok"], c.tail()
    assert done["splits"] == done["bytes"] - 1
    wanted = {split: list(range(20)) for split in range(done["bytes"])}
    until(lambda: receiver.came == wanted or None, "all packets of every burst, in order", 5)
