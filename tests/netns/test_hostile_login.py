"""Hostile input in phases 2 to 4: HTTP, XML, logins (docs/threats.md, "Promises by phase").

As test_hostile_tls.py: each row is tried again and again beside two honest sessions.
"""
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import raw
from harness.hostile import FORM_KIB, asked, stage, stage_of_module, table  # noqa: F401 (fixtures)
from harness.raw import Tls, Wire, get, post, reply
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its limits and events"), pytest.mark.core]

# -- HTTP -------------------------------------------------------------------------------------------------------------

BODY = raw.INIT


def head(*lines, body=b""):
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def framed(*headers, body=BODY):
    return head("POST / HTTP/1.1", "Host: x", *headers, body=body)


def head_of(total):
    """A request whose head has this many bytes."""
    start = f"GET {raw.STUB} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    lines, left = "", total - len(start) - 2
    while left > 0:
        n = min(left, 4000) if left - 4000 > 20 or left <= 4000 else left - 100
        lines += f"X-A: {'a' * (n - 7)}\r\n"
        left -= n
    return (start + lines + "\r\n").encode()


def headers_of(n):
    return get(headers="Connection: close\r\n" + "".join(f"X-{i}: v\r\n" for i in range(n - 2)))


L = len(BODY)
MALFORMED, TOO_LARGE, NOT_FOUND, METHOD = "http-malformed", "http-too-large", "http-not-found", "http-method"
HTTP = [
    # framing that two readers could understand in two ways
    ("two lengths", framed(f"Content-Length: {L}", f"Content-Length: {L}"), 400, MALFORMED),
    ("two lengths that differ", framed(f"Content-Length: {L}", "Content-Length: 0"), 400, MALFORMED),
    ("a list of lengths", framed(f"Content-Length: {L}, {L}"), 400, MALFORMED),
    ("length and chunked", framed(f"Content-Length: {L}", "Transfer-Encoding: chunked"), 400, MALFORMED),
    ("chunked and length", framed("Transfer-Encoding: chunked", f"Content-Length: {L}"), 400, MALFORMED),
    ("chunked", framed("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), 501, MALFORMED),
    ("chunked, hidden", framed("Transfer-Encoding:\tidentity, CHUNKED"), 501, MALFORMED),
    ("a signed length", framed(f"Content-Length: +{L}"), 400, MALFORMED),
    ("a negative length", framed("Content-Length: -1"), 400, MALFORMED),
    ("a length beyond 64 bits", framed("Content-Length: 18446744073709551617"), 400, MALFORMED),
    ("a length of 64 bits", framed("Content-Length: 18446744073709551615"), 400, MALFORMED),
    ("a length beyond 32 bits", framed("Content-Length: 4294967297"), 413, TOO_LARGE),
    ("a hexadecimal length", framed("Content-Length: 0x10"), 400, MALFORMED),
    ("a length with a blank inside", framed("Content-Length: 1 0"), 400, MALFORMED),
    ("a length with leading zeros", framed(f"Content-Length: 0{L}"), 400, MALFORMED),
    ("an empty length", framed("Content-Length:"), 400, MALFORMED),
    ("a bare CR in a header", head("GET / HTTP/1.1", "Host: x", "X: a\rHost: y"), 400, MALFORMED),
    ("a bare LF", b"GET / HTTP/1.1\nHost: x\n\n", 400, MALFORMED),
    ("a bare LF in a header", head("GET / HTTP/1.1", "Host: x", "X: a\nContent-Length: 5"), 400, MALFORMED),
    ("a folded line", head("GET / HTTP/1.1", "Host: x", "X: a", " b: c"), 400, MALFORMED),
    ("a line folded by a tab", head("GET / HTTP/1.1", "Host: x", "X: a", "\tContent-Length: 5"), 400, MALFORMED),
    ("a blank before the colon", framed(f"Content-Length : {L}"), 400, MALFORMED),
    ("a header without a colon", head("GET / HTTP/1.1", "Host: x", "nonsense"), 400, MALFORMED),
    ("a header without a name", head("GET / HTTP/1.1", "Host: x", ": v"), 400, MALFORMED),
    ("NUL in a header", head("GET / HTTP/1.1", "Host: x", "X: a\0b"), 400, MALFORMED),
    ("NUL in the request line", b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("an empty line first", b"\r\n" + get(), 400, MALFORMED),
    ("a body where the method has none", head("GET / HTTP/1.1", "Host: x", "Content-Length: 5", body=b"hello"), 400,
     MALFORMED),
    ("a second request in flight", get() + get(), 400, MALFORMED),
    ("half a second request in flight", get() + b"GET", 400, MALFORMED),
    ("more than its length", post(BODY) + b"x", 400, MALFORMED),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400, MALFORMED),
    ("two Hosts", head("GET / HTTP/1.1", "Host: x", "Host: y"), 400, MALFORMED),
    ("a Host with a path", head("GET / HTTP/1.1", "Host: x/y"), 400, MALFORMED),
    ("a Host with credentials", head("GET / HTTP/1.1", "Host: a@b"), 400, MALFORMED),
    # the request line
    ("HTTP/0.9", b"GET /\r\n\r\n", 400, MALFORMED),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, MALFORMED),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, MALFORMED),
    ("another protocol", b"GET / ICY/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("a version of many digits", b"GET / HTTP/1.11\r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("two blanks", b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("a blank behind the version", b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("an unknown method", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 405, METHOD),
    ("a method in lower case", b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 405, METHOD),
    ("OPTIONS", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405, METHOD),
    ("a method of odd characters", b"GE{T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("a whole URL", b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("a fragment", b"GET /#x HTTP/1.1\r\nHost: x\r\n\r\n", 400, MALFORMED),
    ("only garbage", bytes(range(33, 127)) * 3 + b"\r\n\r\n", 400, MALFORMED),
    # paths
    ("an unknown path", get("/no/such/path"), 404, NOT_FOUND),
    ("a path upwards", get("/../../../etc/passwd"), 404, NOT_FOUND),
    ("a path around", get("/1/../1/binaries/update.txt"), 404, NOT_FOUND),
    ("a path upwards, encoded", get("/%2e%2e/%2e%2e/etc/passwd"), 404, NOT_FOUND),
    ("a path upwards, encoded twice", get("/%252e%252e/etc/passwd"), 404, NOT_FOUND),
    ("a slash, encoded twice", get("/1%252fbinaries/update.txt"), 404, NOT_FOUND),
    ("a double slash", get("//1/binaries/update.txt"), 404, NOT_FOUND),
    ("a backslash", get("/1\\binaries\\update.txt"), 404, NOT_FOUND),
    ("NUL, encoded", get("/1/binaries/update.txt%00.html"), 400, MALFORMED),
    ("CR LF, encoded", get("/%0d%0aX-A:%20b"), 400, MALFORMED),
    ("half an escape", get("/%2"), 400, MALFORMED),
    ("no escape", get("/%zz"), 400, MALFORMED),
    ("no UTF-8", get("/%ff%fe"), 400, MALFORMED),
    ("UTF-8 that is too long", get("/%c0%ae%c0%ae/x"), 400, MALFORMED),
    ("GET /", get("/"), 404, NOT_FOUND),
    # limits
    ("a head of 16 KiB and a byte", head_of(16385), 431, TOO_LARGE),
    ("a head without an end", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: a\r\n" * 4000, 431, TOO_LARGE),
    ("65 headers", headers_of(65), 431, TOO_LARGE),
    ("5000 headers", headers_of(5000), 431, TOO_LARGE),
    ("a request line of 4 KiB and a byte", get("/" + "a" * (4097 - 14)), 431, TOO_LARGE),
    ("a request line without an end", b"GET /" + b"a" * 20000, 431, TOO_LARGE),
    ("a header of 8 KiB and a byte", get(headers=f"X-A: {'a' * (8193 - 5)}\r\n"), 431, TOO_LARGE),
    ("a body of 256 KiB and a byte", post(bytes(262145)), 413, TOO_LARGE),
    ("a body of 1 GB, announced", post(b"x").replace(b"Length: 1", b"Length: 1000000000"), 413, TOO_LARGE),
]


@pytest.mark.parametrize("request_, status, cause", table(HTTP))
def test_http_that_is_refused(stage, request_, status, cause):
    stage.run(asked(request_), status, [("group.http-refused", cause)])


# The limits themselves, and oddities that are served.
SERVED = [
    ("a head of 16 KiB", head_of(16384), 200),
    ("64 headers", headers_of(64), 200),
    ("HTTP/1.0", get(version="1.0"), 200),
    ("HTTP/1.0 without Host", f"GET {raw.STUB} HTTP/1.0\r\n\r\n".encode(), 200),
    ("HTTP/1.0 that asks to go on", get(version="1.0", headers="Connection: keep-alive\r\n"), 200),
    ("headers in any case", b"GET " + raw.STUB.encode() + b" HTTP/1.1\r\nhOST:x\r\ncONNECTION:\tCLOSE \r\n\r\n", 200),
    ("an encoded path", get("/1/%62inaries/update.txt", "Connection: close\r\n"), 200),
    ("a query", get(raw.STUB + "?a=%00&b=../..", "Connection: close\r\n"), 200),
    ("bytes above 127 in a header", get(headers="X-A: @\r\nConnection: close\r\n").replace(b"@", b"\xe9\xff"), 200),
    ("HEAD", head(f"HEAD {raw.STUB} HTTP/1.1", "Host: x", "Connection: close"), 200),
]


@pytest.mark.parametrize("request_, status", table(SERVED))
def test_http_that_is_served(stage, request_, status):
    def attack(stage):
        with Tls(stage.crowd) as tls:
            tls.send(request_).drain()
            return int(tls.plain.split()[1])
    stage.run(attack, status, [], times=8)


def test_a_request_line_of_4_kib_is_read(stage):
    stage.run(asked(get("/" + "a" * (4096 - 14))), 404, [("group.http-refused", NOT_FOUND)], times=5)


def test_a_body_of_256_kib_is_read(stage):
    """And then it is too large a document."""
    stage.run(asked(post(sized(262144))), 400, [("group.http-refused", "xml-limit")], times=5)


def test_a_request_in_pieces(stage):
    """A record for every byte."""
    def attack(stage):
        with Tls(stage.crowd) as tls:
            for byte in get(headers="Connection: close\r\n"):
                tls.send(bytes([byte]))
            return tls.answer().status
    stage.run(attack, 200, [], times=5)


def test_expect_is_answered_once(stage):
    def attack(stage):
        with Tls(stage.crowd) as tls:
            request = post(BODY, headers="Expect: 100-continue\r\nConnection: close\r\n")
            tls.send(request[: -len(BODY)])
            first = tls.answer()
            tls.send(BODY[:10]).send(BODY[10:])
            return first.status, tls.answer().status
    stage.run(attack, (100, 200), [], keeps_kib=FORM_KIB)


def test_a_hundred_requests_on_a_connection(stage):
    """The hundredth answer says that it is the last; one more is not answered."""
    def attack(stage):
        with Tls(stage.crowd.alone) as tls:
            for i in range(1, 101):
                answer = tls.ask(get())
                assert answer.status == 200
                assert answer.header("Connection") == ("close" if i == 100 else "Keep-Alive"), i
            return tls.ask(get())
    stage.run(attack, None, [], times=4)


def test_padding_is_ignored(stage):
    """X-Pad, as openconnect sends it."""
    def attack(stage):
        with Tls(stage.crowd) as tls:
            pad = "0" * (64 * (1 + L // 64) - L)
            return tls.ask(post(BODY, headers=f"X-Pad: {pad}\r\nConnection: close\r\n")).status
    stage.run(attack, 200, [], keeps_kib=FORM_KIB)


@pytest.mark.parametrize("end", [Wire.close, Wire.reset], ids=["FIN", "RST"])
@pytest.mark.parametrize("sent, events", table([
    ("no request", b"", []),
    ("half a head", b"GET / HTTP/1.1\r\nHo", [("group.http-refused", "http-peer-closed")]),
    ("half a body", post(BODY)[:-10], [("group.http-refused", "http-peer-closed")]),
]))
def test_a_client_that_leaves_in_a_request(stage, sent, events, end):
    def attack(stage):
        with Tls(stage.crowd) as tls:
            tls.ask(get())
            if sent:
                tls.send(sent)
            end(tls.wire)
            return "gone"
    stage.run(attack, "gone", events)


def test_a_client_that_leaves_before_the_answer(stage):
    """While the authority, or a verifier, is at work for it. (A session that nobody knows waits for cookie-timeout.)"""
    def attack(stage):
        with Tls(stage.crowd) as tls:
            form = tls.ask(post(BODY))
            tls.send(post(reply(raw.opaque_of(form))))
            tls.wire.reset()
            return "gone"
    stage.run(attack, "gone", [], times=10, keeps_kib=8)


# -- documents --------------------------------------------------------------------------------------------------------

ROOT = '<config-auth client="vpn" type="init" aggregate-auth-version="2">'
END = "</config-auth>"


def doc(inside="", root=ROOT, end=END, declaration=raw.XML):
    return (declaration + root + inside + end).encode()


def doctype(inside, use=""):
    return doc(f"<version who='vpn'>{use}</version>", declaration=f"{raw.XML}<!DOCTYPE config-auth {inside}>")


BOMB = "[<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi")) + "]"


def sized(n):
    start = doc(end="")
    return start + b"<x>" + b"a" * (n - len(start) - len(END) - 7) + b"</x>" + END.encode()


def auth(inside):
    return doc(f"<auth>{inside}</auth>", root=ROOT.replace("init", "auth-reply"))


UNEXPECTED, BAD_XML, LIMIT, DTD, ENCODING = "xml-unexpected", "xml-malformed", "xml-limit", "xml-dtd", "xml-encoding"
XML = [
    ("a document type", doctype("[]"), DTD),
    ("an external document type", doctype('SYSTEM "file:///etc/passwd"'), DTD),
    ("an external entity", doctype('[<!ENTITY x SYSTEM "file:///etc/passwd">]', "&x;"), DTD),
    ("an external entity by http", doctype('[<!ENTITY x SYSTEM "http://203.0.113.2/x">]', "&x;"), DTD),
    ("a parameter entity", doctype('[<!ENTITY % x SYSTEM "http://203.0.113.2/x"> %x;]'), DTD),
    ("an entity bomb", doctype(BOMB, "&i;"), DTD),
    ("a quadratic bomb", doctype(f"[<!ENTITY a '{'a' * 30000}'>]", "&a;" * 5000), DTD),
    ("an entity that nobody declared", doc("<x>&nbsp;</x>"), BAD_XML),
    ("UTF-16 with a mark", doc().decode().encode("utf-16"), "no-v2"),
    ("UTF-16 without a mark", doc().decode().encode("utf-16-le"), {BAD_XML, ENCODING}),
    ("UTF-32", doc().decode().encode("utf-32-le"), {BAD_XML, ENCODING, "no-v2"}),
    ("declared as UTF-16", doc(declaration='<?xml version="1.0" encoding="UTF-16"?>'), ENCODING),
    ("declared as Latin-1", doc(declaration='<?xml version="1.0" encoding="ISO-8859-1"?>'), ENCODING),
    ("bytes that are not UTF-8", doc("<x>\xff</x>").decode().encode("latin-1"), ENCODING),
    ("UTF-8 that is too long", doc("<x>@@</x>").replace(b"@@", b"\xc0\xaf"), ENCODING),
    ("a surrogate", doc("<x>@@</x>").replace(b"@@", b"\xed\xa0\x80"), ENCODING),
    ("NUL", doc("<x>\0</x>"), ENCODING),
    ("a control character", doc("<x>\x01</x>"), BAD_XML),
    ("a control character by number", doc("<x>&#1;</x>"), BAD_XML),
    ("64 KiB and a byte", sized(65537), LIMIT),
    ("256 KiB", sized(262144), LIMIT),
    ("depth 17", doc("<x>" * 16 + "</x>" * 16), LIMIT),
    ("depth 5000", doc("<x>" * 5000 + "</x>" * 5000), LIMIT),
    ("33 attributes", doc("<x " + " ".join(f"a{i}='1'" for i in range(33)) + "/>"), LIMIT),
    ("4097 elements", doc("<x/>" * 4096), LIMIT),
    ("the same attribute twice", doc("<x a='1' a='2'/>"), BAD_XML),
    ("version twice", doc("<version who='vpn'>1</version><version who='vpn'>2</version>"), UNEXPECTED),
    ("group-select twice", doc("<group-select>a</group-select><group-select>b</group-select>"), UNEXPECTED),
    ("opaque twice", doc("<opaque is-for='sg'></opaque><opaque is-for='sg'></opaque>"), UNEXPECTED),
    ("username twice", auth("<username>a</username><username>b</username>"), UNEXPECTED),
    ("password twice", auth("<password>a</password><password>b</password>"), UNEXPECTED),
    ("auth twice", doc("<auth></auth><auth></auth>", root=ROOT.replace("init", "auth-reply")), UNEXPECTED),
    ("hello", doc(root=ROOT.replace("init", "hello")), UNEXPECTED),
    ("ack", doc(root=ROOT.replace("init", "ack")), UNEXPECTED),
    ("complete", doc(root=ROOT.replace("init", "complete")), UNEXPECTED),
    ("auth-request", doc(root=ROOT.replace("init", "auth-request")), UNEXPECTED),
    ("an unknown type", doc(root=ROOT.replace("init", "no-such-type")), UNEXPECTED),
    ("no type", doc(root='<config-auth client="vpn">'), UNEXPECTED),
    ("another root", b"<html><body/></html>", UNEXPECTED),
    ("another root's namespace", doc(root="<x:config-auth xmlns:x='y' type='init'>", end="</x:config-auth>"),
     UNEXPECTED),
    ("cut in the middle", doc("<x>a</x>")[:-20], BAD_XML),
    ("cut before its end", doc()[:-1], BAD_XML),
    ("two roots", doc() + doc(declaration=""), BAD_XML),
    ("text behind it", doc() + b"x", BAD_XML),
    ("tags that cross", doc("<a><b></a></b>"), BAD_XML),
    ("an attribute without quotes", doc("<a b=c/>"), BAD_XML),
    ("a declaration in the middle", doc(raw.XML), BAD_XML),
    ("only <", b"<", BAD_XML),
    ("no document", b"", "no-v2"),
    ("blanks", b" \r\n\t" * 10, "no-v2"),
    ("text", b"hello", "no-v2"),
    ("JSON", b'{"a": 1}', "no-v2"),
    ("a form of version 1", b"username=alice&password=wonderland", "no-v2"),
    ("a name of 257 bytes", auth(f"<username>{'a' * 257}</username>"), LIMIT),
    ("a password of 1025 bytes", auth(f"<username>a</username><password>{'a' * 1025}</password>"), LIMIT),
    ("a password of 60000 bytes", auth(f"<username>a</username><password>{'a' * 60000}</password>"), LIMIT),
    ("an answer of 1025 bytes", auth(f"<answer>{'a' * 1025}</answer>"), LIMIT),
    ("a group of 257 bytes", doc(f"<group-select>{'a' * 257}</group-select>"), LIMIT),
    ("an URL of 1025 bytes", doc(f"<group-access>https://{'a' * 1017}</group-access>"), LIMIT),
]


@pytest.mark.parametrize("body, cause", table(XML))
def test_documents_that_are_refused(stage, body, cause):
    causes = cause if isinstance(cause, set) else {cause}

    def attack(stage):
        since = stage.now()
        status = asked(post(body))(stage)
        until(lambda: stage.causes(since), "an event")
        (event, why), = stage.causes(since)
        return status, event, why in causes

    stage.run(attack, (400, "group.http-refused", True), None)


@pytest.mark.parametrize("body", table([
    ("64 KiB", sized(65536)),
    ("depth 16", doc("<x>" * 15 + "</x>" * 15)),
    ("32 attributes", doc("<x " + " ".join(f"a{i}='1'" for i in range(32)) + "/>")),
    ("4096 elements", doc("<x/>" * 4095)),
    ("unknown elements and attributes", doc("<no-such-element who='me'>&lt;</no-such-element>")),
    ("CDATA, comments, instructions", doc("<!-- --><?php ?><version><![CDATA[5.1]]></version>")),
    ("Unicode", doc("<device-id computer-name='日本&#x1F600;'>x</device-id>")),
    ("a group URL that is none", doc("<group-access>ftp://x/../../%00</group-access>")),
]))
def test_documents_that_are_served(stage, body):
    def attack(stage):
        with Tls(stage.crowd) as tls:
            return tls.ask(post(body, headers="Connection: close\r\n")).status
    stage.run(attack, 200, [], times=8, keeps_kib=FORM_KIB)


# -- logins -----------------------------------------------------------------------------------------------------------


def opaque_with(handle):
    return f"<opaque is-for='sg'><aggauth-handle>{handle}</aggauth-handle></opaque>"


@pytest.mark.parametrize("opaque", table([
    ("no opaque", ""),
    ("an empty opaque", "<opaque is-for='sg'></opaque>"),
    ("a handle that is not a number", opaque_with("'; drop table sessions; --")),
    ("handle 0", opaque_with("0")),
    ("a negative handle", opaque_with("-1")),
    ("a handle beyond 64 bits", opaque_with("99999999999999999999")),
    ("the largest handle", opaque_with(str(2**63 - 1))),
    ("a handle that nobody gave", opaque_with("1234567890123456789")),
    ("a long handle", opaque_with("1" * 1000)),
    ("elements that are not ours", "<opaque is-for='sg'><x>" + "y" * 5000 + "</x></opaque>"),
]))
def test_a_reply_to_no_login_of_ours(stage, opaque):
    """It gets a new form and the reason; the password in it is looked at by nobody."""
    def attack(stage):
        with Tls(stage.crowd) as tls:
            answer = tls.ask(post(reply(opaque), headers="Connection: close\r\n"))
            return answer.status, b"Login expired" in answer.body, b"<form" in answer.body
    stage.run(attack, (200, True, True), [("user.refused", "login-expired")], keeps_kib=FORM_KIB)


def test_a_form_that_was_answered_is_not_answered_again(stage):
    """A form is bound to its own opaque: the one before is void as soon as there is a new one."""
    def attack(stage):
        with Tls(stage.crowd.alone) as tls:
            old = raw.opaque_of(tls.ask(post(BODY)))
            new = tls.ask(post(reply(old, password="wrong")))
            assert b"Login failed" in new.body
            again = tls.ask(post(reply(old)))
            return b"Login expired" in again.body, b"session-token" in again.body
    stage.run(attack, (True, False), [("user.refused", "password"), ("user.refused", "login-expired")], times=6,
              keeps_kib=2 * FORM_KIB)


def test_two_replies_at_once(stage):
    """One is checked; the other has come too late."""
    def attack(stage):
        with Tls(stage.crowd.alone) as one, Tls(stage.crowd) as two:
            opaque = raw.opaque_of(one.ask(post(BODY)))
            one.send(post(reply(opaque, password="wrong")))
            two.send(post(reply(opaque, password="wrong")))
            return tuple(sorted(re.search(rb"Login (\w+)", t.answer().body)[1] for t in (one, two)))
    events = [("user.refused", "password"), ("user.refused", "login-expired")]
    stage.run(attack, (b"expired", b"failed"), events, times=6, keeps_kib=2 * FORM_KIB)


def test_a_login_that_succeeded_gives_no_second_token(stage):
    def attack(stage):
        with Tls(stage.crowd.alone) as tls:
            opaque = raw.opaque_of(tls.ask(post(BODY)))
            done = tls.ask(post(reply(opaque)))
            token = re.search(rb"<session-token>([^<]+)", done.body)[1].decode()
            again = tls.ask(post(reply(opaque)))
            since = stage.now()
            raw.log_out(stage.crowd, token)
            until(lambda: ("cstp.session-ended", "logout") in stage.causes(since), "the session is over")
            return b"session-token" in again.body
    stage.run(attack, False, [("user.refused", "login-expired"), ("cstp.session-ended", "logout")], times=6,
              keeps_kib=FORM_KIB)


def test_rounds_of_a_login_are_bounded(stage):
    """Answers that are none: 32 requests, then it is over."""
    def attack(stage):
        with Tls(stage.crowd.alone) as tls:
            answer = tls.ask(post(BODY))
            for n in range(1, 40):
                if b"<form" not in answer.body:
                    return n, b"error" in answer.body
                answer = tls.ask(post(reply(raw.opaque_of(answer), user="", password="x")))
        return None
    events = [("user.refused", "credentials-missing")] * 31 + [("user.refused", "too-many-rounds")]
    stage.run(attack, (33, True), events, times=2, keeps_kib=FORM_KIB)


def test_ninety_logins_at_once(stage):
    """Each is answered: refused, or told to try again. Nobody waits for ever."""
    def begin(_):
        tls = Tls(stage.crowd)
        return tls, raw.opaque_of(tls.ask(post(BODY)))

    def attack(stage):
        with ThreadPoolExecutor(8) as pool:
            logins = list(pool.map(begin, range(90)))
        try:
            for tls, opaque in logins:
                tls.send(post(reply(opaque, password="wrong")))
            texts = {re.search(rb"Login failed|gateway is busy", tls.answer(15).body)[0] for tls, _ in logins}
            return texts - {b"Login failed", b"gateway is busy"} or "answered"
        finally:
            for tls, _ in logins:
                tls.close()

    stage.run(attack, "answered", None, times=1, keeps_kib=90 * FORM_KIB)


@pytest.mark.limit(180)
def test_a_flood_of_forms_is_bounded(stage):
    """4096 logins wait for their client, no more; one that was answered is kept before those that were not."""
    def ask(n):
        for _ in range(n // 99):
            with Tls(stage.crowd.alone) as tls:
                for _ in range(99):
                    assert tls.ask(post(BODY)).status == 200

    with stage.undisturbed():
        with Tls(stage.crowd.alone) as tls:
            opaque = raw.opaque_of(tls.ask(post(reply(raw.opaque_of(tls.ask(post(BODY))), password="wrong"))))
        ask(5000)
        with stage.bounded(64):
            ask(2000)
        with Tls(stage.crowd.alone) as tls:
            done = tls.ask(post(reply(opaque)))
            raw.log_out(stage.crowd, re.search(rb"<session-token>([^<]+)", done.body)[1].decode())


COOKIE = "A" * 43


@pytest.mark.parametrize("cookie", table([
    ("none", None), ("empty", "webvpn="), ("short", "webvpn=" + COOKIE[1:]), ("long", "webvpn=" + COOKIE + "A"),
    ("padded", "webvpn=" + COOKIE[:-1] + "="), ("another alphabet", "webvpn=" + COOKIE[:-1] + "+"),
    ("unknown", "webvpn=" + COOKIE), ("two", f"webvpn={COOKIE}; webvpn={COOKIE}"), ("4 KiB", "webvpn=" + "A" * 4096),
    ("quotes", f'webvpn="{COOKIE}"'), ("no name", "=" + COOKIE), ("another name", "webvpnc=" + COOKIE),
]))
@pytest.mark.parametrize("path", ["/logout", "/+webvpn+/webvpn_logout.html"])
def test_a_log_off_without_a_session_tells_nothing(stage, path, cookie):
    def attack(stage):
        with Tls(stage.crowd) as tls:
            answer = tls.ask(get(path, (f"Cookie: {cookie}\r\n" if cookie else "") + "Connection: close\r\n"))
            return answer.status, len(answer.body)
    stage.run(attack, (200, 0), [], times=5)


def test_a_profile_without_a_session_is_refused(stage):
    def attack(stage):
        with Tls(stage.crowd) as tls:
            return tls.ask(get("/CACHE/stc/profiles/x.xml", "Connection: close\r\n")).status
    stage.run(attack, 403, [("download.refused", "download-no-token")])
