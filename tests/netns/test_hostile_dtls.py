"""Hostile input in phase 6: DTLS, from anywhere and of a session of one's own (docs/threats.md, "Promises by phase").

As test_hostile_tls.py: each row is tried again and again beside two honest sessions.
"""
import os
import random
import socket
import struct
import time

import pytest

from harness import netns, raw
from harness.hostile import DROPPED, PING, stage, stage_of_module, table, token  # noqa: F401 (fixtures)
from harness.raw import (ALERT, CCS, DATA, DTLS10, F_DATA, F_DPD_REQ, F_DPD_RESP, HANDSHAKE, Dtls, Sniffer, Spoofer,
                         changed, client_hello, dtls_message, dtls_record, dtls_records, echo4, echoes, frame,
                         hello_datagram, next_frame)
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its limits and events"), pytest.mark.core]

# -- DTLS, from anywhere ----------------------------------------------------------------------------------------------


def honest_id(stage):
    """The id of the honest session, as it stands in its ClientHello for everybody on the path to see."""
    return bytes.fromhex(stage.honest["dtls"].client.header["X-DTLS-App-ID"])


def no_double(stage):
    assert "DUP!" not in stage.honest["dtls"].pings.text()


def udp(host):
    sock = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((netns.GATEWAY4, 443))
    return sock


def answers(sock, datagrams, wait=0.15):
    """Sends them; what comes back until nothing has come for a while."""
    for d in datagrams:
        sock.send(d)
    got = []
    sock.settimeout(wait)
    try:
        while True:
            got.append(sock.recv(65536))
    except TimeoutError:
        return got


def unanswered(make):
    """An attack: these datagrams, from the stranger's address; what came back."""
    def attack(stage):
        with udp(stage.host) as sock:
            return len(answers(sock, make(stage)))
    return attack


RANDOM = random.Random(1)
PLAIN = client_hello(bytes(32))

SILENT = [
    ("random bytes", lambda s: [RANDOM.randbytes(RANDOM.randrange(1, 1400)) for _ in range(100)]),
    ("every first byte", lambda s: [bytes([i]) * 60 for i in range(256)]),
    ("empty datagrams", lambda s: [b""] * 50),
    ("a large one", lambda s: [bytes(60000)]),
    ("a hello with an unknown id", lambda s: [hello_datagram(RANDOM.randbytes(32)) for _ in range(50)]),
    ("a hello without an id", lambda s: [hello_datagram(b"")]),
    ("a hello with a short id", lambda s: [hello_datagram(honest_id(s)[:31])]),
    ("every truncation of a hello", lambda s: [
        hello_datagram(honest_id(s))[:n] for n in range(len(hello_datagram(bytes(32))))]),
    ("a random of zeros", lambda s: [hello_datagram(honest_id(s), random=bytes(32))]),
    ("DTLS 1.0 inside", lambda s: [hello_datagram(honest_id(s), version=DTLS10)]),
    ("DTLS 0.9 inside", lambda s: [hello_datagram(honest_id(s), version=0x0100, record_version=0x0100)]),
    ("an unknown version inside", lambda s: [hello_datagram(honest_id(s), version=0x1234)]),
    ("a hello in fragments", lambda s: [
        dtls_record(HANDSHAKE, dtls_message(1, client_hello(honest_id(s))[at : at + 30], 0, at, len(PLAIN)))
        for at in range(0, len(PLAIN), 30)]),
    ("a fragment beyond the message", lambda s: [
        dtls_record(HANDSHAKE, dtls_message(1, client_hello(honest_id(s)), 0, 0xFFFF00, 0xFFFFFF))]),
    ("a hello whose lengths lie", lambda s: [
        dtls_record(HANDSHAKE, dtls_message(1, PLAIN[:34] + bytes([n]) + PLAIN[35:])) for n in (0, 31, 33, 200, 255)]),
    ("a hello with an odd list of suites", lambda s: [dtls_record(HANDSHAKE, dtls_message(
        1, client_hello(honest_id(s)).replace(b"\0\2\0\x9c", b"\0\3\0\x9c\0")))]),
    ("a hello that is shorter than the answer", lambda s: [hello_datagram(b"", extensions=struct.pack(
        ">HHH", 0, 48018, 1))]),
    ("a hello in epoch 1", lambda s: [dtls_record(HANDSHAKE, dtls_message(1, client_hello(honest_id(s))), 1)]),
    ("a record that claims more", lambda s: [hello_datagram(honest_id(s))[:11] + b"\xff\xff" + bytes(100)]),
    ("other messages", lambda s: [
        dtls_record(HANDSHAKE, dtls_message(t, bytes(48))) for t in (0, 2, 3, 11, 14, 16, 20, 99)]),
    ("alerts", lambda s: [dtls_record(ALERT, bytes([level, what])) for level in (1, 2) for what in (0, 10, 40, 80)]),
    ("ChangeCipherSpec", lambda s: [dtls_record(CCS, b"\1")] * 10),
    ("data in the clear", lambda s: [dtls_record(DATA, b"\0" + PING)] * 10),
    ("sealed records of nobody", lambda s: [dtls_record(DATA, RANDOM.randbytes(80), 1, n) for n in range(100)]),
    ("epochs that do not exist", lambda s: [dtls_record(DATA, bytes(60), e, 1) for e in (2, 3, 255, 65535)]),
    ("ten thousand records in a datagram", lambda s: [dtls_record(DATA, b"", 1, 1) * 4000]),
]


