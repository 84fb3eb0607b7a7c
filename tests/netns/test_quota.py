"""How many events a stranger may cause (docs/threats.md, "Words"): 120 at once, then 10 a minute for each source; what is
left out is told.
"""
import threading
import time

import pytest

from harness import raw
from harness.raw import Tls, Wire, post, reply
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its events"), pytest.mark.core]

HOST, NEIGHBOUR = 3, 4
AT_ONCE, PER_MINUTE = 120, 10
REFUSED = ["tls.accepted", "tls.failed"]  # what each of the flood's connections gives


@pytest.fixture
def gateway(start_gateway):
    return start_gateway(certificate="ecdsa")


def refused(host, n):
    for _ in range(n):
        wire = Wire(host).send(b"GET / HTTP/1.1\r\n\r\n")
        wire.drain()
        wire.close()


def of(gateway, host):
    """Names of the events that this host caused as a stranger, and of its logins."""
    return [e["event"] for e in gateway.all_events()
            if e.get("source", "").split(":")[0] == host.address4 and e["event"] != "process.left-out"
            and ("session" not in e or e["event"] == "user.success")]


def test_a_flood_of_refusals_hides_nobody(gateway, world):
    """1 000 connections are refused while somebody else fails to log in: that login is told in full, the flood is not,
    and what it lacks is."""
    host, neighbour = world.client(HOST), world.client(NEIGHBOUR)
    began = time.monotonic()
    flood = threading.Thread(target=refused, args=(host, 1000))
    flood.start()
    until(lambda: len(of(gateway, host)) >= AT_ONCE, "the flood has used its quota up")
    with Tls(neighbour) as tls:
        form = tls.ask(post(raw.INIT))
        assert flood.is_alive()
        assert b"Login failed" in tls.ask(post(reply(raw.opaque_of(form), password="wrong"))).body
    flood.join()
    took = time.monotonic() - began
    assert gateway.stop() == 0
    names = of(gateway, neighbour)
    assert sorted(names) == sorted(["tls.accepted", "tls.up", "group.form", "user.answer", "user.refused"])
    told = of(gateway, host)
    assert set(told) == set(REFUSED)
    assert AT_ONCE <= len(told) <= AT_ONCE + PER_MINUTE * (took / 60 + 1)
    summaries = gateway.events("process.left-out", source=host.address4)
    assert gateway.events("process.left-out") == summaries
    assert {(e["cause"], e["detail"]) for e in summaries} == {("source-flood", ", ".join(REFUSED))}
    assert len(summaries) <= took / 60 + 1
    assert len(told) + sum(e["count"] for e in summaries) == 1000 * len(REFUSED)


def test_who_logs_in_has_it_all_again(gateway, world):
    """Many people may come from behind one address: what one of them used up hides no other."""
    host = world.client(HOST)
    refused(host, 70)
    until(lambda: len(of(gateway, host)) >= AT_ONCE, "the quota is used up")
    token = raw.log_in(host)
    gateway.wait_event("user.success")
    raw.log_out(host, token)
    refused(host, 1)

    def told():
        names = of(gateway, host)
        return sorted(names[names.index("user.success") + 1 :])

    until(lambda: told() == sorted(["tls.accepted", "tls.up", *REFUSED]), "all is told again")
    assert gateway.stop() == 0
    assert gateway.events("process.left-out")


@pytest.mark.long
@pytest.mark.limit(150)
def test_what_was_left_out_is_told_within_a_minute(gateway, world):
    host = world.client(HOST)
    refused(host, 100)
    summary = gateway.wait_event("process.left-out", 90)
    assert summary["count"] + len(of(gateway, host)) == 100 * len(REFUSED)
    assert gateway.control("show", "status")
