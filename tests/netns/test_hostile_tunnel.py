"""Hostile input in phases 5 and 6: CONNECT, CSTP, packets, DTLS (docs/threats.md, "Promises by phase").

As test_hostile.py: each row is tried again and again beside two honest sessions.
"""
import os
import random
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import netns, raw
from harness.hostile import asked, stage, stage_of_module  # noqa: F401 (fixtures)
from harness.raw import (ALERT, CCS, DATA, DTLS10, F_COMPRESSED, F_DATA, F_DISCONNECT, F_DPD_REQ, F_DPD_RESP,
                         F_KEEPALIVE, F_TERMINATE, HANDSHAKE, Dtls, Hello, Sniffer, Spoofer, Tls, client_hello,
                         connect_request, dtls_message, dtls_record, dtls_records, echo4, echoes, frame, hello_datagram,
                         ipv4, message, next_frame, record, udp4)
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its limits and events"), pytest.mark.core]

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
NO_DTLS = ("dtls.none", "dtls-not-offered")


def table(rows):
    """Parametrises a test with rows whose first column is the id."""
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


def down(cause, *more):
    """What a tunnel without DTLS tells that ends for this cause."""
    return [NO_DTLS, ("cstp.down", cause), *more]


@pytest.fixture(scope="module")
def token(stage_of_module):
    """Of a session of the stranger's, for tests that do not end it."""
    with stage_of_module.session() as t:
        yield t


# -- CONNECT ----------------------------------------------------------------------------------------------------------

COOKIE = "A" * 43
CONNECT = [
    ("no cookie", connect_request(None), 401, "cookie-missing"),
    ("an empty cookie", connect_request(""), 401, "cookie-missing"),
    ("another cookie", connect_request(None, f"Cookie: webvpnc={COOKIE}\r\n"), 401, "cookie-missing"),
    ("a cookie in another case", connect_request(None, f"Cookie: WebVPN={COOKIE}\r\n"), 401, "cookie-missing"),
    ("a short cookie", connect_request(COOKIE[1:]), 401, "cookie-malformed"),
    ("a long cookie", connect_request(COOKIE + "A"), 401, "cookie-malformed"),
    ("a cookie of one byte", connect_request("A"), 401, "cookie-malformed"),
    ("a cookie of 5000 bytes", connect_request("A" * 5000), 401, {"cookie-malformed", "cookie-missing"}),
    ("a cookie in another alphabet", connect_request(COOKIE[:-1] + "+"), 401, "cookie-malformed"),
    ("a cookie with a blank", connect_request(COOKIE[:20] + " " + COOKIE[21:]), 401, "cookie-malformed"),
    ("a cookie in quotes", connect_request(f'"{COOKIE}"'), 401, "cookie-malformed"),
    ("a cookie with bits behind its end", connect_request(COOKIE[:-1] + "B"), 401, "cookie-malformed"),
    ("a cookie of another gateway's form", connect_request("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="), 401,
     "cookie-malformed"),
    ("an unknown cookie", connect_request(COOKIE), 401, "cookie-unknown"),
    ("another path", connect_request(COOKIE, target="/CSCOSSLC/tunnel2"), 404, "http-not-found"),
    ("a path and more", connect_request(COOKIE, target="/CSCOSSLC/tunnel/"), 404, "http-not-found"),
    ("a path with a query", connect_request(COOKIE, target="/CSCOSSLC/tunnel?x"), 404, "http-not-found"),
    ("an encoded path", connect_request(COOKIE, target="/CSCOSSLC/%74unnel"), 404, "http-not-found"),
    ("a proxy's target", connect_request(COOKIE, target="192.0.2.1:443"), 404, "http-not-found"),
    ("/", connect_request(COOKIE, target="/"), 404, "http-not-found"),
]


