"""A capture opened under its peers' own secrets, and the books of what each key has sealed under which nonce.

The secrets are those of a key log (SSLKEYLOGFILE) of the clients: TLS 1.3's traffic secrets, TLS 1.2's master secrets.
DTLS starts from them: the injected master secret stands in CONNECT, the PSK comes from TLS's exporter (docs/protocol/2-tunnel.md
8.3, 8.4). Nothing here is taken from the gateway.
"""
import dataclasses
import hashlib
import re
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .raw import ALERT, CCS, DATA, HANDSHAKE, dtls_records, expand_label, prf, records

GCM, CHACHA = AESGCM, ChaCha20Poly1305
# code: AEAD, length of its key, hash of the PRF
SUITES = {
    0x1301: (GCM, 16, "sha256"), 0x1302: (GCM, 32, "sha384"), 0x1303: (CHACHA, 32, "sha256"),
    0x009C: (GCM, 16, "sha256"), 0x009D: (GCM, 32, "sha384"), 0x009E: (GCM, 16, "sha256"), 0x009F: (GCM, 32, "sha384"),
    0x00A8: (GCM, 16, "sha256"), 0x00A9: (GCM, 32, "sha384"),
    0xC02B: (GCM, 16, "sha256"), 0xC02C: (GCM, 32, "sha384"), 0xC02F: (GCM, 16, "sha256"), 0xC030: (GCM, 32, "sha384"),
    0xCCA8: (CHACHA, 32, "sha256"), 0xCCA9: (CHACHA, 32, "sha256"), 0xCCAA: (CHACHA, 32, "sha256"),
    0xCCAB: (CHACHA, 32, "sha256"),
}
PSK_LABEL = b"EXPORTER-openconnect-psk"
CLIENT_HELLO, SERVER_HELLO, HELLO_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED, KEY_UPDATE = 1, 2, 3, 16, 20, 24
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()  # the random of a ServerHello that is none
EMS = 0x0017
EPOCH_END = (1 << 48) - 1  # of DTLS: what stands before it is the epoch
NEAR = 64  # numbers that a record is tried under, when it does not open under the one that is due


@dataclasses.dataclass
class Record:
    """number: under which it opened."""
    number: int
    kind: int
    plain: bytes


class Keys:
    """One direction under one key.

    due       the number that its next record has
    explicit  GCM of (D)TLS 1.2: 8 bytes of the nonce stand in the record; last: in the one before, in TLS
    """

    def __init__(self, name, suite, key, iv):
        self.name, self.key, self.iv, self.due = name, key, iv, 0
        self.explicit, self.last = len(iv) == 4, None
        self._aead = SUITES[suite][0](key)

    def nonce(self, number, body):
        if self.explicit:
            return self.iv + body[:8]
        return bytes(a ^ b for a, b in zip(self.iv, bytes(4) + struct.pack(">Q", number)))

    def open(self, number, head, body, v13=False):
        """The plaintext, or None. head: of the record, without its length; number: with DTLS's epoch before it."""
        aad = head + struct.pack(">H", len(body)) if v13 else (
            struct.pack(">Q", number) + head + struct.pack(">H", len(body) - 16 - 8 * self.explicit))
        try:
            return self._aead.decrypt(self.nonce(number, body), body[8 * self.explicit:], aad)
        except (InvalidTag, ValueError):
            return None


def key_block(suite, master, client_random, server_random, name):
    """(client's, server's) Keys of TLS 1.2 and DTLS 1.2."""
    aead, n, kind = SUITES[suite]
    iv = 4 if aead is GCM else 12
    block = prf(kind, master, b"key expansion", server_random + client_random, 2 * (n + iv))
    return (Keys(f"{name} client", suite, block[:n], block[2 * n:2 * n + iv]),
            Keys(f"{name} server", suite, block[n:2 * n], block[2 * n + iv:]))