@pytest.mark.parametrize("make", table(SILENT))
def test_datagrams_that_get_no_answer(stage, make):
    stage.run(unanswered(make), 0, [], times=2)
    no_double(stage)


def test_what_is_dropped_is_counted(stage, token):
    before, since = stage.counters(), stage.now()
    with udp(stage.host) as sock:
        assert answers(sock, [b"\x55" * 80] * 50) == []
    tls, answer = raw.tunnel(stage.host, token)
    with tls:
        wrong, broken = echo4("10.9.9.9", netns.BEHIND4), b"\x45" + bytes(5)
        tls.wire.send(b"".join(tls.record(frame(F_DATA, p)) for p in [wrong] * 20 + [broken] * 30))
        assert echoes(tls)
        now = stage.counters()
    assert now["dropped_udp"] - before["dropped_udp"] == 50
    assert now["dropped_source"] - before["dropped_source"] == 20
    assert now["dropped_stray"] - before["dropped_stray"] == 30
    until(lambda: CLOSED in stage.causes(since), "the tunnel is down")


def verify_cookie(datagram):
    """The cookie of a HelloVerifyRequest; asserts that it is nothing else."""
    (kind, epoch, _, body), = dtls_records(datagram)
    assert (kind, epoch, body[0]) == (HANDSHAKE, 0, 3)
    return body[15 : 15 + body[14]]


def next_second():
    """Hellos for a known id are counted a second long."""
    time.sleep(1.05)


def test_a_known_id_from_elsewhere_gets_a_verify_request(stage):
    """Never longer than the hello, never anything else while the cookie is missing or wrong; 4 a second."""
    known = honest_id(stage)

    def attack(stage):
        next_second()
        with udp(stage.host) as sock:
            hello = hello_datagram(known)
            wrong = [b"", bytes(20), b"x" * 255]
            got = answers(sock, [hello_datagram(known, cookie=c, message_seq=1) for c in wrong] + [hello] * 20)
            for datagram in got:
                assert len(datagram) <= len(hello)
                verify_cookie(datagram)
            return len(got)

    stage.run(attack, {3, 4}, [], times=2)


def test_a_cookie_is_good_for_its_address_and_hello_only(stage):
    known = honest_id(stage)

    def attack(stage):
        next_second()
        with udp(stage.host) as sock, udp(stage.neighbour) as other:
            random_ = os.urandom(32)
            cookie = verify_cookie(answers(sock, [hello_datagram(known, random=random_)])[0])
            again = dict(cookie=cookie, message_seq=1)
            # from another address; with another random: asked again
            for from_, hello in ((other, hello_datagram(known, random=random_, **again)),
                                 (sock, hello_datagram(known, **again))):
                got, = answers(from_, [hello])
                assert verify_cookie(got) != cookie
            return "asked again"

    stage.run(attack, "asked again", [], times=2)