@pytest.mark.parametrize("request_, status, cause", table(CONNECT))
def test_connect_that_is_refused(stage, request_, status, cause):
    causes = cause if isinstance(cause, set) else {cause}

    def attack(stage):
        since = stage.now()
        seen = asked(request_)(stage)
        until(lambda: stage.causes(since), "an event")
        (event, why), = stage.causes(since)
        return seen, event, why in causes

    stage.run(attack, (status, "cstp.refused", True), None)


@pytest.mark.parametrize("headers, status, cause", table([
    ("a length", "Content-Length: 5\r\n", 400, "connect-malformed"),
    ("chunked", "Transfer-Encoding: chunked\r\n", 501, "connect-malformed"),
    ("a bare LF", "X-CSTP-MTU: 1\nX: y\r\n", 400, "connect-malformed"),
    ("NUL", "X-CSTP-Hostname: a\0b\r\n", 400, "connect-malformed"),
    ("a folded line", "X-CSTP-Hostname: a\r\n b\r\n", 400, "connect-malformed"),
    ("65 headers", "X-A: b\r\n" * 62, 431, "http-too-large"),
    ("a head above 16 KiB", "X-A: bbbbb\r\n" * 3000, 431, "http-too-large"),
    ("a header above 8 KiB", f"X-DTLS-CipherSuite: {'A:' * 4096}\r\n", 431, "http-too-large"),
]))
def test_connect_that_is_malformed(stage, token, headers, status, cause):
    stage.run(asked(connect_request(token, headers)), status, [("group.http-refused", cause)], times=10)


def test_an_old_cookie_is_refused(stage):
    """After the log-off it is as unknown as any other."""
    with stage.session() as old:
        pass
    stage.run(asked(connect_request(old)), 401, [("cstp.refused", "cookie-unknown")])


LONG = "9" * 30
ODD_NUMBERS = ["", "0", "-1", "+5", "1.5", "0x500", "abc", LONG, "575", "65536", "1500 1500", "１５００"]
ODD_LISTS = ["", ":", "::::", "a" * 4000, ":".join("ABC" for _ in range(1000)), "AES128-SHA\tX",
             "AES256-SHA, AES128-SHA", "PSK-NEGOTIATE-NOT", "oc-dtls1_2-aes128-gcm", "\xff\xfe"]
ODD_ADDRESSES = ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::1::", "fe80::1%wan", "0.0.0.0", "10.20.0.1/16", "a" * 500]
ODD_WORDS = ["", "TRUE", "yes", "1", "true, false", "x" * 2000]
ODD_HEADERS = {
    "X-CSTP-Version": ["", "0", "2", "x", LONG],
    "X-CSTP-Hostname": ["", "a" * 64, "-x", "x-", ".", "a b", "ä", "`id`", "$(id)", "../../x", "a" * 4000],
    "X-CSTP-Base-MTU": ODD_NUMBERS,
    "X-CSTP-MTU": ODD_NUMBERS,
    "X-CSTP-Address-Type": ["", "IPv5", ",,,", "IPv4;IPv6", "ipv4", "IPv4," * 1000],
    "X-CSTP-Full-IPv6-Capability": ODD_WORDS,
    "X-CSTP-Address": ODD_ADDRESSES,
    "X-CSTP-Local-Address-IP4": ODD_ADDRESSES,
    "X-CSTP-Remote-Address-IP6": ODD_ADDRESSES,
    "X-CSTP-Accept-Encoding": ["", ",oc-lz4,lzs", "lzs" * 1000, "lzs,lzs,lzs", "gzip;q=1"],
    "X-CSTP-License": ["", "mobile mobile", "x" * 3000],
    "X-CSTP-FIPS-Mode": ODD_WORDS,
    "X-CSTP-TCP-Keepalive": ODD_WORDS,
    "X-DTLS-CipherSuite": ODD_LISTS,
    "X-DTLS12-CipherSuite": ODD_LISTS,
    "X-DTLS-Accept-Encoding": ["", "lzs" * 1000],
    "X-DTLS-Header-Pad-Length": ODD_NUMBERS,
    "X-AnyConnect-Identifier-Platform": ["", "\xff", "x" * 4000],
    "X-AnyConnect-Identifier-Device-UniqueID": ["", "\xff", "x" * 4000],
    "X-AnyConnect-STRAP-Pubkey": ["", "=", "AAAA", "x" * 4000],
    "X-AnyConnect-STRAP-Verify": ["", "=", "AAAA", "x" * 4000],
    "User-Agent": ["", "\xff" * 100, "x" * 4000, "AnyConnect", "%s%n"],
    "Host": ["", "x:99999", "[::1]:443", "x" * 300],
}


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_odd_headers_of_connect_are_taken_as_absent(stage, token, name):
    """Never an error: the tunnel comes up, and carries frames. One value after the other."""
    values = iter([])

    def attack(stage):
        nonlocal values
        value = next(values, None)
        if value is None:
            values = iter(ODD_HEADERS[name])
            value = next(values)
        request = connect_request(token, f"{name}: {value}\r\n")
        if name == "Host":
            request = request.replace(b"Host: 192.0.2.1\r\n", b"")
        with Tls(stage.host) as tls:
            answer = tls.ask(request)
            if answer is None or answer.status != 200:
                return value, answer and answer.status
            return echoes(tls)

    stage.run(attack, True, down("cstp-peer-closed"), times=len(ODD_HEADERS[name]))


