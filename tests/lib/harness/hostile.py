"""The stage on which hostile inputs are tried: a gateway, two honest sessions that ping all the time, and the books.

threats.md promises that an input which is refused, or dropped, costs nobody else anything: the two sessions, one on TLS
and one on DTLS, miss no reply, no process dies or is replaced, and memory and fds are back where they were. Memory is
looked at in the release build: ASan keeps what was freed, and the stack of each allocation. It sees what is used wrongly,
so there each input is tried a few times only.
"""
import contextlib
import json
import re
import socket

import pytest

from . import client, gateway, netns, proc, raw, traffic
from .wait import Late, until

TIMES = 20  # how often each input is repeated
GROWTH_KIB = 8  # by which the processes, all together, may have grown by then
ROUNDS = 4  # so often it is repeated that often: a first time may take memory
FORM_KIB = 2  # what a login that waits for its client takes, until auth-timeout
PING = raw.echo4("10.20.0.99", netns.BEHIND4)  # from an address that is nobody's lease
DROPPED = ("cstp.packet-dropped", "inner-source")  # what is told of the first such packet
STRANGER, NEIGHBOUR = 3, 4  # client hosts: where hostile input comes from, and one beside it


class Honest:
    """A client that does nothing but ping, every 50 ms."""

    def __init__(self, openconnect, folder):
        self.client = openconnect
        self.pings = traffic.Pings(openconnect.host, netns.BEHIND4, folder)
        self.pings.wait_replies(1)
        self._told = set()

    def missed(self):
        """Numbers of the requests that were not answered and not told yet, those aside that may still be under way."""
        answered = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", self.pings.text())}
        new = set(range(1, max(answered))) - answered - self._told
        self._told |= new
        return sorted(new)


