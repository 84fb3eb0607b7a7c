"""The decrypter of the tests opens the protocol's vectors, puts streams together, and finds what must not be."""
import json
import struct
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "lib"))

from harness import capture, decrypter  # noqa: E402
from harness.raw import DATA, HANDSHAKE  # noqa: E402

VECTORS = json.loads((TESTS / "vectors" / "vectors.json").read_text())
SUITES13 = {"TLS_AES_128_GCM_SHA256": 0x1301, "TLS_AES_256_GCM_SHA384": 0x1302, "TLS_CHACHA20_POLY1305_SHA256": 0x1303}
SUITES12 = {"ECDHE-RSA-AES128-GCM-SHA256": 0xC02F, "ECDHE-RSA-AES256-GCM-SHA384": 0xC030,
            "ECDHE-RSA-CHACHA20-POLY1305": 0xCCA8}
CBC = ("002f", "0035")
RESUMPTIONS = [r for r in VECTORS["dtls_resumptions"] if r["code"] not in CBC]


def bytes_of(row, *names):
    return [bytes.fromhex(row[name]) for name in names]


@pytest.mark.parametrize("row", VECTORS["tls12_records"], ids=lambda r: f"{r['suite']}-{r['seq']}")
def test_tls12_records(row):
    pair = decrypter.key_block(SUITES12[row["suite"]], *bytes_of(row, "master_secret", "client_random", "server_random"), "k")
    plain, record = bytes_of(row, "plain", "record")
    keys = pair[0 if row["from"] == "client" else 1]
    assert keys.open(row["seq"], record[:3], record[5:]) == plain
    assert keys.open(row["seq"] + 1, record[:3], record[5:]) is None


@pytest.mark.parametrize("row", VECTORS["tls13_records"], ids=lambda r: r["suite"])
def test_tls13_records_over_a_key_update(row):
    secret = bytes.fromhex(row["generations"][0]["traffic_secret"])
    for generation in row["generations"]:
        assert secret == bytes.fromhex(generation["traffic_secret"])
        keys = decrypter.keys13(SUITES13[row["suite"]], secret, "k")
        for r in generation["records"]:
            record = bytes.fromhex(r["record"])
            assert keys.nonce(r["seq"], record[5:]) == bytes.fromhex(r["nonce"])
            inner = keys.open(r["seq"], record[:3], record[5:], v13=True).rstrip(b"\0")
            assert (inner[:-1], inner[-1]) == (bytes.fromhex(r["plain"]), r["inner_type"])
        secret = decrypter.next_secret(row["hash"], secret)


@pytest.mark.parametrize("row", VECTORS["exporters"], ids=lambda r: f"{r['tls']}-{r.get('hash') or r['prf']}")
def test_the_psk_of_a_tls_connection(row):
    label, psk = row["label"].encode(), bytes.fromhex(row["psk"])
    if row["tls"] == "1.3":
        assert decrypter.exporter13(row["hash"], bytes.fromhex(row["exporter_master_secret"]), label, 32) == psk
    else:
        master, client, server = bytes_of(row, "master_secret", "client_random", "server_random")
        assert decrypter.prf(row["prf"], master, label, client + server, 32) == psk


def dtls(row, terms, books):
    flow = decrypter.Dtls("flow", terms, books)
    for r in row["records"]:
        flow.take(r["from"] == "client", bytes.fromhex(r["record"]))
    return flow


def plaintexts(row, side):
    return [bytes.fromhex(r["plain"]) for r in row["records"] if r["from"] == side and r["record"][6:10] == "0001"]


@pytest.mark.parametrize("row", RESUMPTIONS, ids=lambda r: r["suite"] + ("-cookie" if r["hello_verify"] else ""))
def test_a_dtls_resumption(row):
    master, session = bytes_of(row, "master_secret", "session_id")
    books = decrypter.Books()
    flow = dtls(row, {session: (master, None)}, books)
    assert books.faults == []
    assert [r.plain for r in flow.up] == plaintexts(row, "client")
    assert [r.plain for r in flow.down] == plaintexts(row, "server")
    assert sum(books.counts.values()) == len(flow.up) + len(flow.down)


def test_a_dtls_psk_handshake():
    row = VECTORS["dtls_psk"]
    hello = bytes.fromhex(row["records"][0]["record"])[13:]
    session, books = hello[47:47 + hello[46]], decrypter.Books()
    flow = dtls(row, {session: (None, bytes.fromhex(row["psk"]))}, books)
    assert books.faults == []
    assert [r.plain for r in flow.up] == plaintexts(row, "client")
    assert [r.plain for r in flow.down] == plaintexts(row, "server")


