"""tcpdump on a device of the tests' own namespace, and its file read again."""
import dataclasses
import os
import re
import socket
import struct
import subprocess

from . import netns
from .wait import until

MARK_PORT = 9  # of the datagram behind which nothing is wanted


class Capture:
    """Records the first bytes of every packet, up to 200 MB, until stop(). snaplen 0: whole packets."""

    def __init__(self, device, path, snaplen=256, namespace=None):
        self.path = path
        argv = ["tcpdump", "-n", "-i", device, "-s", str(snaplen), "-w", str(path), "-U", "-Z", "root", "-C", "200", "-W", "1",
                "-B", "16384"]
        wrapped = namespace.command(*argv) if namespace else argv
        self.lost = None  # when it has stopped: how many packets it had no room for
        self._process = subprocess.Popen(wrapped, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, text=True)
        # The file's header is written when the device is open.
        until(lambda: self._process.poll() is not None or path.exists() and path.stat().st_size >= 24, "tcpdump records")

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            said = re.search(r"(\d+) packets? dropped by kernel", self._process.communicate()[1])
            self.lost = int(said[1]) if said else None

    def finish(self, host):
        """Like stop(), when all that has passed so far is in the file; the host only sends what marks the place. Harmless
        twice."""
        if self._process.poll() is not None:
            return
        mark = os.urandom(32)
        with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(mark, (netns.GATEWAY4, MARK_PORT))
        until(lambda: mark in self.path.read_bytes()[-1 << 20:], "the last packet is recorded")
        self.stop()


@dataclasses.dataclass
class Connection:
    """A TCP connection. What each side sent, once; a hole in it is a fault of the capture."""
    client: tuple
    server: tuple
    up: bytes  # while it is read: a _Way
    down: bytes = b""


@dataclasses.dataclass
class Datagram:
    """Of UDP; a train that the kernel had not cut yet is one, with records from end to end."""
    source: tuple
    target: tuple
    payload: bytes


class _Way:
    """One direction of a connection, put together again: what was sent twice counts once."""

    def __init__(self, first):
        self._first = (first + 1) & 0xFFFFFFFF  # of its bytes, behind SYN
        self._pieces = {}

    def begins(self, seq):
        return self._first == (seq + 1) & 0xFFFFFFFF

    def add(self, seq, data):
        at = (seq - self._first) & 0xFFFFFFFF
        if not data or at >= 1 << 31:
            return
        had = self._pieces.get(at, b"")
        n = min(len(had), len(data))
        assert had[:n] == data[:n], "sent again, but not the same"
        self._pieces[at] = max(had, data, key=len)

    def whole(self):
        out = bytearray()
        for at, data in sorted(self._pieces.items()):
            assert at <= len(out), f"{at - len(out)} bytes are missing behind {len(out)}"
            again = len(out) - at
            assert out[at:at + len(data)] == data[:again], "sent again, but not the same"
            out += data[again:]
        return bytes(out)


def _packets(path):
    """Ethernet frames."""
    data = path.read_bytes()
    magic, _, _, _, _, _, link = struct.unpack("<IHHiIII", data[:24])
    assert magic == 0xA1B2C3D4 and link == 1, "not tcpdump's file of an Ethernet device"
    at = 24
    while at + 16 <= len(data):
        n, whole = struct.unpack("<II", data[at + 8:at + 16])
        assert n == whole, "a packet was cut"
        yield data[at + 16:at + 16 + n]
        at += 16 + n


def _inner(frame):
    """(protocol, source, target, payload) of IPv4 and IPv6; None: something else."""
    kind, packet = frame[12:14], frame[14:]
    if kind == b"\x08\0":
        assert not (packet[6] & 0x3F or packet[7]), "a fragment"
        n = int.from_bytes(packet[2:4], "big") or len(packet)
        return packet[9], packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4:n]
    if kind == b"\x86\xdd":
        n = int.from_bytes(packet[4:6], "big") or len(packet)
        return packet[6], packet[8:24], packet[24:40], packet[40:40 + n]
    return None


def read(path, port=443):
    """What went to and from this port: ([Connection], [Datagram])."""
    open_, connections, datagrams = {}, [], []
    for frame in _packets(path):
        inner = _inner(frame)
        if not inner or inner[0] not in (6, 17):
            continue
        protocol, source, target, payload = inner
        sport, dport = struct.unpack(">HH", payload[:4])
        source, target = (source, sport), (target, dport)
        if port not in (sport, dport):
            continue
        if protocol == 17:
            datagrams.append(Datagram(source, target, payload[8:]))
            continue
        seq, = struct.unpack(">I", payload[4:8])
        syn = payload[13] & 2
        if syn and dport == port and not (source in open_ and open_[source].up.begins(seq)):
            open_[source] = Connection(source, target, _Way(seq))
            connections.append(open_[source])
        here = open_.get(source if dport == port else target)
        if here is None:
            continue
        if syn and sport == port:
            here.down = here.down or _Way(seq)
        elif dport == port:
            here.up.add(seq, payload[(payload[12] >> 4) * 4:])
        elif here.down:
            here.down.add(seq, payload[(payload[12] >> 4) * 4:])
    for c in connections:
        c.up, c.down = c.up.whole(), c.down.whole() if c.down else b""
    return connections, datagrams
