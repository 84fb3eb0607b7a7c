"""Connections whose TLS handshake is under way (docs/threats.md, "Promises by phase"): 16 per source and 1024 in all,
over all portals of the gateway. Which portal accepts is not ours to say, so the others are stopped meanwhile.
"""
import contextlib
import os
import signal

import pytest

from harness import proc
from harness.hostile import seen
from harness.raw import Tls, Wire, get
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its limits and events"), pytest.mark.core]

PORTALS = 4
HOST, NEIGHBOUR = 3, 4


class Portals:
    """The gateway's portals, in the order of their index."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.held = []

    def pids(self):
        newest = {e["count"]: e["pid"] for e in self.gateway.events("process.started", process="portal")}
        return [newest[i] for i in range(PORTALS)]

    @contextlib.contextmanager
    def only(self, index):
        """No other portal accepts."""
        others = [pid for i, pid in enumerate(self.pids()) if i != index]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        until(lambda: all(proc.stat(pid)[0] == "T" for pid in others), "the others stand still")
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    def accepted(self):
        return len(self.gateway.events("tls.accepted"))

    def refused(self):
        return self.gateway.events("tls.failed", cause="too-many")

    def hold(self, index, host, sources):
        """Begins a connection from each of these sources, which this portal accepts."""
        before = self.accepted()
        with self.only(index):
            self.held += [Wire(host, source=source) for source in sources]
            until(lambda: self.accepted() == before + len(sources), f"{len(sources)} are accepted")

    def refuses(self, index, host, source=None):
        before = len(self.refused())
        with self.only(index):
            wire = Wire(host, source=source)
            assert seen(wire.drain()) in ("closed", "reset")
            wire.close()
        event = until(lambda: self.refused()[before:], "it is told")[0]
        assert event["detail"] == "16 half-open connections from this source"

    def close(self):
        for wire in self.held:
            wire.close()
        self.held = []


@pytest.fixture
def portals(start_gateway):
    p = Portals(start_gateway(certificate="ecdsa", portal_processes=PORTALS))
    yield p
    p.close()


def served(host, source=None):
    with Tls(host, source=source) as tls:
        return tls.ask(get(headers="Connection: close\r\n")).status == 200


def test_sixteen_of_a_source_over_all_portals(portals, world):
    """The 17th is refused by whichever portal takes it; other sources are served; all is well when they go."""
    host, neighbour = world.client(HOST), world.client(NEIGHBOUR)
    for index in range(PORTALS):
        portals.hold(index, host, [None] * 4)
    for index in range(PORTALS):
        portals.refuses(index, host)
    assert served(neighbour)
    portals.close()
    until(lambda: len(portals.gateway.events("tls.failed", cause="tls-peer-closed")) == 16, "their ends are seen")
    assert served(host)


def test_a_network_of_ipv6_is_one_source(portals, world):
    """Two addresses of a /64 share its 16; the /64 beside it, and IPv4 of the same host, are others."""
    host = world.client(HOST)
    (one, other), (neighbour, _) = host.more_networks(2)
    portals.hold(0, host, [one] * 8)
    portals.hold(1, host, [other] * 8)
    for source in (one, other):
        portals.refuses(2, host, source)
    assert served(host, neighbour) and served(host)


def test_a_portal_that_is_killed_gives_its_places_back(portals, world):
    host = world.client(HOST)
    portals.gateway.expected_causes |= {"child-died"}
    portals.hold(0, host, [None] * 10)
    portals.hold(1, host, [None] * 6)
    portals.refuses(1, host)
    before = portals.pids()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: portals.pids()[0] != before[0], "another one runs", 10)
    portals.hold(1, host, [None] * 10)
    portals.refuses(0, host)


@pytest.mark.limit(90)
def test_a_thousand_and_24_in_all(portals, world):
    """Then one of them goes for each newcomer. A portal that holds none leaves the newcomer to one that does."""
    host, neighbour = world.client(HOST), world.client(NEIGHBOUR)
    sources = host.more_addresses(64) * 16
    for index, share in enumerate((sources[:341], sources[341:682], sources[682:])):
        portals.hold(index, host, share)
    assert not portals.refused()
    with portals.only(3):
        last = portals.pids()[3]
        slept = proc.status(last)["voluntary_ctxt_switches"]
        wire = Wire(neighbour)
        until(lambda: proc.status(last)["voluntary_ctxt_switches"] != slept, "the portal without any has seen it")
    assert served(neighbour)
    until(lambda: len(portals.refused()) >= 2, "one has gone for each")
    assert {e["detail"] for e in portals.refused()} == {"1024 half-open connections, and more come"}
    assert len(portals.refused()) == 2
    wire.close()