SECRET = "AB" * 48


@pytest.mark.parametrize("secret, cause", table([
    ("none", None, "dtls-bad-secret"),
    ("empty", "", "dtls-bad-secret"),
    ("95 digits", SECRET[1:], "dtls-bad-secret"),
    ("97 digits", SECRET + "A", "dtls-bad-secret"),
    ("94 digits", SECRET[2:], "dtls-bad-secret"),
    ("not hexadecimal", SECRET[:-1] + "G", "dtls-bad-secret"),
    ("with a blank", SECRET[:40] + " " + SECRET[41:], "dtls-bad-secret"),
    ("a megabyte less a lot", "AB" * 3000, "dtls-bad-secret"),
]))
def test_a_bad_dtls_secret_means_no_dtls(stage, token, secret, cause):
    """Never a weak key: the tunnel stays on TLS."""
    headers = "X-DTLS-CipherSuite: OC-DTLS1_2-AES128-GCM\r\n"
    if secret is not None:
        headers += f"X-DTLS-Master-Secret: {secret}\r\n"

    def attack(stage):
        tls, answer = raw.tunnel(stage.host, token, headers=headers)
        with tls:
            offers = [n for n, _ in answer.headers if n.startswith("X-DTLS") and n.endswith(("-ID", "-CipherSuite"))]
            return answer.status, bool(offers), echoes(tls)

    stage.run(attack, (200, False, True), [("dtls.none", cause), ("cstp.down", "cstp-peer-closed")], times=4)


# -- CSTP -------------------------------------------------------------------------------------------------------------


def tunnelled(token, do, version=None, **kw):
    """An attack: a tunnel, and what is done with it; its result."""
    def attack(stage):
        tls, answer = raw.tunnel(stage.host, token, version, **kw)
        with tls:
            assert answer.status == 200
            return do(tls)
    return attack


def over(tls):
    """Reads to the end, in which no frame may come but the last words of TLS."""
    tls.drain()
    assert tls.plain == b""
    return "over"


def sends(*data, version=None):
    """Sends bytes, each as a record, and waits for the end."""
    def do(tls):
        tls.wire.send(b"".join(tls.record(d) for d in data))
        return over(tls)
    return do


PING = echo4("10.20.0.99", netns.BEHIND4)

