"""A connection goes from the portal to a tunnel process in two phases (docs/architecture.md, "The hand-over"). Whoever is
killed between which two messages: the client gets nothing of the channel or all of it, comes back by its cookie with the
same address, and no key has sealed two records under one nonce.

tests/sim has the same from inside each of the two programs; here all are real, and held at their messages by ptrace.
"""
import contextlib
import itertools
import os
import signal

import pytest

from harness import proc, raw, tracer
from harness.recording import handed_over
from harness.wait import until

pytestmark = pytest.mark.varcod_only("its processes and their messages")

# In their order: sender, receiver.
MESSAGES = {
    "CONNECT": ("portal", "authority"),
    "EXPECT": ("authority", "tunnel"),
    "GRANT": ("authority", "portal"),
    "ADOPT": ("portal", "tunnel"),
    "ADOPTED": ("tunnel", "portal"),
    "OWN": ("portal", "tunnel"),
    "UP": ("tunnel", "authority"),
}
ORDER = list(MESSAGES)
VERSIONS = ["1.2", "1.3"]
BEHIND = b"behind the head"


def pid_of(gateway, role):
    found = [pid for pid in gateway.processes() if os.path.basename(proc.executable(pid)) == f"varco-{role}"]
    assert len(found) == 1, f"{role}: {found}"
    return found[0]


class Client:
    """A connection that sends CONNECT and a question behind it in one segment."""

    def __init__(self, host, token, version, keylog):
        self._tls = raw.Tls(host, version, keylog=keylog)
        self._request = raw.connect_request(token, "X-CSTP-Address-Type: IPv4\r\n")

    def connect(self):
        self._tls.wire.send(self._tls.sealed(self._request) + self._tls.sealed(raw.frame(raw.F_DPD_REQ, BEHIND)))
        return self

    def outcome(self):
        """(the answer's status, its address, whether the question was answered): the connection is up, or over."""
        answer = self._tls.answer()
        if answer is None:
            return None, None, False
        while not raw.frames(self._tls.plain)[0] and self._tls.read():
            pass
        frames = raw.frames(self._tls.plain)[0]
        assert frames in ([], [(raw.F_DPD_RESP, BEHIND)])
        return answer.status, answer.header("X-CSTP-Address"), bool(frames)

    def close(self):
        self._tls.close()


def kill_at(gateway, client, message, unread, victim):
    """Kills the victim when the message is about to be sent, or has been sent and is not read."""
    sender, receiver = MESSAGES[message]
    pids = {role: pid_of(gateway, role) for role in ("portal", "tunnel", "authority")}
    pids["supervisor"] = gateway.process.pid
    with tracer.Tracer(pids[sender]) as traced:
        client.connect()
        traced.run_to(message)
        if unread:
            tracer.hold(pids[receiver])
            traced.send()
        if victim == sender:
            traced.kill()
        else:
            tracer.kill(pids[victim])
        if unread and victim != receiver:
            with contextlib.suppress(ProcessLookupError):  # with the supervisor all end
                os.kill(pids[receiver], signal.SIGCONT)
        if victim != sender:
            traced.let_go()
    return pids[victim]


def must_be(victim, message, unread):
    """(statuses, whether the channel goes on); None: either."""
    if victim == "supervisor":
        return (None, 503, 200), None  # all end with it
    gone = ORDER.index(message) + unread  # so many messages have left
    if victim == "authority":
        granted = gone > ORDER.index("GRANT")
        return (200 if granted else 503,), granted
    if ORDER.index(message) >= ORDER.index("ADOPT"):
        status = (200,)  # written between GRANT and ADOPT
    else:
        status = (None,) if victim == "portal" else (503, 200)  # 200: GRANT was faster than the tunnel process's end
    if gone <= ORDER.index("OWN"):
        return status, False  # it was not given for good
    # the portal's last word and its end race; what the tunnel process did first is its own affair
    return status, True if victim == "portal" and message == "UP" else None


@pytest.mark.core
@pytest.mark.limit(120)
@pytest.mark.parametrize("victim", ["portal", "tunnel", "authority", "supervisor"])
def test_killed_between_each_two_messages(start_gateway, world, recorded, victim):
    g = start_gateway(certificate="ecdsa", portal_processes=1, tunnel_processes=1)
    g.expected_causes.add("child-died")
    host = world.client(1)
    token = raw.log_in(host, keylog=recorded.keylog)

    def come(n):
        return Client(host, token, VERSIONS[n % 2], recorded.keylog)

    first = come(0).connect()
    status, address, answered = first.outcome()
    assert (status, answered) == (200, True)
    first.close()
    moved = 0
    for n, (message, unread) in enumerate(itertools.product(ORDER, (False, True))):
        where = f"{victim} killed {'behind' if unread else 'before'} {message}"
        client, started = come(n + n // 2), len(g.events("process.started", process=victim))
        dead = kill_at(g, client, message, unread, victim)
        status, got, answered = client.outcome()
        client.close()
        wanted, up = must_be(victim, message, unread)
        assert status in wanted and got in (address, None) and up in (answered, None), (where, status, got, answered)
        moved += answered
        if victim == "supervisor":
            g.process.wait()
            until(lambda: not proc.session(dead), "all have ended")
            g.start()
        else:
            g.wait_event("process.ended", pid=dead)
            until(lambda: len(g.events("process.started", process=victim)) > started, "another one is ready")
        again = come(n + n // 2 + 1).connect()
        assert again.outcome() == (200, address, True), f"{where}: return by cookie"
        again.close()
    sealed = recorded.opened()
    assert sum(map(handed_over, sealed.tls)) == 1 + 2 * len(ORDER) + moved