def test_a_handshake_with_a_known_id_and_without_its_secret(stage):
    """Somebody on the path begins one, and cannot end it: the live keys go on beside it, whatever it sends."""
    known = honest_id(stage)

    def attack(stage):
        next_second()
        with udp(stage.host) as sock:
            random_ = os.urandom(32)
            psk = dict(random=random_, suites=(0x00A8, 0x00A9))
            cookie = verify_cookie(answers(sock, [hello_datagram(known, **psk)])[0])
            hello = hello_datagram(known, cookie=cookie, message_seq=1, record_seq=1, **psk)
            assert dtls_records(answers(sock, [hello])[0])[0][3][0] == 2
            exchange = dtls_message(16, b"\0\3psk", 2)
            finished = dtls_record(HANDSHAKE, os.urandom(48), 1, 0)
            answers(sock, [dtls_record(HANDSHAKE, exchange, 0, 2) + dtls_record(CCS, b"\1", 0, 3) + finished] * 5)
            sock.send(dtls_record(ALERT, b"\2\x28", 0, 9))  # ends it
            return "begun"

    stage.run(attack, "begun", [("dtls.failed", "dtls-handshake")], times=2)


@pytest.fixture
def overheard(stage):
    """Datagrams of the honest session as they passed: [((address, port), payload)]."""
    sniffer = Sniffer(stage.honest["dtls"].client.host)
    try:
        found = [d for d in sniffer.datagrams(10) if d[1][0] == DATA]
        assert len(found) >= 8
        stage.honest["dtls"].pings.wait_replies(2)  # the gateway has them all: what comes now is a copy
        yield found
    finally:
        sniffer.close()


def test_datagrams_replayed_from_elsewhere(stage, overheard):
    """No answer, and nothing is delivered twice."""
    stage.run(unanswered(lambda s: [payload for _, payload in overheard] * 5), 0, [], times=3)
    no_double(stage)


def test_datagrams_replayed_from_the_same_host(stage, overheard):
    """Another port of the same address could be NAT: it is not, unless the record is new."""
    host = stage.honest["dtls"].client.host

    def attack(stage):
        with udp(host) as sock:
            return len(answers(sock, [payload for _, payload in overheard] * 5))

    stage.run(attack, 0, [], times=3)
    no_double(stage)


def spoofed(stage, overheard, make):
    """An attack: datagrams with the honest session's address and port, out of the stranger's host."""
    (address, port), _ = overheard[0]

    def attack(stage):
        spoofer = Spoofer(stage.host)
        try:
            for datagram in make():
                spoofer.send(address, port, datagram)
        finally:
            spoofer.close()
        stage.honest["dtls"].pings.wait_replies(2)
        no_double(stage)
        return "sent"

    return attack


def record_numbers(overheard):
    return max(dtls_records(payload)[0][2] for _, payload in overheard)


@pytest.mark.parametrize("make", table([
    ("replayed", lambda o: [payload for _, payload in o] * 5),
    ("replayed and changed", lambda o: [changed(payload) for _, payload in o]),
    ("with new numbers", lambda o: [p[:5] + (record_numbers(o) + 50 + i).to_bytes(6, "big") + p[11:]
                                    for i, (_, p) in enumerate(o)]),
    ("with huge numbers", lambda o: [dtls_record(DATA, RANDOM.randbytes(100), 1, 2**48 - 1 - i) for i in range(50)]),
    ("as another type", lambda o: [bytes([t]) + p[1:] for t in (20, 21, 22, 24) for _, p in o]),
    ("without content", lambda o: [dtls_record(DATA, b"", 1, record_numbers(o) + 1000)] * 20),
    ("too short for a tag", lambda o: [dtls_record(DATA, bytes(n), 1, record_numbers(o) + 1000) for n in range(25)]),
    ("a length that lies", lambda o: [
        dtls_record(DATA, bytes(1300), 1, record_numbers(o) + 1000)[:n] for n in (13, 100, 900)]),
    ("fatal alerts in the clear", lambda o: [dtls_record(ALERT, b"\2\x28"), dtls_record(ALERT, b"\2\x0a")] * 5),
    ("close_notify in the clear", lambda o: [dtls_record(ALERT, b"\1\0")] * 5),
    ("a forged close_notify", lambda o: [dtls_record(ALERT, RANDOM.randbytes(26), 1, record_numbers(o) + 500)] * 5),
    ("ChangeCipherSpec", lambda o: [dtls_record(CCS, b"\1")] * 5),
    ("handshake messages", lambda o: [dtls_record(HANDSHAKE, dtls_message(t, bytes(40))) for t in (2, 14, 16, 20)]),
    ("forged handshake records", lambda o: [dtls_record(HANDSHAKE, RANDOM.randbytes(48), 1, 0)] * 5),
    ("garbage", lambda o: [RANDOM.randbytes(n) for n in range(1, 200)]),
    ("a good record behind garbage", lambda o: [b"\x17\xfe\xfd\0\1" + bytes(8) + p for _, p in o]),
    ("500 forged records", lambda o: [
        dtls_record(DATA, RANDOM.randbytes(200), 1, record_numbers(o) + i) for i in range(500)]),
]))
def test_datagrams_with_the_sessions_own_address(stage, overheard, make):
    """Whoever can spoof its source still has not its keys."""
    stage.run(spoofed(stage, overheard, lambda: make(overheard)), "sent", [], times=3)


