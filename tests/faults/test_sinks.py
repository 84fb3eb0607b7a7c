"""docs/threats.md, "Faults to survive": nobody reads the log. Tunnels, logins and the supervisor's own work go on; what
was lost meanwhile is told when somebody reads again.
"""
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import netns, proc
from harness.raw import Tls, get
from harness.traffic import Transfer, pinging
from harness.wait import until

pytestmark = pytest.mark.varcod_only("its promises")
STRANGER = 3


class Sink:
    """What the gateway writes its log to: `theirs` is its end, `ours` the reader's. Filled to the brim on demand."""

    def __init__(self, kind):
        self.kind = kind
        if kind == "pipe":
            self.ours, self.theirs = os.pipe()
        elif kind == "terminal":
            self.ours, self.theirs = os.openpty()
        else:
            ours, theirs = socket.socketpair()
            self.ours, self.theirs = ours.detach(), theirs.detach()
        os.set_blocking(self.ours, False)

    def read(self):
        """All that is there now."""
        got = b""
        with contextlib.suppress(BlockingIOError):
            while select.select([self.ours], [], [], 0)[0]:
                got += os.read(self.ours, 65536)
        return got

    def fill(self):
        """Nothing more fits; and the flags that all share who hold `theirs` are as they were."""
        if self.kind == "socket":
            with socket.socket(fileno=os.dup(self.theirs)) as s, contextlib.suppress(BlockingIOError):
                while True:
                    s.send(b"\n" * 4096, socket.MSG_DONTWAIT)
        else:
            own = os.open(f"/proc/self/fd/{self.theirs}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            for size in (4096, 1):
                with contextlib.suppress(BlockingIOError):
                    while True:
                        os.write(own, b"\n" * size)
            os.close(own)
        assert os.get_blocking(self.theirs)

    def close(self):
        os.close(self.ours)
        os.close(self.theirs)


def stranger(world):
    """A connection that gives a few events."""
    with Tls(world.client(STRANGER).crowd) as tls:
        assert tls.ask(get(headers="Connection: close\r\n")).status == 200
    return True


def replaced(g, name):
    """kill -9 of a process: the supervisor starts another one."""
    def pids():
        found = set()
        for pid in g.processes():
            with contextlib.suppress(FileNotFoundError):  # it ended while we looked
                found |= {pid} if Path(proc.executable(pid)).name == name else set()
        return found

    before = pids()
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(pids()) == len(before) and pids() != before, f"another {name} runs", 10)


def life_goes_on(g, connect, world, tmp_path, block):
    """Sessions on both channels, a transfer, logins and a process that dies, while the block holds."""
    a, b = connect(g, host=1), connect(g, host=2, options=["--no-dtls"])
    a.wait_dtls()
    with block:
        with pinging(a.host, netns.BEHIND4, tmp_path) as over_dtls, pinging(b.host, netns.BEHIND4, tmp_path) as over_tls:
            for _ in range(3):
                stranger(world)
            replaced(g, "varco-verifier")
            c = connect(g, host=4)
            a.signal(signal.SIGUSR2)
            a.wait_told("reconnect")
            over_tls.wait_replies(20)
            over_dtls.wait_replies(20)
        assert over_tls.stop() == 0
        assert Transfer(c.host, world.behind, netns.BEHIND4, 20 << 20).intact
        assert {c.address4 for c in (a, b, c)} <= {u["IPv4"] for u in g.show("users")}


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_stderr_that_nobody_reads(start_gateway, connect, world, tmp_path, kind):
    """(One portal: AddressSanitizer has a remark about the first handshake of each, and would wait.)"""
    g = start_gateway(start=False, portal_processes=1)
    g.expected_causes |= {"child-died"}
    sink = Sink(kind)

    @contextlib.contextmanager
    def blocked():
        sink.read()
        sink.fill()
        yield
        sink.read()

    def events():
        """What came since the sink was read last."""
        lines = sink.read().decode().splitlines()
        assert all(line[0] == "{" and line[-1] == "}" for line in lines if line), lines
        return [json.loads(line) for line in lines if line]

    try:
        g.start(wait=False, out=sink.theirs)
        until(lambda: '"process.gateway-up"' in sink.read().decode(), "the gateway serves", 30)
        life_goes_on(g, connect, world, tmp_path, blocked())
        stranger(world)
        told = until(events, "events come again")
        assert told[0]["cause"] == "events-lost" and told[0]["count"] > 10
        sink.fill()
        assert g.stop() == 0
    finally:
        sink.close()


@pytest.fixture
def logger():
    """A socket at /dev/log, in a /dev that is the tests' own."""
    folder = tempfile.mkdtemp()
    netns.run("mount", "-t", "tmpfs", "tmpfs", folder)
    for entry in os.scandir("/dev"):
        copy = Path(folder, entry.name)
        if entry.name == "log":
            continue
        if entry.is_symlink():
            copy.symlink_to(os.readlink(entry.path))
            continue
        if entry.is_dir():
            copy.mkdir()
        else:
            copy.touch()
        netns.run("mount", "--rbind", entry.path, str(copy))
    netns.run("mount", "--move", folder, "/dev")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.bind("/dev/log")
        yield sock
    netns.run("umount", "-l", "/dev")
    os.rmdir(folder)


def test_a_logger_that_hangs(start_gateway, connect, world, tmp_path, logger):
    """As syslog is used by a gateway in the background."""
    g = start_gateway(start=False, log_format=None)

    def lines():
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(logger.recv(8192).decode())
        return found

    @contextlib.contextmanager
    def blocked():
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
            other.connect("/dev/log")
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.send(b"<30>somebody else")
        yield
        lines()

    g.start(wait=False, further=["-s"])
    first = until(lines, "the log has lines", 30)[0]
    assert first.startswith("<") and f" varcod[{g.process.pid}]: " in first
    until(lambda: any("process.gateway-up" in line for line in lines()), "the gateway serves", 30)
    life_goes_on(g, connect, world, tmp_path, blocked())
    stranger(world)
    told = until(lines, "lines come again")
    assert "cause=events-lost" in told[0]


def test_a_follower_that_stands_still(start_gateway, connect, world, tmp_path):
    """`varcoctl events`, stopped: what it misses is bounded in the authority's memory, and counted."""
    g = start_gateway()
    g.expected_causes |= {"child-died"}
    out = tmp_path / "followed"

    @contextlib.contextmanager
    def stopped():
        os.kill(follower.pid, signal.SIGSTOP)
        for _ in range(25):  # far more than the authority and the socket hold
            with Tls(world.client(STRANGER).crowd.alone) as tls:
                for _ in range(100):
                    assert tls.ask(get()).status == 200
        yield
        os.kill(follower.pid, signal.SIGCONT)

    with open(out, "wb") as f:
        follower = g.namespace.popen(*g.control_command(), "-j", "events", stdout=f, stderr=subprocess.DEVNULL)
    try:
        until(lambda: stranger(world) and "tls.up" in out.read_text(), "it follows")
        life_goes_on(g, connect, world, tmp_path, stopped())
        until(lambda: stranger(world) and "events-lost" in out.read_text(), "what it missed is told")
    finally:
        follower.kill()
        follower.wait()