def keys13(suite, secret, name):
    """Keys of TLS 1.3 from a traffic secret."""
    _, n, kind = SUITES[suite]
    return Keys(name, suite, expand_label(kind, secret, b"key", n), expand_label(kind, secret, b"iv", 12))


def next_secret(kind, secret):
    """Behind a KeyUpdate."""
    return expand_label(kind, secret, b"traffic upd", len(secret))


def exporter13(kind, secret, label, n):
    """RFC 8446 7.5, without context."""
    nothing = hashlib.new(kind, b"").digest()
    return expand_label(kind, expand_label(kind, secret, label, len(nothing), nothing), b"exporter", n, nothing)


def psk_master(kind, psk, client_random, server_random, session_hash=None):
    """RFC 4279 2; with the hash of the messages also RFC 7627 4."""
    n = struct.pack(">H", len(psk))
    premaster = n + bytes(len(psk)) + n + psk
    if session_hash is not None:
        return prf(kind, premaster, b"extended master secret", session_hash, 48)
    return prf(kind, premaster, b"master secret", client_random + server_random, 48)


class Books:
    """What was sealed: whatever stands in `faults` must not be."""

    def __init__(self):
        self.faults = []
        self.counts = {}  # name of the keys: records
        self._sealed = {}  # (key, nonce): the record

    def enter(self, keys, number, head, body):
        self.counts[keys.name] = self.counts.get(keys.name, 0) + 1
        nonce = keys.nonce(number, body)
        before = self._sealed.setdefault((keys.key, nonce), (keys.name, number, head + body))
        if before[2] != head + body:
            self.faults.append(f"(key, nonce) twice: {nonce.hex()} for {keys.name} {number & EPOCH_END:d} and "
                               f"{before[0]} {before[1] & EPOCH_END:d}")

    def fault(self, text):
        self.faults.append(text)


class KeyLog:
    """{(label, client random): secret}"""

    def __init__(self, text):
        rows = re.findall(r"^([A-Z_0-9]+) ([0-9a-f]{64}) ([0-9a-f]+)$", text, re.M)
        self._rows = {(label, bytes.fromhex(random)): bytes.fromhex(secret) for label, random, secret in rows}

    def get(self, label, random):
        return self._rows[label, random]


# -- TLS --------------------------------------------------------------------------------------------------------------


def messages(stream):
    """[(type, body)] of whole handshake messages, and what is left."""
    found = []
    while len(stream) >= 4 and len(stream) >= 4 + int.from_bytes(stream[1:4], "big"):
        end = 4 + int.from_bytes(stream[1:4], "big")
        found.append((stream[0], stream[4:end]))
        stream = stream[end:]
    return found, stream


def _suite_of(hello):
    """(suite, {extension: body}) of a ServerHello."""
    at = 35 + hello[34]
    suite, at = int.from_bytes(hello[at:at + 2], "big"), at + 5
    extensions = {}
    while at + 4 <= len(hello):
        kind, n = struct.unpack(">HH", hello[at:at + 4])
        extensions[kind] = hello[at + 4:at + 4 + n]
        at += 4 + n
    return suite, extensions