FRAMING = [
    ("wrong magic", [b"STG\1" + frame(F_KEEPALIVE)[4:]]),
    ("magic of another version", [b"STF\2" + frame(F_KEEPALIVE)[4:]]),
    ("a last byte that is not 0", [frame(F_KEEPALIVE, last=1)]),
    ("one byte", [b"S"]),
    ("seven bytes", [frame(F_KEEPALIVE)[:7]]),
    ("a length that is too short", [frame(F_DATA, PING, length=len(PING) - 1)]),
    ("a length that is too long", [frame(F_DATA, PING, length=len(PING) + 1)]),
    ("length 0 for a packet", [frame(F_DATA, PING, length=0)]),
    ("length 65535", [frame(F_DATA, PING, length=65535)]),
    ("16377 bytes, claimed", [frame(F_DATA, bytes(16376), length=16377)]),
    ("two frames in a record", [frame(F_DPD_REQ) + frame(F_DPD_REQ)]),
    ("a frame over two records", [frame(F_DPD_REQ, b"ab")[:9], frame(F_DPD_REQ, b"ab")[9:]]),
    ("head and payload in two records", [frame(F_DATA, PING)[:8], PING]),
    ("a compressed frame", [frame(F_COMPRESSED, b"\0" * 20)]),
    ("HTTP again", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]),
    ("garbage of a whole record", [bytes(range(256)) * 64]),
]


@VERSIONS
@pytest.mark.parametrize("data", table(FRAMING))
def test_broken_framing_ends_the_connection(stage, token, version, data):
    """And not the session: the cookie is good for the next time."""
    stage.run(tunnelled(token, sends(*data), version), "over", down("cstp-framing"), times=5)


@pytest.mark.parametrize("behind, expected, cause", table([
    ("a frame", frame(F_DPD_REQ, b"early"), b"early", "cstp-peer-closed"),
    ("two frames", frame(F_KEEPALIVE) + frame(F_DPD_REQ, b"early"), b"early", "cstp-peer-closed"),
    ("garbage", b"garbage that is no frame", None, "cstp-framing"),
    ("half a frame", frame(F_DPD_REQ, b"early")[:10], None, "cstp-framing"),
    ("a request", raw.get(), None, "cstp-framing"),
]))
@VERSIONS
def test_bytes_behind_the_head_of_connect(stage, token, version, behind, expected, cause):
    """They belong to the tunnel: whole frames, or its end."""
    def attack(stage):
        with Tls(stage.host, version) as tls:
            answer = tls.ask(connect_request(token) + behind)
            assert answer.status == 200
            return next_frame(tls, F_DPD_RESP)
    stage.run(attack, expected, down(cause), times=4)


def changed(data):
    return data[:-1] + bytes([data[-1] ^ 1])


RECORDS = [
    ("a record that was changed", lambda tls: changed(tls.record(frame(F_DPD_REQ))), "cstp-record"),
    ("a record left out", lambda tls: (tls.record(b"x"), tls.record(frame(F_DPD_REQ)))[1], "cstp-record"),
    ("the same record twice", lambda tls: (lambda r: r + r)(tls.record(frame(F_KEEPALIVE))), "cstp-record"),
    ("a record in the clear", lambda tls: record(DATA, frame(F_DPD_REQ)), "cstp-record"),
    ("a short record", lambda tls: record(DATA, bytes(10)), "cstp-record"),
    ("a record that is too long", lambda tls: record(DATA, bytes(18500)), "cstp-record"),
    ("a record that claims 64 KiB", lambda tls: b"\x17\3\3\xff\xff" + bytes(100), "cstp-record"),
    ("a payload of 16377 bytes", lambda tls: tls.record(frame(F_DATA, bytes(16377))), "cstp-record"),
    ("another version", lambda tls: b"\x17\2\2\0\x20" + bytes(32), "cstp-record"),
    ("ChangeCipherSpec", lambda tls: record(CCS, b"\1"), "cstp-record"),
    ("a record of an unknown kind", lambda tls: tls.record(b"x", 99), "cstp-record"),
    ("HTTP in the clear", lambda tls: b"GET / HTTP/1.1\r\n\r\n", "cstp-record"),
    ("a fatal alert", lambda tls: tls.record(b"\2\x50", ALERT), "cstp-peer-closed"),
    ("an alert of three bytes", lambda tls: tls.record(b"\2\x50\0", ALERT), "cstp-peer-closed"),
    ("close_notify", lambda tls: tls.record(b"\1\0", ALERT), "cstp-peer-closed"),
]


