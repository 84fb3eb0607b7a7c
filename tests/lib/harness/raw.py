"""A client whose every byte is the test's own: TLS records, HTTP requests, CSTP frames, DTLS datagrams.

    Gcm      AES-GCM
    Hello    a TLS ClientHello in parts
    Tls      OpenSSL shakes hands over memory, the test carries the bytes; then records under the connection's keys
    Dtls     the client's end of a DTLS 1.2 resumption (docs/protocol/2-tunnel.md 9)
"""
import hashlib
import hmac
import os
import re
import socket
import ssl
import struct
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import netns

WAIT_S = 5
STUB = "/1/binaries/update.txt"  # a path that is served

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23


class Gcm:
    def __init__(self, key):
        self._aead = AESGCM(key)

    def seal(self, nonce, data, aad):
        return self._aead.encrypt(nonce, data, aad)

    def open(self, nonce, data, aad):
        """None when the tag is wrong."""
        try:
            return self._aead.decrypt(nonce, data, aad)
        except (InvalidTag, ValueError):
            return None


def prf(kind, secret, label, seed, n):
    """RFC 5246 5."""
    seed = label + seed
    out, a = b"", seed
    while len(out) < n:
        a = hmac.digest(secret, a, kind)
        out += hmac.digest(secret, a + seed, kind)
    return out[:n]


def expand_label(kind, secret, label, n, context=b""):
    """RFC 8446 7.1."""
    label = b"tls13 " + label
    info = struct.pack(">HB", n, len(label)) + label + bytes([len(context)]) + context + b"\1"
    return hmac.digest(secret, info, kind)[:n]


def record(kind, body, version=0x0303):
    return struct.pack(">BHH", kind, version, len(body)) + body


def message(kind, body):
    """A TLS handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def changed(data):
    """The same bytes, but for the last one."""
    return data[:-1] + bytes([data[-1] ^ 1])


def vector(body, n=2):
    return len(body).to_bytes(n, "big") + body


def records(stream):
    """[(type, body)] of whole TLS records."""
    found = []
    while len(stream) >= 5:
        kind, _, n = struct.unpack(">BHH", stream[:5])
        if len(stream) < 5 + n:
            break
        found.append((kind, stream[5 : 5 + n]))
        stream = stream[5 + n :]
    return found


class Hello:
    """A ClientHello of TLS in its parts; bytes() builds the message."""

    X25519, SECP256R1 = 29, 23

    def __init__(self, versions=(0x0304, 0x0303), suites=(0x1302, 0x1301, 0xC02B, 0xC02F, 0xC02C, 0xC030), name=None):
        self.version, self.random, self.session = 0x0303, os.urandom(32), os.urandom(32)
        self.suites, self.compression = list(suites), b"\0"
        schemes = (0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401)
        self.extensions = {
            10: vector(struct.pack(">2H", self.X25519, self.SECP256R1)),
            13: vector(b"".join(struct.pack(">H", s) for s in schemes)),
            43: vector(b"".join(struct.pack(">H", v) for v in versions), 1),
            # X25519 takes any 32 bytes
            51: vector(struct.pack(">H", self.X25519) + vector(os.urandom(32))),
        }
        if name:
            self.extensions[0] = vector(b"\0" + vector(name.encode()))

    def __bytes__(self):
        extensions = b"".join(struct.pack(">H", kind) + vector(body) for kind, body in self.extensions.items())
        return message(1, struct.pack(">H", self.version) + self.random + vector(self.session, 1)
                       + vector(b"".join(struct.pack(">H", s) for s in self.suites)) + vector(self.compression, 1)
                       + vector(extensions))

    def records(self, size=16384):
        body = bytes(self)
        return b"".join(record(HANDSHAKE, body[i : i + size], 0x0301) for i in range(0, len(body), size))


class Wire:
    """A TCP connection from a client's host to the gateway's port, and what came over it. source: one of the host's
    addresses, of either family."""

    def __init__(self, host, wait=WAIT_S, source=None):
        self.host = host
        v6 = source is not None and ":" in source
        self.sock = host.socket(socket.AF_INET6 if v6 else socket.AF_INET)
        self.sock.settimeout(wait)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((netns.GATEWAY6 if v6 else netns.GATEWAY4, 443))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""
        self.ended = None  # "eof", "reset"; None: it is open

    def send(self, data):
        """What the peer does not take any more is lost: its answer tells why."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def take(self):
        """Something more, or the end: what came, else b""."""
        try:
            more = self.sock.recv(65536)
        except ConnectionResetError:
            self.ended = "reset"
            return b""
        if not more:
            self.ended = "eof"
        self.got += more
        return more

    def drain(self, wait=WAIT_S):
        """Everything up to the end of the connection. Raises TimeoutError where none comes."""
        self.sock.settimeout(wait)
        while not self.ended:
            self.take()
        return self

    def alerts(self):
        """[(level, description)] in the clear."""
        return [tuple(body) for kind, body in records(self.got) if kind == ALERT]

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Answer:
    """An HTTP answer."""

    def __init__(self, head, body):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = [tuple(line.split(": ", 1)) for line in lines]
        self.body = body

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)


