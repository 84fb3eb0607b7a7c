"""Pings that count what is lost, and transfers whose checksums must agree."""
import contextlib
import errno
import hashlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

from .wait import until

BLOCK = os.urandom(1 << 20)


class Pings:
    """A ping that runs beside what a test does. 20 a second unless told otherwise."""

    def __init__(self, host, target, folder, *, interval=0.05, size=56, options=()):
        self._out = folder / f"ping-{threading.get_native_id()}-{time.monotonic_ns()}.txt"
        with open(self._out, "wb") as out:
            self._process = host.popen("ping", "-n", "-i", f"{interval:g}", "-s", str(size), *options, target,
                                       stdout=out, stderr=subprocess.STDOUT, env=os.environ | {"LC_ALL": "C"})
        self.sent = self.received = None

    def replies(self):
        return self._out.read_text().count("icmp_seq=")

    def wait_replies(self, more, seconds=15):
        """Waits until `more` further replies have come."""
        goal = self.replies() + more
        until(lambda: self.replies() >= goal, f"{more} more ping replies", seconds)

    def stop(self):
        """Ends it, the last request answered if it ever is; returns how many requests were not answered."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        found = re.search(r"(\d+) packets transmitted, (\d+) received", self._out.read_text())
        if not found:
            raise AssertionError(f"ping did not run:\n{self._out.read_text()}")
        self.sent, self.received = int(found[1]), int(found[2])
        # The last request may have been sent an instant before the signal.
        answered = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", self._out.read_text())}
        return len(set(range(1, self.sent)) - answered)

    def text(self):
        return self._out.read_text()


@contextlib.contextmanager
def pinging(host, target, folder, **kw):
    """Pings while the block runs; ends them in any case. The block (or what follows) asks with stop() what was lost."""
    pings = Pings(host, target, folder, **kw)
    try:
        pings.wait_replies(1)
        yield pings
    finally:
        pings.stop()


def ping(host, target, count=5, interval=0.05, size=56, df=False, deadline=10, source=None):
    """Sends count pings; returns how many were not answered."""
    argv = ["ping", "-n", "-q", "-c", str(count), "-i", f"{interval:g}", "-s", str(size), "-W", "2", "-w", str(deadline)]
    argv += ["-M", "do"] if df else []
    argv += ["-I", source] if source else []
    done = subprocess.run(host.command(*argv, target), capture_output=True, text=True, check=False,
                          env=os.environ | {"LC_ALL": "C"})
    found = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    if not found:
        raise AssertionError(f"ping did not run: {done.stderr or done.stdout}")
    return count - int(found[2])


class Transfer:
    """`size` bytes over one TCP connection from one host to another, or both ways at once."""

    def __init__(self, source, target, address, size, *, both=False):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with target.socket(family) as listener:
            listener.bind((address, 0))
            listener.listen(1)
            here = source.socket(family)
            here.settimeout(30)
            here.connect(listener.getsockname()[:2])
            there, _ = listener.accept()
            there.settimeout(30)
        self.size, self.errors = size, []
        self._sums = {}
        start = time.monotonic()
        ways = [(here, there, "up"), (there, here, "down")][: 2 if both else 1]
        threads = []
        for sender, receiver, way in ways:
            threads += [threading.Thread(target=self._guarded, args=(self._send, sender, way)),
                        threading.Thread(target=self._guarded, args=(self._receive, receiver, way))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.seconds = time.monotonic() - start
        here.close()
        there.close()
        if self.errors:
            raise AssertionError(f"transfer failed after {self.seconds:.1f} s: {self.errors}")

    def _guarded(self, what, sock, way):
        try:
            self._sums[what.__name__, way] = what(sock)
        except OSError as e:
            self.errors.append(f"{what.__name__[1:]} {way}: {e!r}")

    def _send(self, sock):
        digest = hashlib.sha256()
        for offset in range(0, self.size, len(BLOCK)):
            # Each block starts with its number, so that one out of its place changes the sum.
            block = (offset.to_bytes(8, "big") + BLOCK[8:])[: self.size - offset]
            digest.update(block)
            sock.sendall(block)
        sock.shutdown(socket.SHUT_WR)
        return digest.hexdigest()

    def _receive(self, sock):
        digest, got = hashlib.sha256(), 0
        while chunk := sock.recv(1 << 20):
            digest.update(chunk)
            got += len(chunk)
        if got != self.size:
            raise OSError(f"{got} bytes of {self.size} came")
        return digest.hexdigest()

    @property
    def intact(self):
        """What was received is what was sent."""
        ways = {way for _, way in self._sums}
        return all(self._sums["_send", w] == self._sums["_receive", w] for w in ways)

    @property
    def mbit_s(self):
        return self.size * 8 / self.seconds / 1e6


def datagram_sizes(source, target, address, sizes):
    """Sends a UDP datagram of each size to an echo at address; returns the sizes that came back unchanged. One that is
    larger than the path's MTU may take a second or third try: a first one teaches each sender the MTU by ICMP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    back = []
    with target.socket(family, socket.SOCK_DGRAM) as echo, source.socket(family, socket.SOCK_DGRAM) as here:
        echo.bind((address, 0))
        here.connect(echo.getsockname()[:2])
        for sock in (echo, here):
            sock.settimeout(1)
        for size in sizes:
            payload = BLOCK[:size]
            for _ in range(3):
                try:
                    here.send(payload)
                    data, sender = echo.recvfrom(65536)
                    echo.sendto(data, sender)
                    if here.recv(65536) == payload:
                        back.append(size)
                        break
                except TimeoutError:
                    continue
                except OSError as e:
                    if e.errno != errno.EMSGSIZE:
                        raise
    return back