class Tls:
    """A connection opened: up and down are [Record] of each direction."""

    def __init__(self, connection, log, books):
        self._log, self._books = log, books
        self.name = f"TLS {connection.client[1]}"
        self.up, self.down, self.complete = [], [], False
        hellos = [m for kind, body in records(connection.up)[:2] if kind == HANDSHAKE for m in messages(body)[0]]
        answers = [m[1] for kind, body in records(connection.down) if kind == HANDSHAKE
                   for m in messages(body)[0] if m[0] == SERVER_HELLO and m[1][2:34] != RETRY]
        if not hellos or not answers:
            return  # it ended before there were keys
        self.client_random, self.server_random = hellos[0][1][2:34], answers[0][2:34]
        self.suite, extensions = _suite_of(answers[0])
        self.v13 = extensions.get(43) == b"\x03\x04"
        self.kind = SUITES[self.suite][2]
        if self.v13:
            self.up = self._way13(connection.up, "CLIENT")
            self.down = self._way13(connection.down, "SERVER")
        else:
            self.master = log.get("CLIENT_RANDOM", self.client_random)
            up, down = key_block(self.suite, self.master, self.client_random, self.server_random, self.name)
            self.up, self.down = self._way12(connection.up, up), self._way12(connection.down, down)
        self.complete = True

    def _open(self, keys, kind, body):
        """The Record, whose number should be the one that is due; None: it opens under no number near it."""
        head, due = struct.pack(">BH", kind, 0x0303), keys.due
        for number in (due, *range(due - 1, max(-1, due - NEAR), -1), *range(due + 1, due + NEAR)):
            plain = keys.open(number, head, body, self.v13)
            if plain is None:
                continue
            self._books.enter(keys, number, head, body)
            if number != due:
                self._books.fault(f"{keys.name}: number {number}, where {due} is due")
            if keys.explicit:
                explicit = int.from_bytes(body[:8], "big")
                if keys.last is not None and explicit != keys.last + 1:
                    self._books.fault(f"{keys.name}: explicit nonce {explicit:#x} behind {keys.last:#x}")
                keys.last = explicit
            keys.due = number + 1
            return Record(number, kind, plain)
        self._books.fault(f"{keys.name}: a record of type {kind} does not open under a number near {due}")
        return None

    def _way12(self, stream, keys):
        found, sealed = [], False
        for kind, body in records(stream):
            if sealed:
                opened = self._open(keys, kind, body)
                found += [opened] if opened else []
            sealed = sealed or kind == CCS
        return found

    def _way13(self, stream, side):
        found, shaking, generation, part = [], True, 0, b""
        secret = self._log.get(f"{side}_HANDSHAKE_TRAFFIC_SECRET", self.client_random)
        keys = keys13(self.suite, secret, f"{self.name} {side} handshake")
        for kind, body in records(stream):
            if kind != DATA:
                continue  # hellos, alerts before there are keys, ChangeCipherSpecs that mean nothing
            opened = self._open(keys, kind, body)
            if not opened:
                continue
            inner = opened.plain.rstrip(b"\0")
            opened.kind, opened.plain = inner[-1], inner[:-1]
            found.append(opened)
            if opened.kind != HANDSHAKE:
                continue
            said, part = messages(part + opened.plain)
            for what, _ in said:
                if what == FINISHED and shaking:
                    shaking, secret = False, self._log.get(f"{side}_TRAFFIC_SECRET_0", self.client_random)
                elif what == KEY_UPDATE:
                    generation += 1
                    secret = next_secret(self.kind, secret)
                else:
                    continue
                keys = keys13(self.suite, secret, f"{self.name} {side} {generation}")
        return found

    def psk(self):
        """What DTLS by PSK-NEGOTIATE starts from."""
        if self.v13:
            return exporter13(self.kind, self._log.get("EXPORTER_SECRET", self.client_random), PSK_LABEL, 32)
        return prf(self.kind, self.master, PSK_LABEL, self.client_random + self.server_random, 32)

    def text(self, way):
        return b"".join(r.plain for r in way if r.kind == DATA)

    def terms(self):
        """{session id of the ClientHello: (master secret, PSK)}, one of both None, as CONNECT agreed them."""
        asked, answer = self.text(self.up), self.text(self.down)
        ids = {key: bytes.fromhex(value.decode())
               for key, value in re.findall(rb"\r\nX-DTLS-(App-ID|Session-ID): ([0-9A-Fa-f]+)\r\n", answer)}
        found = {}
        if b"App-ID" in ids:
            found[ids[b"App-ID"]] = None, self.psk()
        master = re.search(rb"\r\nX-DTLS-Master-Secret: ([0-9A-Fa-f]{96})\r\n", asked, re.I)
        if b"Session-ID" in ids and master:
            found[ids[b"Session-ID"]] = bytes.fromhex(master[1].decode()), None
        return found


