"""ICMP about a session's UDP: anybody can write such a message, so nothing that works may stop for one
(docs/threats.md, phase 6)."""
import socket
import struct

import pytest

from harness import netns
from harness.hostile import Stage, stage  # noqa: F401 (fixture)
from harness.raw import checksum, ipv4, udp4

pytestmark = [pytest.mark.varcod_only("its events"), pytest.mark.core]

UNREACHABLE, TIME_EXCEEDED = 3, 11
ERRORS = [(UNREACHABLE, code) for code in (0, 1, 2, 3, 4, 9, 10, 13)] + [(TIME_EXCEEDED, 0)]


@pytest.fixture(scope="module")
def stage_of_module(world, tmp_path_factory, certificates):
    """With one tunnel process, whose socket every error belongs to."""
    s = Stage(world, tmp_path_factory.mktemp("icmp"), certificates["ecdsa"], tunnel_processes=1)
    try:
        yield s.begin()
        s.end()
    finally:
        s.kill()


def error(kind, code, quoted):
    body = struct.pack(">BBHI", kind, code, 0, 576 if code == 4 else 0) + quoted
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def udp_port(host):
    """Of the one UDP socket there that talks to the gateway."""
    (line,) = [one for one in host.run("ss", "-Hun", "dport", "=", ":443").splitlines() if netns.GATEWAY4 in one]
    return int(line.split()[-2].rsplit(":", 1)[1])


def test_forged_errors_stop_no_channel(stage):
    """Each error about the honest session's datagrams, from its own address and from a router's."""
    honest = stage.honest["dtls"]
    address, port = honest.client.host.address4, udp_port(honest.client.host)
    quoted = udp4(netns.GATEWAY4, address, 443, port, bytes(100))[:64]
    seen = honest.client.host.counted()

    def attack(stage):
        with stage.host.inside():
            sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with sock:
            for source in (address, stage.host.address4):
                for kind, code in ERRORS:
                    sock.sendto(ipv4(source, netns.GATEWAY4, error(kind, code, quoted), protocol=1),
                                (netns.GATEWAY4, 0))
                    honest.pings.wait_replies(1)
        return "sent"

    stage.run(attack, "sent", [], times=2)
    now = honest.client.host.counted()
    assert now["tcp_in"] - seen["tcp_in"] < 500 < now["udp_in"] - seen["udp_in"], "data left DTLS"
