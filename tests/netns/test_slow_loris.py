"""5 000 connections that take their time (docs/threats.md, "Faults to survive"), in every state that a stranger can
bring about, from many addresses and from one: tunnels lose nothing, who comes back by cookie does, and a login from
elsewhere succeeds.

Beside the flood: two honest sessions that ping, on TLS and on DTLS; logins; a session that is made to reconnect.
"""
import resource
import selectors
import signal
import socket
import ssl
import threading

import pytest

from harness import netns
from harness.hostile import STRANGER, Stage
from harness.raw import Hello
from harness.wait import until

pytestmark = [pytest.mark.varcod_only("its limits and events")]

FLOOD = 5000
SOURCES = 200  # of the flood from many addresses
FRESH, RETURNING = 5, 6  # client hosts: who logs in, and who comes back

INIT = (b'<?xml version="1.0" encoding="UTF-8"?><config-auth client="vpn" type="init" aggregate-auth-version="2">'
        b'<version who="vpn">v9.01</version><group-access>https://192.0.2.1</group-access></config-auth>')
POST = b"POST / HTTP/1.1\r\nHost: x\r\nX-Aggregate-Auth: 1\r\nContent-Length: %d\r\n\r\n"

# What a connection says behind its handshake, and then no more; None: not even the handshake goes on. And how many get
# there; then the next state comes: the later, the longer the gateway waits. Forms go on, in the place of what it ends.
PLACES = 1024  # of two portals
STATES = {
    "slow handshake": (None, 1000),
    "slow head": (b"POST / HTTP/1.1\r\nHost:", 300),
    "slow body": (POST % 1000 + b"<", 300),
    "silence": (b"", 300),
    "form": (POST % len(INIT) + INIT, PLACES),
}


class Flood:
    """So many connections, in each of the states. One thread, without waiting for any of them."""

    def __init__(self, host, sources):
        self._host, self._sources = host, sources
        self._selector = selectors.DefaultSelector()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self.begun = self.held = 0
        self.done = {name: 0 for name in STATES}  # so often the state was reached
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._guarded)
        self._thread.start()

    def _guarded(self):
        try:
            self._run()
        except Exception as e:  # pylint: disable=broad-except
            self.error = e

    def _begin(self):
        sock = self._host.socket(socket.AF_INET)
        sock.setblocking(False)
        sock.bind((self._sources[self.begun % len(self._sources)], 0))
        sock.connect_ex((netns.GATEWAY4, 443))
        name = next((n for n, (_, many) in STATES.items() if self.done[n] < many), "form")
        self.begun += 1
        self.held += 1
        self._selector.register(sock, selectors.EVENT_WRITE, [name, None, False])

    def _end(self, sock):
        self._selector.unregister(sock)
        sock.close()
        self.held -= 1

    def _reached(self, key):
        self.done[key.data[0]] += key.data[0] != "form"  # that is reached when it comes
        key.data[2] = True
        self._selector.modify(key.fileobj, selectors.EVENT_READ, key.data)

    def _step(self, key):
        """Some bytes on, where it is about to do something; what it gets then is thrown away."""
        sock, (name, tls, said) = key.fileobj, key.data
        say, _ = STATES[name]
        if said:
            more = sock.recv(65536)
            if not more:
                self._end(sock)
            elif name == "form":
                tls[1].write(more)
                self.done[name] += tls[0].read(12) == b"HTTP/1.1 200"
            return
        if say is None:
            sock.send(Hello().records()[:40])
            self._reached(key)
            return
        if tls is None:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            key.data[1] = tls = (self._context.wrap_bio(incoming, outgoing), incoming, outgoing)
        else:
            more = sock.recv(65536)
            if not more:
                self._end(sock)
                return
            tls[1].write(more)
        try:
            tls[0].do_handshake()
        except ssl.SSLWantReadError:
            sock.send(tls[2].read())
            self._selector.modify(sock, selectors.EVENT_READ, key.data)
            return
        if say:
            tls[0].write(say)
        sock.send(tls[2].read())
        self._reached(key)

    def _run(self):
        while not self._stop.is_set():
            for _ in range(50 if self.begun < FLOOD else 10):
                if self.held < FLOOD:
                    self._begin()
            for key, _ in self._selector.select(0.05):
                try:
                    self._step(key)
                except (OSError, ssl.SSLError):
                    self._end(key.fileobj)
        for key in list(self._selector.get_map().values()):
            self._end(key.fileobj)
        self._selector.close()

    def is_up(self):
        """Each state was reached; a gateway that lets them has forms in nearly all places."""
        return self.begun >= FLOOD and all(self.done[n] >= 0.98 * many for n, (_, many) in STATES.items())

    def stop(self):
        self._stop.set()
        self._thread.join()
        if self.error:
            raise self.error


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3 * FLOOD)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def stage(world, tmp_path, certificates, many_files, keep):
    s = Stage(world, tmp_path, certificates["ecdsa"], portal_processes=2)
    keep("gateway", lambda: "\n".join(s.gateway.log.text().splitlines()[-40:]))
    try:
        yield s.begin()
    finally:
        s.kill()


@pytest.mark.long
@pytest.mark.limit(300)
@pytest.mark.parametrize("sources", [1, SOURCES], ids=["one address", "many addresses"])
def test_slow_loris(stage, world, connect, sources):
    host = world.client(STRANGER)
    returning = connect(stage.gateway, host=RETURNING)
    flood = Flood(host, host.more_addresses(sources))
    try:
        until(lambda: flood.error or flood.is_up(), f"the flood is up: {flood.done}", 150)
        for _ in range(3):
            connect(stage.gateway, host=FRESH).logout()
        returning.signal(signal.SIGUSR2)
        returning.wait_told("reconnect")
        assert not flood.error
        stage.check()
    finally:
        flood.stop()
    stage.check()
    returning.logout()
    stage.end()
