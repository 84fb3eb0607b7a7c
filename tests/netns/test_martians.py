"""Where packets out of a tunnel may go (docs/threats.md, phase 5, packets): not to groups and the like, and not to the
tunnel's own ends; and no channel has a path that leads through a tunnel."""
import socket
import struct

import pytest

from harness import netns, raw
from harness.hostile import stage, stage_of_module  # noqa: F401 (fixtures)
from harness.raw import F_DATA, checksum, echo4, frame, hello_datagram, ipv4, next_frame, udp4

pytestmark = [pytest.mark.varcod_only("its rules and counters"), pytest.mark.core]

LAN4 = "203.0.113.1"  # the gateway's address on its other side
DTLS = "X-CSTP-Address-Type: IPv4\r\nX-DTLS-CipherSuite: OC-DTLS1_2-AES128-GCM\r\nX-DTLS-Master-Secret: " + "5a" * 48 + "\r\n"


@pytest.fixture
def tunnel(stage):
    """(connection, lease, DTLS id) of a tunnel of the stranger's."""
    with stage.session() as token:
        tls, answer = raw.tunnel(stage.host, token, headers=DTLS)
        with tls:
            yield tls, answer.header("X-CSTP-Address"), bytes.fromhex(answer.header("X-DTLS-Session-ID"))


def send(tls, *packets):
    """Into the tunnel."""
    tls.wire.send(b"".join(tls.record(frame(F_DATA, p)) for p in packets))


def syn(source, target, port):
    head = struct.pack(">HHIIBBHHH", 4321, port, 1, 0, 0x50, 2, 8192, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack(">BBH", 0, 6, len(head))
    return ipv4(source, target, head[:16] + struct.pack(">H", checksum(pseudo + head)) + head[18:], protocol=6)


def answers_up_to(tls, lease, seq):
    """What came out of the tunnel before the answer to a ping that is sent now."""
    send(tls, echo4(lease, netns.BEHIND4, seq=seq))
    got = []
    while packet := next_frame(tls, F_DATA):
        if packet[9] == 1 and packet[20] == 0 and packet[26:28] == struct.pack(">H", seq):
            return got
        got.append(packet)
    raise AssertionError("the tunnel ended")


def test_packets_to_where_none_is_passed_on(stage, tunnel):
    tls, lease, _ = tunnel
    targets = ["224.0.0.251", "239.255.255.250", "255.255.255.255", "127.0.0.1", "0.0.0.0", "169.254.169.254",
               "10.20.255.255", "10.20.0.0"]
    before, since = stage.counters(), stage.now()
    with stage.undisturbed():
        send(tls, *[udp4(lease, target, 68, 67, b"is anybody there") for target in targets * 3])
        assert answers_up_to(tls, lease, 7) == []
        now = stage.counters()
        assert now["dropped_martian"] - before["dropped_martian"] == 3 * len(targets)
        assert now["dropped_source"] == before["dropped_source"]
        assert ("cstp.packet-dropped", "inner-source") not in stage.causes(since)
        tls.close()


def test_a_tunnel_in_its_own_tunnel(stage, tunnel):
    """The gateway's port of the tunnel is not there for who is inside; the rest of its host is."""
    tls, lease, _ = tunnel
    before = stage.counters()
    with stage.undisturbed():
        send(tls, syn(lease, netns.GATEWAY4, 443), udp4(lease, netns.GATEWAY4, 4321, 443, b"\x16" * 60))
        assert answers_up_to(tls, lease, 8) == []
        assert stage.counters()["dropped_loop"] - before["dropped_loop"] == 2
        send(tls, syn(lease, netns.GATEWAY4, 444))
        refused = next_frame(tls, F_DATA)
        assert (refused[9], refused[33] & 0x14) == (6, 0x14), "RST and ACK, by the kernel"
        tls.close()


def test_a_path_through_a_tunnel(stage, tunnel):
    """A ClientHello for the own session, out of its own tunnel: with it the records of the tunnel would run in it."""
    tls, lease, session = tunnel
    before = stage.counters()
    with stage.undisturbed():
        hello = hello_datagram(session)
        send(tls, *[udp4(lease, LAN4, 4321, 443, hello)] * 3)
        assert answers_up_to(tls, lease, 10) == []
        assert stage.counters()["dropped_loop"] - before["dropped_loop"] == 3
        tls.close()