class Tls:
    """A TLS connection over which a test sends what it likes.

    version  "1.2", "1.3" or None: either
    keys     whether record() will be wanted: the connection's secrets are kept
    keylog   file to which its secrets are appended
    source   as for Wire
    """

    def __init__(self, host, version=None, *, keys=False, keylog=None, name=None, shake=True, ciphers="ECDHE+AESGCM",
                 session=None, source=None):
        self.wire = Wire(host, source=source)
        self.plain, self.error = b"", None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers(ciphers)
        if version:
            context.minimum_version = context.maximum_version = {
                "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        self._log = os.memfd_create("keys") if keys else None
        if keys:
            context.keylog_filename = f"/proc/self/fd/{self._log}"
        elif keylog:
            context.keylog_filename = str(keylog)
        self.context = context
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self._in, self._out, server_hostname=name, session=session)
        self._sent = 0  # records since the handshake
        self._own = None
        if shake:
            self.shake()

    def close(self):
        self.wire.close()
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- handshake ----------------------------------------------------------------------------------------------------

    def step(self):
        """One step of the handshake: returns the bytes to be sent; None: it is complete."""
        try:
            self.ssl.do_handshake()
        except ssl.SSLWantReadError:
            return self._out.read()
        return None

    def feed(self):
        """Takes what comes and gives it to OpenSSL."""
        more = self.wire.take()
        if more:
            self._in.write(more)
        else:
            self._in.write_eof()
        return more

    def shake(self):
        while True:
            out = self.step()
            if out is None:
                break
            if out:
                self.wire.send(out)
            else:
                self.feed()
        self.wire.send(self._out.read())
        return self

    # -- plaintext ----------------------------------------------------------------------------------------------------

    def sealed(self, data):
        """The records that OpenSSL makes of data; not sent."""
        if self._own:
            return b"".join(self.record(data[i : i + 16384]) for i in range(0, len(data), 16384))
        self.ssl.write(data)
        out = self._out.read()
        self._sent += len(records(out))
        return out

    def send(self, data):
        self.wire.send(self.sealed(data))
        return self

    def read(self):
        """Some plaintext more; b"" at the end, whose kind is in self.error (an alert) or self.wire.ended."""
        while True:
            try:
                more = self.ssl.read(65536)
                self.plain += more
                return more
            except ssl.SSLWantReadError:
                if self.wire.ended:
                    return b""
                self.feed()
            except ssl.SSLZeroReturnError:
                self.error = "close_notify"
                return b""
            except ssl.SSLError as e:
                self.error = e.reason or str(e)
                return b""

    def drain(self, wait=WAIT_S):
        """All plaintext up to the end of the connection."""
        self.wire.sock.settimeout(wait)
        while self.read():
            pass
        return self

    def answer(self, wait=WAIT_S):
        """The next HTTP answer; None: the connection ended before it was whole."""
        self.wire.sock.settimeout(wait)
        while b"\r\n\r\n" not in self.plain:
            if not self.read():
                return None
        head, _, self.plain = self.plain.partition(b"\r\n\r\n")
        found = re.search(rb"\r\nContent-Length: (\d+)", head)
        n = int(found[1]) if found else 0
        while len(self.plain) < n:
            if not self.read():
                return None
        body, self.plain = self.plain[:n], self.plain[n:]
        return Answer(head, body)

    def ask(self, request):
        return self.send(request).answer()

    # -- records of our own -------------------------------------------------------------------------------------------

    def _keys(self):
        log = os.pread(self._log, 65536, 0).decode()
        name, version, _ = self.ssl.cipher()
        kind = "sha384" if "SHA384" in name else "sha256"
        size = 32 if "256" in name.partition("SHA")[0] else 16
        if version == "TLSv1.3":
            secret = bytes.fromhex(re.search(r"CLIENT_TRAFFIC_SECRET_0 \w+ (\w+)", log)[1])
            return {"v13": True, "secret": secret, "kind": kind, "size": size}, self._sent
        client, master = re.search(r"CLIENT_RANDOM (\w+) (\w+)", log).groups()
        hello = next(body for t, body in records(self.wire.got) if t == HANDSHAKE and body[0] == 2)
        block = prf(kind, bytes.fromhex(master), b"key expansion", hello[6:38] + bytes.fromhex(client), 2 * size + 8)
        self._peer = Gcm(block[size : 2 * size]), block[2 * size + 4 :]
        return {"v13": False, "key": Gcm(block[:size]), "iv": block[2 * size : 2 * size + 4]}, self._sent + 1

    def _update(self):
        own = self._own
        own["key"] = Gcm(expand_label(own["kind"], own["secret"], b"key", own["size"]))
        own["iv"] = expand_label(own["kind"], own["secret"], b"iv", 12)

    def own(self):
        """From here on records are sealed by record(), not by OpenSSL."""
        if not self._own:
            self._own, self.seq = self._keys()
            if self._own["v13"]:
                self._update()
        return self

    def record(self, body, kind=DATA, padding=0):
        """One record of this type, sealed, not sent."""
        own = self.own()._own
        seq = struct.pack(">Q", self.seq)
        self.seq += 1
        if own["v13"]:
            nonce = bytes(a ^ b for a, b in zip(own["iv"], bytes(4) + seq))
            inner = body + bytes([kind]) + bytes(padding)
            head = struct.pack(">BHH", DATA, 0x0303, len(inner) + 16)
            return head + own["key"].seal(nonce, inner, head)
        explicit = struct.pack(">Q", 0x8000_0000_0000_0000 | self.seq)
        out = own["key"].seal(own["iv"] + explicit, body, seq + struct.pack(">BHH", kind, 0x0303, len(body)))
        return record(kind, explicit + out)

    def open(self, kind, body, seq):
        """The plaintext of a record of the gateway's (1.2)."""
        key, iv = self._peer
        aad = struct.pack(">QBHH", seq, kind, 0x0303, len(body) - 24)
        return key.open(iv + body[:8], body[8:], aad)

    def key_update(self, ask=0):
        """A KeyUpdate (1.3), sealed; records after it are under the next keys."""
        out = self.record(b"\x18\0\0\1" + bytes([ask]), HANDSHAKE)
        own = self._own
        own["secret"] = expand_label(own["kind"], own["secret"], b"traffic upd", len(own["secret"]))
        self._update()
        self.seq = 0
        return out


