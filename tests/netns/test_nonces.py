"""No key seals two records under one nonce: real traffic through hand-overs, returns by cookie, takeovers, deaths of
processes, DTLS handshakes and new keys, captured and opened under the clients' own secrets.

Every protected record of every connection must open, under the number that follows the one before it, across the
hand-over too; tests/netns/test_handover.py asks the same where processes die in the midst of it.
"""
import os
import signal
import socket

import pytest

from harness import netns, raw
from harness.recording import handed_over
from harness.traffic import Transfer
from harness.wait import until
from harness.wire import Wire

pytestmark = [pytest.mark.varcod_only("its hand-over"), pytest.mark.core]

VERSIONS = ["1.2", "1.3"]
PRIORITY = "--gnutls-priority=NORMAL:-VERS-TLS-ALL:+VERS-TLS{}"
SUITES = {"1.2": "OC-DTLS1_2-AES256-GCM", "1.3": "OC2-DTLS1_2-CHACHA20-POLY1305"}  # of resumption
MB = 1_000_000


def dtls_ups(sealed):
    """Handshakes whose keys carried more than Finished, both ways."""
    counts = sealed.books.counts
    return [h for flow in sealed.dtls for h in flow.handshakes if h.keys and all(counts.get(k.name, 0) > 1 for k in h.keys)]


@pytest.mark.limit(120)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("channel", ["tls", "psk", "resumed"])
def test_openconnect(start_gateway, connect, authenticate, recorded, channel, version):
    """Transfers, SIGUSR2, kill -9 and return, takeover, a tunnel process that dies, log-off."""
    g = start_gateway(certificate="ecdsa", tunnel_processes=2)
    g.expected_causes.add("child-died")
    options = [PRIORITY.format(version)]
    cookie = authenticate(g, keylog=recorded.keylog, options=options)["COOKIE"]
    options += {"tls": ["--no-dtls"], "psk": [], "resumed": [f"--dtls-ciphers={SUITES[version]}"]}[channel]

    def start(**kw):
        c = connect(g, cookie=cookie, keylog=recorded.keylog, options=options, **kw)
        carry(c)
        return c

    def carry(c, since=0):
        if channel != "tls":
            c.wait_dtls(since=since)
        assert Transfer(c.host, g.world.behind, netns.BEHIND4, MB // 4, both=True).intact

    def return_(c, what, *arguments):
        at, n = c.log.size(), len(c.calls("reconnect"))
        what(*arguments)
        c.wait_told("reconnect", n + 1)
        carry(c, at)

    def kill_tunnel():
        """The process that holds the session; the other one takes it."""
        n = g.events("cstp.connect")[-1]["tunnel"]
        os.kill(g.events("process.started", process="tunnel", count=n)[-1]["pid"], signal.SIGKILL)

    start().kill()
    first = start()
    return_(first, first.signal, signal.SIGUSR2)
    first.signal(signal.SIGSTOP)  # else it would come back and take over in its turn
    second = start(host=2, tun="tun9")
    assert second.addresses == first.addresses
    first.kill()
    return_(second, kill_tunnel)
    assert second.logout() == 0
    sealed = recorded.opened()
    assert all(tls.v13 == (version == "1.3") for tls in sealed.tls if tls.complete)
    if channel == "tls":
        assert sum(map(handed_over, sealed.tls)) >= 5
    else:
        assert len(dtls_ups(sealed)) >= 5


@pytest.mark.limit(90)
def test_keys_that_are_renewed(start_gateway, connect, recorded, pinging):
    """TLS 1.3: KeyUpdates of both sides."""
    c = connect(start_gateway(rekey_time=1), keylog=recorded.keylog, options=[PRIORITY.format("1.3"), "--no-dtls"])
    with pinging(c, netns.BEHIND4) as pings:
        pings.wait_replies(60)  # 3 s
        assert pings.stop() == 0
    counts = recorded.opened().books.counts
    assert [n for n in counts if n.endswith("SERVER 2")] and [n for n in counts if n.endswith("CLIENT 2")]


def test_dtls_handshakes_from_one_secret(start_gateway, world, recorded):
    """Again and again under the same master secret, from the same port and from another one."""
    g, host, master = start_gateway(tunnel_processes=2), world.client(1), os.urandom(48)
    token = raw.log_in(host, keylog=recorded.keylog)
    headers = ("X-CSTP-Address-Type: IPv4\r\nX-DTLS-CipherSuite: OC-DTLS1_2-AES128-GCM\r\n"
               f"X-DTLS-Master-Secret: {master.hex()}\r\n")
    with raw.Tls(host, keylog=recorded.keylog) as tls:
        answer = tls.ask(raw.connect_request(token, headers))
        session, sock = bytes.fromhex(answer.header("X-DTLS-Session-ID")), None
        for n in range(6):
            dtls = raw.Dtls(host, session, master, sock).shake()
            for i in range(3):
                dtls.send(raw.F_DPD_REQ, bytes([n, i]))
                until(lambda want=bytes([raw.F_DPD_RESP, n, i]): want in dtls.receive(), "an answer")
            sock = dtls.sock if n % 2 == 0 else dtls.close()
        assert len(g.events("dtls.up")) == 6
    sealed = recorded.opened()
    assert len(dtls_ups(sealed)) == 6 and len(sealed.dtls) == 3


@pytest.mark.limit(120)
@pytest.mark.parametrize("version", VERSIONS)
def test_wireclient(start_gateway, world, tmp_path, recorded, version):
    """CONNECT and 20 records in one segment, and cut in two."""
    g = start_gateway(certificate="rsa")
    inside = g.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(("0.0.0.0", 0))
    token = raw.log_in(world.client(1), keylog=recorded.keylog)
    c = Wire(world.client(1), tmp_path / "wire", g, "handover", "--inside", "10.20.0.1", "--port", str(inside.getsockname()[1]),
             "--tls", version, "--splits", "1-/40", cookie=token, keylog=recorded.keylog)
    done = c.wait_event("done", 60)
    inside.close()
    assert done["ok"], c.tail()
    c.kill()
    sealed = recorded.opened()
    assert sum(map(handed_over, sealed.tls)) == done["splits"] + 1