@VERSIONS
@pytest.mark.parametrize("what, cause", table(RECORDS))
def test_broken_records_end_the_connection(stage, token, version, what, cause):
    def do(tls):
        tls.own()
        tls.wire.send(what(tls))
        return over(tls)
    stage.run(tunnelled(token, do, version), "over", down(cause), times=5)


@pytest.mark.parametrize("what", table([
    ("a NewSessionTicket", lambda tls: message(4, bytes(40))),
    ("a ClientHello", lambda tls: bytes(Hello())),
    ("a Finished", lambda tls: message(20, bytes(48))),
    ("a KeyUpdate that asks for 2", lambda tls: b"\x18\0\0\1\2"),
    ("a KeyUpdate without a body", lambda tls: b"\x18\0\0\0"),
    ("half a KeyUpdate", lambda tls: b"\x18\0"),
    ("a KeyUpdate and more", lambda tls: b"\x18\0\0\1\0\x18\0\0\1\0"),
]))
def test_handshake_messages_behind_connect_13(stage, token, what):
    def do(tls):
        tls.own()
        tls.wire.send(tls.record(what(tls), HANDSHAKE))
        return over(tls)
    stage.run(tunnelled(token, do, "1.3"), "over", down("cstp-record"), times=5)


def flood(make, n, then="over"):
    """Sends n of them; then the connection is over, or still answers."""
    def do(tls):
        tls.own()
        tls.wire.send(b"".join(make(tls) for _ in range(n)))
        return over(tls) if then == "over" else echoes(tls)
    return do


FLOODS = [
    ("empty records", ["1.2", "1.3"], lambda tls: tls.record(b""), 32),
    ("KeyUpdates", ["1.3"], lambda tls: tls.key_update(), 32),
    ("KeyUpdates that ask for one", ["1.3"], lambda tls: tls.key_update(1), 32),
    ("warnings", ["1.2"], lambda tls: tls.record(b"\1\x5a", ALERT), 16),
    ("renegotiations", ["1.2"], lambda tls: tls.record(bytes(Hello(versions=(0x0303,))), HANDSHAKE), 16),
]


@pytest.mark.parametrize("version, make, most", [
    pytest.param(version, make, most, id=f"{name}, {version}")
    for name, versions, make, most in FLOODS for version in versions])
def test_a_flood_below_tls_data_is_bounded(stage, token, version, make, most):
    """So many are taken; one more ends the connection."""
    if make is FLOODS[-1][2]:  # OpenSSL's client ends at the warning that answers it
        def taken(tls):
            tls.own()
            tls.wire.send(b"".join(make(tls) for _ in range(most)) + tls.record(frame(F_DPD_REQ)))
            tls.wire.got = b""
            until(lambda: tls.wire.take() and sum(k == DATA for k, _ in raw.records(tls.wire.got)) == 1, "an answer")
            return sum(k == ALERT for k, _ in raw.records(tls.wire.got)) == most
    else:
        taken = flood(make, most, "alive")
    stage.run(tunnelled(token, taken, version), True, down("cstp-peer-closed"), times=4)

    def too_many(tls):
        tls.own()
        tls.wire.send(b"".join(make(tls) for _ in range(most + 1)))
        tls.wire.drain()
        return "over"
    stage.run(tunnelled(token, too_many, version), "over", down("cstp-flood"), times=4)


def test_padding_of_records_is_stripped(stage, token):
    """1.3"""
    def do(tls):
        tls.wire.send(tls.record(frame(F_DPD_REQ, b"padded"), padding=3000))
        return next_frame(tls, F_DPD_RESP)
    stage.run(tunnelled(token, do, "1.3"), b"padded", down("cstp-peer-closed"), times=4)