# -- the login, as a client does it -----------------------------------------------------------------------------------

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
INIT = (XML + '<config-auth client="vpn" type="init" aggregate-auth-version="2"><version who="vpn">5.1.2.42</version>'
        '<device-id>linux-64</device-id><group-access>https://192.0.2.1/</group-access></config-auth>').encode()


def post(body, path="/", headers=""):
    return (f"POST {path} HTTP/1.1\r\nHost: 192.0.2.1\r\nX-Aggregate-Auth: 1\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def get(path=STUB, headers="", version="1.1"):
    return f"GET {path} HTTP/{version}\r\nHost: 192.0.2.1\r\n{headers}\r\n".encode()


def opaque_of(answer):
    """The <opaque> of a form, as a client sends it back."""
    return re.search(rb"<opaque.*</opaque>", answer.body, re.S)[0].decode()


def reply(opaque, user="alice", password="wonderland"):
    return (XML + '<config-auth client="vpn" type="auth-reply" aggregate-auth-version="2">'
            f"<version who=\"vpn\">5.1.2.42</version>{opaque}<auth><username>{user}</username>"
            f"<password>{password}</password></auth></config-auth>").encode()


def log_in(host, **kw):
    """Logs in and returns the session token."""
    with Tls(host, **kw) as tls:
        form = tls.ask(post(INIT))
        done = tls.ask(post(reply(opaque_of(form))))
        return re.search(rb"<session-token>([^<]+)", done.body)[1].decode()


def log_out(host, token):
    with Tls(host) as tls:
        assert tls.ask(get("/logout", f"Cookie: webvpn={token}\r\nConnection: close\r\n")).status == 200


def connect_request(token, headers="", target="/CSCOSSLC/tunnel"):
    cookie = f"Cookie: webvpn={token}\r\n" if token is not None else ""
    return (f"CONNECT {target} HTTP/1.1\r\nHost: 192.0.2.1\r\n{cookie}X-CSTP-Version: 1\r\n"
            f"{headers}\r\n").encode()


def tunnel(host, token, version=None, headers="X-CSTP-Address-Type: IPv4\r\n", keys=True):
    """A TLS connection behind CONNECT: (connection, answer to CONNECT)."""
    tls = Tls(host, version, keys=keys)
    answer = tls.ask(connect_request(token, headers))
    return tls, answer


# -- CSTP -------------------------------------------------------------------------------------------------------------

F_DATA, F_DPD_REQ, F_DPD_RESP, F_DISCONNECT, F_KEEPALIVE, F_COMPRESSED, F_TERMINATE = 0, 3, 4, 5, 7, 8, 9


def frame(kind, payload=b"", *, magic=b"STF\1", length=None, last=0):
    return magic + struct.pack(">HBB", len(payload) if length is None else length, kind, last) + payload


def frames(stream):
    """[(type, payload)], and what is left behind the last whole one."""
    found = []
    while len(stream) >= 8:
        n, kind = struct.unpack(">HB", stream[4:7])
        if len(stream) < 8 + n:
            break
        found.append((kind, stream[8 : 8 + n]))
        stream = stream[8 + n :]
    return found, stream


def next_frame(tls, kind, wait=5):
    """The payload of the next frame of this type; what comes before it is skipped. None: the connection ended."""
    tls.wire.sock.settimeout(wait)
    while True:
        found, tls.plain = frames(tls.plain)
        for at, (got, payload) in enumerate(found):
            if got == kind:
                tls.plain = b"".join(frame(*f) for f in found[at + 1 :]) + tls.plain
                return payload
        if not tls.read():
            return None


def echoes(tls, payload=b"are you there"):
    """Whether a DPD question is answered with its payload."""
    tls.send(frame(F_DPD_REQ, payload))
    return next_frame(tls, F_DPD_RESP) == payload


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, target, payload, protocol=17, ttl=64):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0x4000, ttl, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp4(source, target, sport, dport, payload):
    return ipv4(source, target, struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload)