class Stage:
    """host: where the input comes from. crowd: the same host, from addresses enough for inputs that are counted by their
    events. gateway: one portal, so that limits per source are exact, and two tunnel
    processes, so that half of all datagrams come to the wrong one."""

    def __init__(self, world, folder, certificate, **keys):
        self.world, self.folder = world, folder
        self.host, self.neighbour = world.client(STRANGER), world.client(NEIGHBOUR)
        self.crowd = self.host.crowd
        users = gateway.Users(folder / "passwd")
        users.set("alice", "wonderland")
        self.gateway = gateway.Gateway(world, folder / "gateway", certificate, users,
                                       {"portal_processes": 1, "tunnel_processes": 2} | keys)
        self.sanitized = b"__asan_init" in (gateway.build_folder() / "varcod").read_bytes()
        self.honest = {}
        self.clients = []

    def begin(self):
        self.gateway.start()
        for number, (name, options) in enumerate({"tls": ["--no-dtls"], "dtls": []}.items(), 1):
            c = client.OpenConnect(self.world.client(number), self.folder / name, self.gateway, options=options)
            self.clients.append(c)
            c.wait_up()
            if not options:
                c.wait_dtls()
            self.honest[name] = Honest(c, self.folder)
        self.pids = set(self.gateway.processes())
        self._checked = self.now()
        self.baseline = self.fds()
        self._touch()
        return self

    def _touch(self):
        """Uses what the tunnel processes have for many datagrams at once: its pages are theirs from then on."""
        for port in range(5000, 5016):
            with self.neighbour.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind(("0.0.0.0", port))
                for size in (60, 1400, 60, 700) * 10:
                    for i in range(40):
                        sock.sendto(bytes(size + i % 3), (netns.GATEWAY4, 443))

    def end(self):
        self.check()
        for honest in self.honest.values():
            honest.pings.stop()
        for c in self.clients:
            c.kill()
        code = self.gateway.stop()
        faults = self.gateway.faults()
        self.kill()
        assert code == 0
        assert not faults, "in the gateway's log:\n" + "\n".join(faults)

    def kill(self):
        for honest in self.honest.values():
            honest.pings.stop()
        for c in self.clients:
            c.kill()
        self.gateway.kill()
        for host in self.world.clients():
            host.reset()

    # -- the books ----------------------------------------------------------------------------------------------------

    def fds(self):
        return {pid: len(proc.fds(pid)) for pid in self.pids if proc.alive(pid)}

    def memory_kib(self):
        """What is the processes' own."""
        return proc.anonymous_kib(self.pids)

    def now(self):
        """A place in the gateway's log."""
        return self.gateway.log.size()

    def _lines(self, since):
        with open(self.gateway.log.path, "rb") as log:
            log.seek(since)
            lines = log.read().decode("utf-8", "replace").splitlines(keepends=True)
        return [line for line in lines if line[-1] == "\n"]

    def events(self, since):
        return [json.loads(line) for line in self._lines(since) if line[0] == "{"]

    def causes(self, since):
        """[(event, cause)] of what went wrong."""
        return [(e["event"], e["cause"]) for e in self.events(since) if "cause" in e]

    def faults(self):
        """What is in the log since this was last asked, and must never be."""
        since, self._checked = self._checked, self.now()
        events = self.events(since)
        return ([line for line in self._lines(since) if line[0] != "{" and not gateway.NOISE.search(line)]
                + [e for e in events if e.get("cause") in ("unknown", "ipc-malformed", "child-died")])

    @contextlib.contextmanager
    def undisturbed(self):
        """What the block does harms nobody: sessions, processes, fds."""
        yield
        self.check()
        until(lambda: self.fds() == self.baseline, f"fds are back at {self.baseline}: {self.fds()}", 10)

    def check(self):
        """Sessions and processes are well."""
        faults = self.faults()
        assert not faults, f"in the gateway's log: {faults}"
        assert set(self.gateway.processes()) == self.pids, "a process died or was replaced"
        goals = {honest: honest.pings.replies() + 1 for honest in self.honest.values()}
        until(lambda: all(h.pings.replies() >= goal for h, goal in goals.items()), "both sessions get replies")
        missed = {name: lost for name, honest in self.honest.items() if (lost := honest.missed())}
        assert not missed, f"requests that were not answered: {missed}"
        assert all(c.process.poll() is None for c in self.clients), "an honest client has ended"

    def run(self, attack, expected, events, *, times=TIMES, keeps_kib=0):
        """
        Tries an input again and again.

        attack    called with the stage; returns what the client saw
        expected  what it must see, or a set of such
        events    [(event, cause)] that each input must give, no more and no less; None: attack looks itself
        keeps_kib what each is known to leave for a while
        """
        wanted = expected if isinstance(expected, (set, frozenset)) else {expected}

        def once():
            since = self.now()
            seen = attack(self)
            assert seen in wanted, f"saw {seen!r}, wanted {wanted}; events {self.causes(since)}"
            if events is None:
                return
            with contextlib.suppress(Late):
                until(lambda: len(self.causes(since)) >= len(events), "all events", 5)
            told = self.causes(since)
            assert sorted(told) == sorted(events), f"events {told}, wanted {events}"

        with self.undisturbed():
            once()
            if self.sanitized:
                for _ in range(times // 5 + 1):
                    once()
                return
            growth = []
            while len(growth) < ROUNDS:
                memory = self.memory_kib()
                for _ in range(times):
                    once()
                growth.append(self.memory_kib() - memory)
                if growth[-1] <= GROWTH_KIB + keeps_kib * times:
                    return
            raise AssertionError(f"KiB more after each {times}: {growth}")

    @contextlib.contextmanager
    def bounded(self, kib):
        """The processes do not grow by more while the block runs."""
        before = self.memory_kib()
        yield
        grown = self.memory_kib() - before
        assert self.sanitized or grown <= kib, f"{grown} KiB more"

    def counters(self):
        """What the tunnel processes count: {"dropped_udp": ..., ...}"""
        found, status = {}, self.gateway.show("status")
        todo = [status]
        while todo:
            value = todo.pop()
            if isinstance(value, dict):
                found |= {k: v for k, v in value.items() if isinstance(v, int)}
                todo += value.values()
            elif isinstance(value, list):
                todo += value
        return found

    # -- sessions of the stranger's -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def session(self):
        """A login; its token is void afterwards."""
        token = raw.log_in(self.host)
        try:
            yield token
        finally:
            raw.log_out(self.host, token)


@pytest.fixture(scope="module")
def stage_of_module(world, tmp_path_factory, certificates):
    s = Stage(world, tmp_path_factory.mktemp("hostile"), certificates["ecdsa"])
    try:
        yield s.begin()
        s.end()
    finally:
        s.kill()


@pytest.fixture(scope="module")
def token(stage_of_module):
    """Of a session of the stranger's, for tests that do not end it."""
    with stage_of_module.session() as t:
        yield t


@pytest.fixture
def stage(stage_of_module, keep):
    at = stage_of_module.now()
    keep("gateway, since the test began", lambda: "\n".join(stage_of_module.gateway.log.text(at).splitlines()[-100:]))
    for c in stage_of_module.clients:
        keep(f"openconnect: {c.folder}", lambda c=c: c.log.tail(20))
    return stage_of_module


def table(rows):
    """Parametrises a test with rows whose first column is the id."""
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


# -- what a client saw ------------------------------------------------------------------------------------------------

KINDS = {1: "hello request", 2: "server hello", 6: "hello retry"}


def seen(wire):
    """What came over a connection in the clear: "alert 40", "server hello", "closed"; joined by ", "."""
    found = []
    for kind, body in raw.records(wire.got):
        if kind == raw.ALERT and len(body) == 2:
            found.append(f"alert {body[1]}")
        elif kind == raw.HANDSHAKE and body and body[0] == 2:
            found.append("server hello")
    found.append({"eof": "closed", "reset": "reset", None: "open"}[wire.ended])
    return ", ".join(found)


def bytes_sent(data, end=None):
    """An attack: these bytes on a fresh connection; then its end is awaited, or it is closed."""
    def attack(stage):
        wire = raw.Wire(stage.crowd)
        try:
            wire.send(data() if callable(data) else data)
            if end:
                while not wire.got and not wire.ended:
                    wire.take()
                end(wire)
                return "gone"
            return seen(wire.drain())
        finally:
            wire.close()
    return attack


def asked(request, version=None):
    """An attack: an HTTP request on a fresh TLS connection; its status, and that the connection ends behind it."""
    def attack(stage):
        with raw.Tls(stage.crowd, version) as tls:
            answer = tls.ask(request() if callable(request) else request)
            if answer is None:
                return f"no answer, {tls.error or tls.wire.ended}"
            if answer.header("Connection") != "close":
                return f"{answer.status} and goes on"
            tls.drain()
            assert tls.plain == b""
            return answer.status
    return attack