@VERSIONS
def test_a_record_in_pieces_of_one_byte(stage, token, version):
    def do(tls):
        for byte in tls.record(frame(F_DPD_REQ, b"slowly")):
            tls.wire.send(bytes([byte]))
        return next_frame(tls, F_DPD_RESP)
    stage.run(tunnelled(token, do, version), b"slowly", down("cstp-peer-closed"), times=4)


UNKNOWN = ("cstp.notice", "cstp-unknown-frame")


@VERSIONS
@pytest.mark.parametrize("data, more", table([
    ("an unknown type", [frame(1, b"x")], [UNKNOWN]),
    ("all unknown types", [frame(t) for t in range(256) if t not in (0, 3, 4, 5, 7, 8)], [UNKNOWN]),
    ("TERMINATE", [frame(F_TERMINATE)], [UNKNOWN]),
    ("an empty DATA", [frame(F_DATA)] * 100, []),
    ("keepalives", [frame(F_KEEPALIVE)] * 200, []),
    ("a keepalive with a payload", [frame(F_KEEPALIVE, bytes(5000))], []),
    ("answers to no question", [frame(F_DPD_RESP, b"x" * 1000)] * 100, []),
]))
def test_frames_that_are_ignored(stage, token, version, data, more):
    def do(tls):
        tls.wire.send(b"".join(tls.record(d) for d in data))
        return echoes(tls)
    stage.run(tunnelled(token, do, version), True, down("cstp-peer-closed", *more), times=4)


@VERSIONS
def test_the_largest_payload_is_taken(stage, token, version):
    def do(tls):
        payload = os.urandom(16376)
        tls.wire.send(tls.record(frame(F_DPD_REQ, payload)))
        return next_frame(tls, F_DPD_RESP) == payload
    stage.run(tunnelled(token, do, version), True, down("cstp-peer-closed"), times=4)


def test_a_flood_of_dpd_is_answered_a_hundred_times_a_second(stage, token):
    def do(tls):
        start = time.monotonic()
        tls.wire.send(b"".join(tls.record(frame(F_DPD_REQ, b"%d" % i)) for i in range(1000)))
        n = 0
        tls.wire.sock.settimeout(0.3)
        try:
            while next_frame(tls, F_DPD_RESP, 0.3) is not None:
                n += 1
        except TimeoutError:
            pass
        return 100 <= n <= 100 * (1 + int(time.monotonic() - start))
    stage.run(tunnelled(token, do), True, down("cstp-peer-closed"), times=3)


@pytest.mark.parametrize("reason, logout", table([
    ("B0", b"\xb0", True), ("B0 and text", b"\xb0Client logout", True), ("70", b"\x70no adapter", True),
    ("91", b"\x91", False), ("D1", b"\xd1", False), ("empty", b"", False), ("01", b"\x01hi", False),
    ("FF and odd text", b"\xff" + bytes(range(256)), False), ("text of 16 KiB", b"\xd1" + b"x" * 16000, False),
]))
def test_disconnect(stage, reason, logout):
    """B0 and 70 end the session; everything else leaves it for the next CONNECT."""
    def attack(stage):
        token = raw.log_in(stage.host)
        tls, answer = raw.tunnel(stage.host, token)
        with tls:
            assert answer.status == 200
            tls.wire.send(tls.record(frame(F_DISCONNECT, reason)))
            tls.drain()
        if not logout:
            raw.log_out(stage.host, token)
        return "over"
    ended = ("cstp.session-ended", "logout")
    stage.run(attack, "over", down("logout" if logout else "cstp-detached", ended), times=4)


@pytest.mark.parametrize("end", table([
    ("half-close", lambda tls: (tls.wire.sock.shutdown(socket.SHUT_WR), over(tls))),
    ("RST", lambda tls: tls.wire.reset()),
    ("FIN in a record", lambda tls: (tls.wire.send(tls.record(frame(F_KEEPALIVE))[:7]), tls.wire.close())),
]))
def test_a_connection_that_breaks(stage, token, end):
    def do(tls):
        assert echoes(tls)
        tls.own()
        end(tls)
        return "gone"
    stage.run(tunnelled(token, do), "gone", down("cstp-peer-closed"))