def test_a_hello_with_the_sessions_own_address(stage, overheard):
    """A handshake begins beside the live keys, which go on; one that is begun anew takes its place."""
    known = honest_id(stage)

    def hellos():
        next_second()
        return [hello_datagram(known, suites=(0x00A8,)), dtls_record(ALERT, b"\2\x28")]

    stage.run(spoofed(stage, overheard, hellos), "sent", [("dtls.failed", "dtls-handshake")], times=2)


def test_a_flood_of_datagrams(stage, overheard):
    """Thousands of every kind, as fast as they go: the sessions miss nothing."""
    known = honest_id(stage)
    (address, port), _ = overheard[0]
    kinds = [lambda: hello_datagram(known), lambda: hello_datagram(os.urandom(32)), lambda: os.urandom(200),
             lambda: dtls_record(DATA, os.urandom(100), 1, 5)]

    def attack(stage):
        start = time.monotonic()
        with udp(stage.host) as sock:
            for i in range(4000):
                sock.send(kinds[i % len(kinds)]())
                if i % 50 == 0:
                    time.sleep(0.005)
            got = answers(sock, [])
        spoofer = Spoofer(stage.host)
        for i in range(1000):
            spoofer.send(address, port, kinds[3]())
            spoofer.send(f"198.18.{i % 200}.{i % 250}", 1000 + i, kinds[i % 3]())
        spoofer.close()
        took = time.monotonic() - start
        assert len(got) <= 4 * (int(took) + 2)
        return "sent"

    stage.run(attack, "sent", [], times=2)
    no_double(stage)


# -- DTLS, of a session of one's own ----------------------------------------------------------------------------------

DTLS_HEADERS = "X-CSTP-Address-Type: IPv4\r\nX-DTLS-CipherSuite: OC-DTLS1_2-AES128-GCM\r\n"


def with_dtls(stage, token, do):
    """A tunnel with DTLS on offer; do(tls, lease, session, master)."""
    master = os.urandom(48)
    tls, answer = raw.tunnel(stage.host, token, headers=DTLS_HEADERS + f"X-DTLS-Master-Secret: {master.hex()}\r\n")
    with tls:
        assert answer.status == 200
        return do(tls, answer.header("X-CSTP-Address"), bytes.fromhex(answer.header("X-DTLS-Session-ID")), master)


CLOSED = ("cstp.down", "cstp-peer-closed")


def own_dtls(token, do):
    """An attack: a tunnel and a DTLS channel; do(dtls, tls)."""
    def attack(stage):
        def begin(tls, lease, session, master):
            assert echoes(tls)  # the hand-over is done
            dtls = Dtls(stage.host, session, master)
            try:
                assert dtls_echoes(dtls.shake())  # the gateway has our Finished
                return do(dtls, tls, lease)
            finally:
                dtls.close()
        return with_dtls(stage, token, begin)
    return attack


