"""Hostile input in phase 1: TLS, and the deadlines of what comes before a login (docs/threats.md, "Promises by phase").

Each row below is tried again and again beside two honest sessions; what must hold each time is in harness/hostile.py.
"""
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import raw
from harness.hostile import bytes_sent, seen, stage, stage_of_module, table  # noqa: F401 (fixtures)
from harness.raw import ALERT, CCS, DATA, HANDSHAKE, Hello, Tls, Wire, changed, get, message, post, record
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its limits and events"), pytest.mark.core]

NOT_TLS = ("closed", "tls-not-tls")


def hello(size=16384, **parts):
    """A ClientHello with parts replaced; size of its records."""
    def build():
        h = Hello(**{k: parts[k] for k in ("versions", "suites", "name") if k in parts})
        for key, value in parts.items():
            if key == "extensions":
                h.extensions |= value
            elif key == "without":
                for kind in value:
                    del h.extensions[kind]
            elif key not in ("versions", "suites", "name"):
                setattr(h, key, value)
        return h.records(size)
    return build


def old_hello(version):
    return hello(version=version, without=[43, 51], suites=(0xC02B, 0xC02F, 0x002F))


def padded_hello(total):
    """A hello of this many bytes, its header included."""
    def build():
        h = Hello()
        h.suites += [0x5A5A] * 20000
        h.extensions[21] = b""
        h.extensions[21] = bytes(total - len(bytes(h)))
        assert len(bytes(h)) == total
        return h.records()
    return build


def broken_hello(change):
    """The hello's message with bytes changed, in one record."""
    return lambda: record(HANDSHAKE, change(bytes(Hello())), 0x0301)