def test_connects_one_after_the_other(stage, token):
    """The newest wins, each time; the ones before end quietly."""
    def attack(stage):
        tunnels = []
        try:
            for _ in range(5):
                tls, answer = raw.tunnel(stage.host, token, keys=False)
                tunnels.append(tls)
                assert answer.status == 200 and echoes(tls)
            for old in tunnels[:-1]:
                assert over(old)
            return echoes(tunnels[-1])
        finally:
            for tls in tunnels:
                tls.close()
    replaced = [("cstp.down", "cstp-replaced"), NO_DTLS] * 4
    stage.run(attack, True, down("cstp-peer-closed", *replaced), times=4)


def test_connects_all_at_once(stage, token):
    """One is left in the end, and the cookie is good for another."""
    def connect(_):
        tls, answer = raw.tunnel(stage.host, token, keys=False)
        return tls, answer and answer.status

    def attack(stage):
        with ThreadPoolExecutor(8) as pool:
            tunnels = list(pool.map(connect, range(8)))
        try:
            tls, answer = raw.tunnel(stage.host, token, keys=False)
            with tls:
                return [status for _, status in tunnels] == [200] * 8 and echoes(tls)
        finally:
            for tls, _ in tunnels:
                tls.close()

    if not stage.sanitized:
        for _ in range(40):  # eight at once spread over the heap; from about the thirtieth round on it is flat to the KiB
            attack(stage)
    stage.run(attack, True, None, times=3)


# -- packets ----------------------------------------------------------------------------------------------------------

def packets(lease, what):
    return [p(lease) if callable(p) else p for p in what]


def with_length(packet, n):
    return packet[:2] + n.to_bytes(2, "big") + packet[4:]


DROPPED = ("cstp.packet-dropped", "inner-source")


@pytest.mark.parametrize("what, more", table([
    ("another's source", [echo4("10.20.255.254", netns.BEHIND4)], [DROPPED]),
    ("the gateway's source", [echo4(netns.GATEWAY4, netns.BEHIND4)], [DROPPED]),
    ("a source behind the gateway", [echo4(netns.BEHIND4, netns.BEHIND4)], [DROPPED]),
    ("a broadcast source", [echo4("255.255.255.255", netns.BEHIND4)], [DROPPED]),
    ("an IPv6 source", [b"\x60\0\0\0\0\0\x3b\x40" + socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2], [DROPPED]),
    ("a thousand of them", [echo4(f"10.9.{i // 250}.{i % 250}", netns.BEHIND4) for i in range(1000)], [DROPPED]),
    ("no version", [b"\0" * 40], []),
    ("version 5", [b"\x55" + bytes(40)], []),
    ("truncated heads", [lambda ip, n=n: echo4(ip, netns.BEHIND4)[:n] for n in range(1, 20)], []),
    ("truncated IPv6 heads", [(b"\x60" + bytes(39))[:n] for n in range(1, 40)], []),
    ("a total length beyond the packet", [lambda ip: with_length(echo4(ip, netns.BEHIND4), 65535)], []),
    ("a total length of 0", [lambda ip: with_length(echo4(ip, netns.BEHIND4), 0)], []),
    ("a head longer than the packet", [lambda ip: b"\x4f" + echo4(ip, netns.BEHIND4, size=0)[1:]], []),
    ("a head of 4 bytes", [lambda ip: b"\x41" + echo4(ip, netns.BEHIND4)[1:]], []),
    ("TCP with an offset beyond the packet", [
        lambda ip: ipv4(ip, netns.BEHIND4, bytes(12) + b"\xf0" + bytes(7), 6)], []),
    ("TCP cut short", [lambda ip, n=n: ipv4(ip, netns.BEHIND4, bytes(n), 6) for n in range(20)], []),
    ("UDP whose length lies", [lambda ip: udp4(ip, netns.BEHIND4, 9, 9, b"x" * 50)[:24] + b"\xff\xff" + bytes(52)], []),
    ("TTL 0", [lambda ip: ipv4(ip, netns.BEHIND4, bytes(20), ttl=0)], []),
    ("multicast", [lambda ip: udp4(ip, "224.0.0.251", 5353, 5353, bytes(40))], []),
    ("broadcast", [lambda ip: udp4(ip, "255.255.255.255", 67, 67, bytes(40))], []),
    ("to oneself", [lambda ip: echo4(ip, ip)], []),
    ("to loopback", [lambda ip: echo4(ip, "127.0.0.1")], []),
    ("16376 bytes", [lambda ip: udp4(ip, netns.BEHIND4, 9, 9, bytes(16376 - 28))], []),
]))
def test_packets_that_are_dropped(stage, token, what, more):
    """Or passed on to who will drop them; the connection lives, the first one from a wrong source is told."""
    def attack(stage):
        tls, answer = raw.tunnel(stage.host, token)
        with tls:
            lease = answer.header("X-CSTP-Address")
            tls.wire.send(b"".join(tls.record(frame(F_DATA, p)) for p in packets(lease, what)))
            return echoes(tls)
    stage.run(attack, True, down("cstp-peer-closed", *more), times=4)