# -- DTLS -------------------------------------------------------------------------------------------------------------


class _Handshake:
    """Of DTLS 1.2, from the ClientHello on. Messages go by their number, so that what is sent again counts once."""

    def __init__(self, hello):
        self.random = hello[14:46]
        self.id = hello[47:47 + hello[46]]
        self.said = {True: {}, False: {}}  # from the client?: {message_seq: message}
        self.answer = self.keys = None

    def add(self, from_client, message):
        assert message[1:4] == message[9:12], "a handshake message in fragments"
        self.said[from_client][message[4:6]] = message
        if not from_client and message[0] == SERVER_HELLO:
            self.answer = message

    def derive(self, terms, name):
        suite, extensions = _suite_of(self.answer[12:])
        master, psk = terms[self.id]
        kind, server_random = SUITES[suite][2], self.answer[14:46]
        if psk is not None:
            mine, its = self.said[True], self.said[False]
            hello = [m for _, m in sorted(mine.items()) if m[0] == CLIENT_HELLO][-1:]
            rest = [m for _, m in sorted(mine.items()) if m[0] == CLIENT_KEY_EXCHANGE]
            flight = [m for _, m in sorted(its.items()) if m[0] != HELLO_VERIFY]
            seen = hashlib.new(kind, b"".join(hello + flight + rest)).digest()
            master = psk_master(kind, psk, self.random, server_random, seen if EMS in extensions else None)
        return key_block(suite, master, self.random, server_random, name)


class Dtls:
    """All handshakes and records of one pair of addresses, in the order in which they passed."""

    def __init__(self, name, terms, books):
        self.name, self._terms, self._books = name, terms, books
        self.handshakes = []
        self.up, self.down = [], []

    def take(self, from_client, payload):
        for kind, epoch, seq, body in dtls_records(payload):
            if epoch == 0:
                if kind == HANDSHAKE:
                    self._message(from_client, body)
            else:
                self._sealed(from_client, kind, epoch << 48 | seq, body)

    def _message(self, from_client, body):
        if from_client and body[0] == CLIENT_HELLO and not any(h.random == body[14:46] for h in self.handshakes):
            self.handshakes.append(_Handshake(body))
        if self.handshakes:
            self.handshakes[-1].add(from_client, body)

    def _sealed(self, from_client, kind, number, body):
        head = struct.pack(">BH", kind, 0xFEFD)
        for at in range(len(self.handshakes) - 1, -1, -1):
            h = self.handshakes[at]
            if h.keys is None and h.answer and h.id in self._terms:
                h.keys = h.derive(self._terms, f"{self.name} handshake {at}")
            if h.keys is None:
                continue
            keys = h.keys[0 if from_client else 1]
            plain = keys.open(number, head, body)
            if plain is None:
                continue
            self._books.enter(keys, number, head, body)
            number &= EPOCH_END
            if number != keys.due:
                self._books.fault(f"{keys.name}: number {number}, where {keys.due} is due")
            keys.due = number + 1
            (self.up if from_client else self.down).append(Record(number, kind, plain))
            return
        self._books.fault(f"{self.name}: a record of type {kind}, number {number:#x}, does not open")


class Decrypted:
    """Everything of a capture. tls: [Tls]; dtls: [Dtls]; books."""

    def __init__(self, connections, datagrams, key_log, port=443):
        self.books, terms, flows = Books(), {}, {}
        log = KeyLog(key_log)
        self.tls = [Tls(c, log, self.books) for c in connections]
        for tls in self.tls:
            terms |= tls.terms() if tls.complete else {}
        for d in datagrams:
            client = d.target if d.source[1] == port else d.source
            flow = flows.setdefault(client, Dtls(f"DTLS {client[1]}", terms, self.books))
            flow.take(client == d.source, d.payload)
        self.dtls = list(flows.values())
