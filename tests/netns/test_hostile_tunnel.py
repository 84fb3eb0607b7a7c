"""Hostile input in phase 5: CONNECT, CSTP, packets (docs/threats.md, "Promises by phase").

As test_hostile_tls.py: each row is tried again and again beside two honest sessions.
"""
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import netns, raw
from harness.hostile import DROPPED, PING, asked, stage, stage_of_module, table, token  # noqa: F401 (fixtures)
from harness.raw import (ALERT, CCS, DATA, F_COMPRESSED, F_DATA, F_DISCONNECT, F_DPD_REQ, F_DPD_RESP, F_KEEPALIVE,
                         F_TERMINATE, HANDSHAKE, Hello, Tls, changed, connect_request, echo4, echoes, frame, ipv4,
                         message, next_frame, record, udp4)
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its limits and events"), pytest.mark.core]

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
NO_DTLS = ("dtls.none", "dtls-not-offered")


def down(cause, *more):
    """What a tunnel without DTLS tells that ends for this cause."""
    return [NO_DTLS, ("cstp.down", cause), *more]


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
    """Datagrams from behind the gateway until some were dropped. The honest sessions' packets lie in the same queue of
    the TUN, which is short: no more than it has room for is ever on its way. (A longer one for a while would lose packets
    by itself: the kernel takes the device out of service while it changes it.)"""
    before = stage.counters()["dropped_slow"]
    with stage.world.behind.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        end = time.monotonic() + seconds
        while stage.counters()["dropped_slow"] - before < 100:
            assert time.monotonic() < end, "nothing was dropped"
            goal = stage.counters()["tun_in"] + 3 * 4
            for _ in range(3):
                sock.sendto(bytes(1000) * 5, (address, 9))  # four to eight fragments, of 32 that the queue takes
            until(lambda goal=goal: stage.counters()["tun_in"] >= goal, "the gateway has read them")


def test_a_client_that_does_not_read_costs_nobody_else(stage, token):
    """Its queue is bounded, its packets are dropped, its neighbours miss none."""
    with stage.undisturbed():
        tls, address = deaf(stage, token)
        with tls:
            with stage.bounded(1024):
                pour(stage, address, 20)
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
            pour(stage, address, 20)
            until(lambda: ("cstp.down", "cstp-slow-peer") in stage.causes(since), "the connection is ended", 45)