def echo4(source, target, ident=1, seq=1, size=32):
    body = struct.pack(">BBHHH", 8, 0, 0, ident, seq) + bytes(size)
    return ipv4(source, target, body[:2] + struct.pack(">H", checksum(body)) + body[4:], protocol=1)


# -- DTLS -------------------------------------------------------------------------------------------------------------

DTLS12, DTLS10 = 0xFEFD, 0xFEFF
AES128_GCM = 0x009C  # OC-DTLS1_2-AES128-GCM


def dtls_record(kind, body, epoch=0, seq=0, version=DTLS12):
    return struct.pack(">BHHHIH", kind, version, epoch, seq >> 32, seq & 0xFFFFFFFF, len(body)) + body


def dtls_message(kind, body, seq=0, offset=0, length=None):
    whole = len(body) if length is None else length
    return (bytes([kind]) + whole.to_bytes(3, "big") + struct.pack(">H", seq) + offset.to_bytes(3, "big")
            + len(body).to_bytes(3, "big") + body)


def client_hello(session, *, random=None, cookie=b"", suites=(AES128_GCM,), version=DTLS12, compression=b"\0",
                 extensions=b""):
    return (struct.pack(">H", version) + (random or os.urandom(32)) + vector(session, 1) + vector(cookie, 1)
            + vector(b"".join(struct.pack(">H", s) for s in suites)) + vector(compression, 1) + extensions)


def hello_datagram(session, *, record_version=DTLS12, message_seq=0, record_seq=0, **kw):
    hello = dtls_message(1, client_hello(session, **kw), message_seq)
    return dtls_record(HANDSHAKE, hello, 0, record_seq, record_version)


def dtls_records(datagram):
    """[(type, epoch, seq, body)]"""
    found = []
    while len(datagram) >= 13:
        kind, _, epoch, high, low, n = struct.unpack(">BHHHIH", datagram[:13])
        found.append((kind, epoch, high << 32 | low, datagram[13 : 13 + n]))
        datagram = datagram[13 + n :]
    return found