def test_a_good_packet_behind_bad_ones_arrives(stage, token):
    """Coalescing does not mix them up."""
    def attack(stage):
        tls, answer = raw.tunnel(stage.host, token)
        with tls:
            lease = answer.header("X-CSTP-Address")
            good = echo4(lease, netns.BEHIND4, seq=7, size=100)
            bad = [echo4("10.9.9.9", netns.BEHIND4), good[:19], b"\x45", b"\x55" + good[1:]]
            tls.wire.send(b"".join(tls.record(frame(F_DATA, p)) for p in [*bad, good, *bad]))
            answer = next_frame(tls, F_DATA)
            return answer[20], answer[24:28] == good[24:28], len(answer) == len(good)
    stage.run(attack, (0, True, True), down("cstp-peer-closed", DROPPED), times=4)


# -- a client that does not read --------------------------------------------------------------------------------------


def deaf(stage, token):
    """A tunnel whose client reads no more, with a small receive buffer; and its address."""
    tls, answer = raw.tunnel(stage.host, token)
    tls.wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return tls, answer.header("X-CSTP-Address")


def pour(stage, address, seconds):
    """Datagrams from behind the gateway, no faster than the TUN's own queue goes down, until some were dropped."""
    before = stage.counters()["dropped_slow"]
    with stage.world.behind.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        end = time.monotonic() + seconds
        while stage.counters()["dropped_slow"] - before < 100:
            assert time.monotonic() < end, "nothing was dropped"
            for _ in range(40):
                sock.sendto(bytes(1000) * 5, (address, 9))
                time.sleep(0.001)


def test_a_client_that_does_not_read_costs_nobody_else(stage, token):
    """Its queue is bounded, its packets are dropped, its neighbours miss none."""
    with stage.undisturbed():
        tls, address = deaf(stage, token)
        with tls:
            with stage.bounded(1024):
                pour(stage, address, 10)
            stage.check()


def test_a_client_that_asks_and_does_not_read(stage, token):
    """Answers to DPD count against the queue as packets do."""
    with stage.undisturbed():
        tls, _ = deaf(stage, token)
        with tls:
            tls.wire.sock.settimeout(2)
            end = time.monotonic() + 3
            with stage.bounded(2048):
                while time.monotonic() < end:
                    tls.wire.send(b"".join(tls.record(frame(F_DPD_REQ, bytes(16000))) for _ in range(100)))


@pytest.mark.long
@pytest.mark.limit(90)
def test_a_client_that_does_not_read_is_let_go(stage, token):
    """After 30 s without a byte taken."""
    with stage.undisturbed():
        since = stage.now()
        tls, address = deaf(stage, token)
        with tls:
            pour(stage, address, 10)
            until(lambda: ("cstp.down", "cstp-slow-peer") in stage.causes(since), "the connection is ended", 45)


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