# What is sent on a fresh connection; what the client sees; the cause.
NO_HANDSHAKE = [
    ("garbage", bytes(range(200, 256)) * 40, *NOT_TLS),
    ("zeros", bytes(5000), *NOT_TLS),
    ("one odd byte", b"\xff", *NOT_TLS),
    ("HTTP in the clear", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", *NOT_TLS),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", *NOT_TLS),
    ("hello of SSL 2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37), *NOT_TLS),
    ("an alert first", record(ALERT, b"\2\x28"), *NOT_TLS),
    ("data first", record(DATA, b"x" * 100), *NOT_TLS),
    ("ChangeCipherSpec first", record(CCS, b"\1"), *NOT_TLS),
    ("a record of another protocol's version", b"\x16\x02\x00\x00\x05hello", *NOT_TLS),
    ("SSL 3.0", old_hello(0x0300), "alert 40, closed", "tls-version"),
    ("TLS 1.0", old_hello(0x0301), "alert 70, closed", "tls-version"),
    ("TLS 1.1", old_hello(0x0302), "alert 70, closed", "tls-version"),
    ("TLS 1.0 by extension", hello(versions=(0x0301, 0x0302)), "alert 70, closed", "tls-version"),
    ("a version that does not exist", hello(versions=(0x0399,)), "alert 70, closed", "tls-version"),
    ("no common suite, 1.2", hello(versions=(0x0303,), suites=(0x002F, 0x000A, 0xC013)), "alert 40, closed",
     "tls-no-shared-suite"),
    ("no common suite, 1.3", hello(versions=(0x0304,), suites=(0x1304, 0x1305)), "alert 40, closed",
     "tls-no-shared-suite"),
    ("no common group", hello(extensions={10: b"\0\2\x01\x00", 51: b"\0\0"}, versions=(0x0304,)), "alert 40, closed",
     "tls-no-shared-suite"),
    ("no common signature scheme", hello(extensions={13: b"\0\2\x02\x01"}), "alert 40, closed", "tls-no-shared-suite"),
    ("fallback though more is possible", hello(versions=(0x0303,), suites=(0x5600, 0xC02B)), "alert 86, closed",
     "tls-handshake"),
    ("no suites at all", hello(suites=()), "alert 47, closed", "tls-handshake"),
    ("no compression method", hello(compression=b""), "alert 50, closed", "tls-handshake"),
    ("compression alone", hello(compression=b"\1", versions=(0x0303,)), "alert 50, closed", "tls-handshake"),
    ("a session id of 33 bytes", hello(session=bytes(33)), "alert 50, closed", "tls-handshake"),
    ("an extension's length lies", hello(extensions={10: b"\xff\xff\0\x1d"}), "alert 50, closed", "tls-handshake"),
    ("an empty key share", hello(extensions={51: b"\0\4\0\x1d\0\0"}), "alert 50, closed", "tls-handshake"),
    ("a byte behind the extensions", broken_hello(lambda m: m[:1] + (len(m) - 3).to_bytes(3, "big") + m[4:] + b"x"),
     "alert 50, closed", "tls-handshake"),
    ("an extension twice", broken_hello(lambda m: m.replace(b"\0\x0d\0", b"\0\x0a\0", 1)), "alert 47, closed",
     "tls-handshake"),
    ("PSK not as the last extension", hello(extensions={41: bytes(10), 45: b"\1\1", 21: b""}), "alert 47, closed",
     "tls-handshake"),
    ("ServerHello instead of ClientHello", record(HANDSHAKE, message(2, bytes(60)), 0x0301), "alert 10, closed",
     "tls-handshake"),
    ("Finished first", record(HANDSHAKE, message(20, bytes(12)), 0x0301), "alert 10, closed", "tls-handshake"),
    ("a hello of 64 KiB and a byte", padded_hello(65537), "alert 47, closed", "tls-hello-too-large"),
    ("a hello that claims 16 MiB", record(HANDSHAKE, b"\1\xff\xff\xff" + bytes(200), 0x0301), "alert 47, closed",
     "tls-hello-too-large"),
    ("a record that claims 64 KiB", b"\x16\3\1\xff\xff" + bytes(2000), "alert 22, closed", "tls-handshake"),
    ("records without content", b"\x16\3\1\0\0" * 100, "alert 10, closed", "tls-handshake"),
    # from here on the gateway's alert is encrypted
    ("hello, then garbage", lambda: hello()() + b"\xaa\3\3\0\5hello", "server hello, closed", "tls-handshake"),
    ("hello, then data in the clear", lambda: hello()() + record(DATA, bytes(500)), "server hello, closed",
     "tls-handshake"),
    ("hello, then an alert", lambda: hello()() + record(ALERT, b"\2\x2a"), "server hello, closed", "tls-alert"),
    ("hello, then another hello", lambda: hello()() + hello()(), "server hello, closed", "tls-handshake"),
]


@pytest.mark.parametrize("data, expected, cause", table(NO_HANDSHAKE))
def test_tls_that_is_refused(stage, data, expected, cause):
    stage.run(bytes_sent(data), expected, [("tls.failed", cause)])


def stop_early(version, records_sent, end, keep_bytes=None):
    """The client's second flight up to this record (or byte of it), then the end of the connection."""
    def attack(stage):
        with Tls(stage.crowd, version, shake=False) as tls:
            tls.wire.send(tls.step())
            while not (out := tls.step()):
                if out is None:
                    out = tls._out.read()  # 1.3: complete, for the client
                    break
                tls.feed()
            parts = [record(kind, body) for kind, body in raw.records(out)]
            sent = b"".join(parts[:records_sent])
            tls.wire.send(sent[:keep_bytes])
            end(tls.wire)
            return "gone"
    return attack


@pytest.mark.parametrize("end", [Wire.close, Wire.reset], ids=["FIN", "RST"])
@pytest.mark.parametrize("version, records_sent, keep_bytes", table([
    ("1.2 behind the server's flight", "1.2", 0, None),
    ("1.2 in ClientKeyExchange", "1.2", 1, 20),
    ("1.2 behind ClientKeyExchange", "1.2", 1, None),
    ("1.2 behind ChangeCipherSpec", "1.2", 2, None),
    ("1.3 behind the server's flight", "1.3", 0, None),
    ("1.3 behind ChangeCipherSpec", "1.3", 1, None),
    ("1.3 in Finished", "1.3", 2, 30),
]))
def test_a_client_that_leaves_in_the_handshake(stage, version, records_sent, keep_bytes, end):
    stage.run(stop_early(version, records_sent, end, keep_bytes), "gone", [("tls.failed", "tls-peer-closed")], times=10)


@pytest.mark.parametrize("data, end", table([
    ("before a byte", b"", Wire.close),
    ("before a byte, RST", b"", Wire.reset),
    ("in the record's head", b"\x16\3\1", Wire.close),
    ("in the hello", lambda: hello()()[:100], Wire.close),
]))
def test_a_client_that_leaves_before_the_handshake(stage, data, end):
    def attack(stage):
        wire = Wire(stage.crowd).send(data() if callable(data) else data)
        end(wire)
        return "gone"
    stage.run(attack, "gone", [("tls.failed", "tls-peer-closed")])


def spoiled_finished(version):
    """A Finished that does not verify: its record is changed on the way."""
    def attack(stage):
        with Tls(stage.crowd, version, shake=False) as tls:
            tls.wire.send(tls.step())
            while (out := tls.step()) == b"":
                tls.feed()
            out = out or tls._out.read()
            tls.wire.send(changed(out))
            tls.wire.got = b""
            return seen(tls.wire.drain())
    return attack


@pytest.mark.parametrize("version, expected", [("1.2", "alert 20, closed"), ("1.3", "closed")])
def test_a_finished_that_was_changed(stage, version, expected):
    """(The alert of 1.3 is encrypted.)"""
    stage.run(spoiled_finished(version), expected, [("tls.failed", "tls-handshake")])


def test_a_hello_of_64_kib_is_served(stage):
    """The limit itself; then the client leaves."""
    def leave(wire):
        assert raw.records(wire.got)[0][1][0] == 2
        wire.close()
    stage.run(bytes_sent(padded_hello(65536), leave), "gone", [("tls.failed", "tls-peer-closed")], times=8)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_hello_in_pieces_of_one_byte_is_served(stage, version):
    def attack(stage):
        with Tls(stage.crowd, version, shake=False) as tls:
            for byte in tls.step():
                tls.wire.send(bytes([byte]))
            return tls.shake().ask(get(headers="Connection: close\r\n")).status
    stage.run(attack, 200, [], times=5)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_hello_in_records_of_one_byte_is_served(stage, version):
    def attack(stage):
        with Tls(stage.crowd, version, shake=False) as tls:
            (_, body), = raw.records(tls.step())
            tls.wire.send(b"".join(record(HANDSHAKE, body[i : i + 1], 0x0301) for i in range(len(body))))
            return tls.shake().ask(get(headers="Connection: close\r\n")).status
    stage.run(attack, 200, [], times=5)


def test_an_unknown_server_name_is_served(stage):
    def attack(stage):
        with Tls(stage.crowd, name="no.such.example") as tls:
            return tls.ask(get(headers="Connection: close\r\n")).status
    stage.run(attack, 200, [], times=5)


def test_no_session_of_tls_12_is_resumed(stage):
    """The session id of an earlier connection is not taken up, and no ticket is given."""
    with Tls(stage.crowd, "1.2") as first:
        first.ask(get())
        session, context = first.ssl.session, first.context
    assert session.id and not session.has_ticket

    def attack(stage):
        with Tls(stage.crowd, "1.2", shake=False) as tls:
            # the context must be the one of the session
            tls.ssl = context.wrap_bio(tls._in, tls._out, session=session)
            tls.shake()
            return tls.ssl.session_reused, tls.ask(get(headers="Connection: close\r\n")).status

    stage.run(attack, (False, 200), [], times=5)


def psk(early=False):
    """A hello that offers a ticket, and perhaps sends early data."""
    extensions = {45: b"\1\1"} | ({42: b""} if early else {})
    ticket = raw.vector(raw.vector(os.urandom(180)) + bytes(4)) + raw.vector(raw.vector(os.urandom(32), 1))
    return hello(versions=(0x0304,), extensions=extensions | {41: ticket})


def server_hello_extensions(wire):
    body = next(b for k, b in raw.records(wire.got) if k == HANDSHAKE and b[0] == 2)
    at = 4 + 34 + 1 + body[38] + 3 + 2
    found = []
    while at < len(body):
        kind, n = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
        found.append(kind)
        at += 4 + n
    return found


def test_a_ticket_is_not_taken(stage):
    """The handshake goes on in full: its ServerHello names no PSK."""
    def leave(wire):
        assert 41 not in server_hello_extensions(wire)
        wire.close()
    stage.run(bytes_sent(psk(), leave), "gone", [("tls.failed", "tls-peer-closed")])


def test_early_data_is_not_taken(stage):
    def attack(stage):
        wire = Wire(stage.crowd)
        try:
            wire.send(psk(early=True)() + record(CCS, b"\1") + record(DATA, os.urandom(400)))
            wire.drain()
            assert 41 not in server_hello_extensions(wire)
            return seen(wire)
        finally:
            wire.close()
    stage.run(attack, "server hello, closed", [("tls.failed", "tls-handshake")])


def test_renegotiation_is_refused(stage):
    """1.2: a ClientHello inside the connection draws a warning; the connection goes on. (OpenSSL would end it.)"""
    def attack(stage):
        with Tls(stage.crowd, "1.2", keys=True) as tls:
            tls.wire.send(tls.record(bytes(Hello(versions=(0x0303,))), HANDSHAKE) + tls.record(get()))
            tls.wire.got = b""
            while len(got := raw.records(tls.wire.got)) < 2:
                tls.wire.take()
            (alert, warning), (data, answer) = got[:2]
            return alert, tls.open(alert, warning, 1), tls.open(data, answer, 2)[:12]
    stage.run(attack, (ALERT, b"\1\x64", b"HTTP/1.1 200"), [])


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("what, cause", table([
    ("a record that was changed", lambda tls: changed(tls.record(b"GET /")), "tls-record"),
    ("a record twice", lambda tls: (lambda r: r + r)(tls.record(b"GET /")), "tls-record"),
    ("a record left out", lambda tls: (tls.record(b"G"), tls.record(b"ET /"))[1], "tls-record"),
    ("a record in the clear", lambda tls: record(DATA, b"GET / HTTP/1.1\r\n\r\n"), "tls-record"),
    ("a record that is too long", lambda tls: record(DATA, bytes(16384 + 2049)), "tls-record"),
    ("a fatal alert", lambda tls: tls.record(b"\2\x50", ALERT), "tls-alert"),
    ("an unknown kind of record", lambda tls: tls.record(b"x", 99), "tls-record"),
    ("an unknown handshake message", lambda tls: tls.record(message(77, b"xyz"), HANDSHAKE), "tls-record"),
]))
def test_broken_records_behind_the_handshake(stage, version, what, cause):
    def attack(stage):
        with Tls(stage.crowd, version, keys=True) as tls:
            tls.wire.send(what(tls))
            tls.drain()
            assert tls.plain == b""
            return "over"
    stage.run(attack, "over", [("group.http-refused", cause)], times=10)


def test_keyupdates_before_connect_are_bounded(stage):
    """32 are followed, the next ends the connection."""
    def attack(stage):
        with Tls(stage.crowd, "1.3", keys=True) as tls:
            tls.wire.send(b"".join(tls.key_update() for _ in range(32)))
            assert tls.ask(get()).status == 200
            tls.wire.send(tls.key_update()).send(tls.record(get()))
            tls.drain()
            assert tls.plain == b""
            return "over"
    stage.run(attack, "over", [("group.http-refused", "tls-record")], times=10)


def test_half_open_connections_of_one_source(stage):
    """16 wait for their handshake; the 17th is refused; other sources are served; all is well when they go."""
    with stage.undisturbed():
        since = stage.now()
        held = [Wire(stage.host) for _ in range(16)]
        until(lambda: len([e for e in stage.events(since) if e["event"] == "tls.accepted"]) == 16, "16 are accepted")
        try:
            for _ in range(50):
                surplus = Wire(stage.host)
                assert seen(surplus.drain()) in ("closed", "reset")
                surplus.close()
            with Tls(stage.neighbour) as other:
                assert other.ask(get(headers="Connection: close\r\n")).status == 200
        finally:
            for wire in held:
                wire.close()
        until(lambda: len(stage.causes(since)) >= 66, "an event for each")
        causes = stage.causes(since)
        assert causes.count(("tls.failed", "too-many")) == 50
        assert causes.count(("tls.failed", "tls-peer-closed")) == 16
        assert len(causes) == 66
        with Tls(stage.host) as again:
            assert again.ask(get(headers="Connection: close\r\n")).status == 200


# -- deadlines --------------------------------------------------------------------------------------------------------


def silence(stage):
    return Wire(stage.crowd), lambda wire: None


def silence_behind_the_hello(stage):
    return Wire(stage.crowd).send(hello()()), lambda wire: None


def dripping_hello(stage):
    data = iter(hello()())
    return Wire(stage.crowd), lambda wire: wire.send(bytes([next(data)]))


def slow(first, drip):
    """Behind a handshake: bytes of a request, then one now and then."""
    def begin(stage):
        tls = Tls(stage.crowd)
        tls.send(first)
        return tls.wire, lambda wire: tls.send(drip)
    return begin


def last_until(stage, begin, limit_s, grace_s=2.5):
    """Holds a connection, dripping, and measures when the gateway ends it."""
    wire, drip = begin(stage)
    start = time.monotonic()
    wire.sock.settimeout(0.3)
    while not wire.ended and time.monotonic() - start < limit_s + grace_s:
        try:
            wire.take()
        except TimeoutError:
            drip(wire)
    took = time.monotonic() - start
    wire.close()
    assert wire.ended, f"still open after {took:.1f} s"
    return took


@pytest.mark.limit(40)
def test_ten_seconds_for_a_handshake_and_for_a_head(stage):
    """Deadlines are totals: a byte now and then extends none of them."""
    cases = {silence: "tls-timeout", silence_behind_the_hello: "tls-timeout", dripping_hello: "tls-timeout",
             slow(b"GET / HTTP/1.1\r\nHost: x\r\n", b"a"): "http-timeout"}
    with stage.undisturbed():
        since = stage.now()
        with ThreadPoolExecutor(len(cases)) as pool:
            took = list(pool.map(lambda begin: last_until(stage, begin, 10), cases))
        assert all(9.5 < t < 12 for t in took), took
        until(lambda: len(stage.causes(since)) == len(cases), f"one event each: {stage.causes(since)}")
        assert sorted(cause for _, cause in stage.causes(since)) == sorted(cases.values())


@pytest.mark.long
@pytest.mark.limit(90)
def test_thirty_seconds_for_a_body_and_sixty_between_requests(stage):
    cases = [(slow(post(bytes(1000))[:-1000], b"<"), 30, [("group.http-refused", "http-timeout")]),
             (slow(get(), b""), 60, [])]
    with stage.undisturbed():
        since = stage.now()
        with ThreadPoolExecutor(len(cases)) as pool:
            took = list(pool.map(lambda c: last_until(stage, c[0], c[1]), cases))
        assert [round(t / 10) * 10 for t in took] == [30, 60]
        assert stage.causes(since) == cases[0][2]