def dtls_echoes(dtls, payload=b"over UDP"):
    """Whether DPD is answered; asked again where a datagram was lost."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        dtls.send(F_DPD_REQ, payload)
        try:
            while bytes([F_DPD_RESP]) + payload not in dtls.receive(0.5):
                pass
            return True
        except TimeoutError:
            continue
    return False


def test_our_own_dtls_client(stage, token):
    """The test's client itself: data over DTLS, answered over DTLS."""
    def do(dtls, tls, lease):
        dtls.send(F_DATA, echo4(lease, netns.BEHIND4, seq=3))
        return dtls.receive()[0][0] == F_DATA and dtls_echoes(dtls)
    stage.run(own_dtls(token, do), True, [CLOSED], times=4)


@pytest.mark.parametrize("make", table([
    ("unknown types", lambda d: [d.sealed(bytes([t]) + b"x") for t in range(256) if t not in (0, 3, 5)]),
    ("no payload", lambda d: [d.sealed(b"")] * 50),
    ("empty data", lambda d: [d.sealed(b"\0")] * 50),
    ("compressed", lambda d: [d.sealed(b"\x08" + bytes(50))] * 5),
    ("packets that are none", lambda d: [
        d.sealed(b"\0" + p) for p in (b"\x45", b"\x60", b"\x55" + bytes(40), bytes(20))]),
    ("records twice", lambda d: [d.sealed(b"\x07")] * 50),
    ("old records", lambda d: [d.sealed(b"\x07", seq=0)] * 5),
    ("a jump of numbers, and back", lambda d: [d.sealed(b"\x07", seq=5000), d.sealed(b"\x07", seq=4000),
                                              d.sealed(b"\x07", seq=3000), d.sealed(b"\x07", seq=5001)]
     + [d.sealed(b"\x07", seq=5002)] + [setattr(d, "seq", 5003) or b"\x17"]),
    ("many in a datagram", lambda d: [b"".join(d.sealed(b"\x07") for _ in range(300))]),
    ("a large one", lambda d: [d.sealed(b"\x03" + bytes(16000))]),
    ("changed ones between", lambda d: [changed(d.sealed(b"\x07")) + d.sealed(b"\x07") for _ in range(20)]),
    ("an old hello", lambda d: [dtls_record(HANDSHAKE, d._hello, 0, 0)] * 20),
    ("its Finished again", lambda d: [d.sealed(dtls_message(20, bytes(12), 1), HANDSHAKE)] * 5),
    ("a handshake message", lambda d: [d.sealed(dtls_message(16, bytes(30), 9), HANDSHAKE)] * 5),
    ("ChangeCipherSpec", lambda d: [d.sealed(b"\1", CCS)] * 5),
]))
def test_odd_records_on_ones_own_channel(stage, token, make):
    """Ignored: the channel answers afterwards."""
    def do(dtls, tls, lease):
        for datagram in make(dtls):
            dtls.sock.send(datagram)
        return dtls_echoes(dtls)
    stage.run(own_dtls(token, do), True, [CLOSED], times=3)


def test_an_answer_that_does_not_fit_takes_no_other_along(stage, token):
    """Both questions are read in one turn; their answers could leave as one train."""
    def do(dtls, tls, lease):
        question = [dtls.sealed(bytes([F_DPD_REQ]) + p) for p in (bytes(16000), b"small")]
        for datagram in question:
            dtls.sock.send(datagram)
        while bytes([F_DPD_RESP]) + b"small" not in dtls.receive(2):
            pass
        return True
    stage.run(own_dtls(token, do), True, [CLOSED], times=5)


def test_a_flood_of_dpd_over_dtls(stage, token):
    def do(dtls, tls, lease):
        for i in range(1000):
            dtls.send(F_DPD_REQ, b"%d" % i)
            if i % 20 == 0:
                time.sleep(0.001)
        n = 0
        try:
            while True:
                n += len(dtls.receive(0.3))
        except TimeoutError:
            pass
        return 50 <= n <= 300
    stage.run(own_dtls(token, do), True, [CLOSED], times=2)