# -- what must not be -------------------------------------------------------------------------------------------------


def stream(suite, *sealed):
    """A TLS connection's direction behind its handshake: each (number, plaintext) as a record; both the keys of it."""
    keys = decrypter.keys13(suite, bytes(32), "k")
    out = []
    for number, plain in sealed:
        head = struct.pack(">BHH", DATA, 0x0303, len(plain) + 17)
        out.append((head[:3], keys._aead.encrypt(keys.nonce(number, b""), plain + bytes([DATA]), head)))
    return keys, out


def faults(*sealed):
    keys, found = stream(0x1301, *sealed)
    tls = decrypter.Tls.__new__(decrypter.Tls)
    tls._books, tls.v13 = decrypter.Books(), True
    for head, body in found:
        tls._open(keys, head[0], body)
    return tls._books.faults


def test_a_number_used_twice_is_found():
    assert faults((0, b"a"), (1, b"b"), (2, b"c")) == []
    assert any("twice" in f for f in faults((0, b"a"), (1, b"b"), (1, b"c")))
    assert any("twice" in f for f in faults((0, b"a"), (1, b"b"), (0, b"c")))


def test_a_gap_is_found():
    assert faults((0, b"a"), (2, b"b")) == ["k: number 2, where 1 is due"]


def test_a_record_that_does_not_open_is_found():
    keys, found = stream(0x1301, (0, b"a"))
    tls = decrypter.Tls.__new__(decrypter.Tls)
    tls._books, tls.v13 = decrypter.Books(), True
    tls._open(keys, HANDSHAKE, found[0][1])
    assert len(tls._books.faults) == 1


def test_a_dtls_number_used_twice_is_found():
    row = RESUMPTIONS[0]
    master, session, key, iv = bytes_of(row, "master_secret", "session_id", "server_key", "server_iv")
    books = decrypter.Books()
    flow = dtls(row, {session: (master, None)}, books)
    number = 1 << 48 | flow.down[-1].number
    place = struct.pack(">Q", number)
    body = decrypter.GCM(key).encrypt(iv + place, b"other", place + struct.pack(">BHH", DATA, 0xFEFD, 5))
    flow.take(False, struct.pack(">BH", DATA, 0xFEFD) + place + struct.pack(">H", len(body) + 8) + place + body)
    assert any("twice" in f for f in books.faults)


# -- the capture ------------------------------------------------------------------------------------------------------

CLIENT, GATEWAY = bytes([198, 18, 1, 2]), bytes([192, 0, 2, 1])


def tcp(to_gateway, seq, data, flags=0x10):
    ports = (5000, 443) if to_gateway else (443, 5000)
    segment = struct.pack(">HHIIBBHHH", *ports, seq & 0xFFFFFFFF, 0, 0x50, flags, 0, 0, 0) + data
    pair = (CLIENT, GATEWAY) if to_gateway else (GATEWAY, CLIENT)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, 6, 0) + b"".join(pair)
    return bytes(12) + b"\x08\0" + ip + segment


def pcap(path, *frames):
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    path.write_bytes(head + b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in frames))
    return path


def test_streams_are_put_together(tmp_path):
    """Out of order, sent again, sent again in other pieces, over the end of the numbers."""
    first = 0xFFFFFFFE
    path = pcap(tmp_path / "p", tcp(True, first, b"", 2), tcp(False, 99, b"", 0x12), tcp(True, first + 4, b"def"),
                tcp(True, first + 1, b"abc"), tcp(True, first + 1, b"abc"), tcp(True, first + 3, b"cd"), tcp(False, 100, b"xyz"))
    (connection,), datagrams = capture.read(path)
    assert (connection.up, connection.down, datagrams) == (b"abcdef", b"xyz", [])


def test_a_hole_or_another_text_is_no_stream(tmp_path):
    syn, answer = tcp(True, 0, b"", 2), tcp(False, 0, b"", 0x12)
    with pytest.raises(AssertionError, match="missing"):
        capture.read(pcap(tmp_path / "hole", syn, answer, tcp(True, 2, b"b")))
    with pytest.raises(AssertionError, match="not the same"):
        capture.read(pcap(tmp_path / "other", syn, answer, tcp(True, 1, b"ab"), tcp(True, 1, b"ax")))