class Dtls:
    """The client's end of a resumption with AES-128-GCM.

    session  X-DTLS-Session-ID; master: X-DTLS-Master-Secret; both bytes
    """

    def __init__(self, host, session, master, sock=None):
        self.session, self.master, self.random = session, master, os.urandom(32)
        self.sock = sock or host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(WAIT_S)
        self.sock.connect((netns.GATEWAY4, 443))
        self.seq, self.plain_seq, self.message_seq = 0, 0, 0

    def close(self):
        self.sock.close()

    def hello(self, cookie=b""):
        body = client_hello(self.session, random=self.random, cookie=cookie)
        self._hello = dtls_message(1, body, self.message_seq)
        out = dtls_record(HANDSHAKE, self._hello, 0, self.plain_seq)
        self.plain_seq += 1
        return out

    def _ask(self, hello):
        """Sends it, again and again as UDP wants it, until something comes."""
        self.sock.settimeout(0.5)
        for _ in range(10):
            self.sock.send(hello)
            try:
                return dtls_records(self.sock.recv(4096))
            except TimeoutError:
                continue
        raise TimeoutError("no answer to a ClientHello")

    def shake(self):
        """The whole handshake, a HelloVerifyRequest obeyed. Returns self."""
        got = self._ask(self.hello())
        if got[0][3][0] == 3:  # HelloVerifyRequest
            self.message_seq += 1
            body = got[0][3][12:]
            got = self._ask(self.hello(body[3 : 3 + body[2]]))
        answer = got[0][3]
        server_random = answer[14:46]
        block = prf("sha256", self.master, b"key expansion", server_random + self.random, 40)
        self._out, self._in = (Gcm(block[:16]), block[32:36]), (Gcm(block[16:32]), block[36:40])
        finished = self.open(got[2])
        seen = hashlib.sha256(self._hello + answer).digest()
        assert finished[12:] == prf("sha256", self.master, b"server finished", seen, 12)
        seen = hashlib.sha256(self._hello + answer + finished).digest()
        last = dtls_message(20, prf("sha256", self.master, b"client finished", seen, 12), self.message_seq + 1)
        self.sock.send(dtls_record(CCS, b"\1", 0, self.plain_seq) + self.sealed(last, HANDSHAKE))
        return self

    def sealed(self, body, kind=DATA, seq=None):
        if seq is None:
            seq, self.seq = self.seq, self.seq + 1
        place = struct.pack(">HHI", 1, seq >> 32, seq & 0xFFFFFFFF)
        key, iv = self._out
        out = key.seal(iv + place, body, place + struct.pack(">BHH", kind, DTLS12, len(body)))
        return dtls_record(kind, place + out, 1, seq)

    def open(self, rec):
        """The plaintext of a record as dtls_records gives it; None: forged."""
        kind, epoch, seq, body = rec
        place = struct.pack(">HHI", epoch, seq >> 32, seq & 0xFFFFFFFF)
        key, iv = self._in
        return key.open(iv + body[:8], body[8:], place + struct.pack(">BHH", kind, DTLS12, len(body) - 24))

    def send(self, kind, payload=b""):
        self.sock.send(self.sealed(bytes([kind]) + payload))

    def receive(self, wait=WAIT_S):
        """[plaintext] of the next datagram."""
        self.sock.settimeout(wait)
        return [self.open(r) for r in dtls_records(self.sock.recv(65536))]


class Spoofer:
    """Sends UDP datagrams to the gateway's port from any address, out of a host's namespace."""

    def __init__(self, host):
        with host.inside():
            self._sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, source, port, payload):
        self._sock.sendto(udp4(source, netns.GATEWAY4, port, 443, payload), (netns.GATEWAY4, 0))

    def close(self):
        self._sock.close()


class Sniffer:
    """What a host sends to the gateway's UDP port and gets from there, as it passes its device."""

    ALL = 0x0003

    def __init__(self, host, device="wan"):
        with host.inside():
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self.ALL))
            self._sock.bind((device, self.ALL))
        self._sock.settimeout(0.2)

    def datagrams(self, n, seconds=10, outgoing=True):
        """The next n datagrams: [(address and port of the client, payload)]"""
        found, end = [], time.monotonic() + seconds
        while len(found) < n and time.monotonic() < end:
            try:
                packet, address = self._sock.recvfrom(65536)
            except TimeoutError:
                continue
            if address[1] != 0x0800 or packet[9] != 17 or (address[2] == socket.PACKET_OUTGOING) != outgoing:
                continue
            at = (packet[0] & 15) * 4
            sport, dport = struct.unpack(">HH", packet[at : at + 4])
            if (dport if outgoing else sport) == 443:
                client = packet[12:16] if outgoing else packet[16:20]
                found.append(((socket.inet_ntoa(client), sport if outgoing else dport), packet[at + 8 :]))
        return found

    def close(self):
        self._sock.close()