@pytest.mark.parametrize("what", table([
    ("DISCONNECT", lambda d: d.sealed(b"\x05\xb0bye")), ("close_notify", lambda d: d.sealed(b"\1\0", ALERT)),
    ("a fatal alert", lambda d: d.sealed(b"\2\x50", ALERT)), ("an odd alert", lambda d: d.sealed(b"x", ALERT)),
]))
def test_the_end_of_dtls_is_not_the_end_of_the_session(stage, token, what):
    """Data goes over TLS again."""
    def do(dtls, tls, lease):
        since = stage.now()
        dtls.sock.send(what(dtls))
        until(lambda: ("dtls.down", "dtls-closed") in stage.causes(since), "DTLS is down")
        tls.send(frame(F_DATA, echo4(lease, netns.BEHIND4, seq=4)))
        return next_frame(tls, F_DATA) is not None
    stage.run(own_dtls(token, do), True, [("dtls.down", "dtls-closed"), CLOSED], times=3)


def test_a_wrong_source_over_dtls(stage, token):
    def do(dtls, tls, lease):
        for _ in range(20):
            dtls.send(F_DATA, echo4("10.9.9.9", netns.BEHIND4))
        return dtls_echoes(dtls)
    stage.run(own_dtls(token, do), True, [DROPPED, CLOSED], times=3)


FAILED = ("dtls.failed", "dtls-handshake")


@pytest.mark.parametrize("hello, alert", table([
    ("without the agreed suite", dict(suites=(0x009D, 0x002F)), 40),
    ("without a suite", dict(suites=()), None),
    ("without null compression", dict(compression=b"\1"), 47),
]))
def test_a_hello_of_ones_own_that_cannot_be_served(stage, token, hello, alert):
    """An alert; the tunnel stays on TLS."""
    def attack(stage):
        def do(tls, lease, session, master):
            assert echoes(tls)
            with udp(stage.host) as sock:
                got = answers(sock, [hello_datagram(session, **hello)])
            found = [tuple(body) for g in got for kind, _, _, body in dtls_records(g) if kind == ALERT]
            return found, echoes(tls)
        return with_dtls(stage, token, do)
    expected = [(2, alert)] if alert else []
    stage.run(lambda s: repr(attack(s)), repr((expected, True)), [*([FAILED] if alert else []), CLOSED], times=3)


def test_a_wrong_finished(stage, token):
    """Of somebody who has another secret."""
    def attack(stage):
        def do(tls, lease, session, master):
            assert echoes(tls)
            since = stage.now()
            dtls = Dtls(stage.host, session, bytes(48))
            try:
                dtls.shake()
            except (AssertionError, TypeError):
                pass  # the gateway's Finished does not verify under it
            dtls.sock.send(dtls_record(CCS, b"\1", 0, 1) + dtls_record(HANDSHAKE, os.urandom(48), 1, 0))
            dtls.sock.send(dtls_record(ALERT, b"\2\x28", 0, 2))
            until(lambda: FAILED in stage.causes(since), "the handshake is over")
            dtls.close()
            return echoes(tls)
        return with_dtls(stage, token, do)
    stage.run(attack, True, [FAILED, CLOSED], times=3)


def test_a_new_handshake_beside_the_live_keys(stage, token):
    """Begun and not ended: the channel that is up goes on. Ended: it takes over."""
    def do(dtls, tls, lease):
        other = Dtls(None, dtls.session, dtls.master, sock=dtls.sock)
        dtls.sock.send(other.hello())
        assert dtls_records(dtls.sock.recv(4096))[0][3][0] == 2
        assert dtls_echoes(dtls, b"old keys")
        other = Dtls(None, dtls.session, dtls.master, sock=dtls.sock).shake()
        return dtls_echoes(other, b"new keys")
    stage.run(own_dtls(token, do), True, [CLOSED], times=3)


@pytest.mark.long
@pytest.mark.limit(90)
def test_a_handshake_that_is_never_ended(stage, token):
    """It is given up, and leaves nothing."""
    with stage.undisturbed():
        since = stage.now()

        def do(tls, lease, session, master):
            assert echoes(tls)
            dtls = Dtls(stage.host, session, master)
            dtls.sock.send(dtls.hello())
            until(lambda: ("dtls.failed", "dtls-one-way") in stage.causes(since), "the handshake is given up", 45)
            dtls.close()
            return echoes(tls)

        assert with_dtls(stage, token, do)
    until(lambda: CLOSED in stage.causes(since), "the tunnel is down")
