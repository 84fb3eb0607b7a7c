"""Each process of the gateway holds what its work needs and nothing else (docs/architecture.md, "Processes").

The table below is the promise; a change of it is a change of the design.
"""
import ctypes
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from harness import netns, proc
from harness.gateway import build_folder
from harness.wait import until
from harness.wire import Wire

pytestmark = [pytest.mark.varcod_only("its processes"), pytest.mark.core]

SUPERVISOR_CAPS = {"chown", "dac_read_search", "kill", "setgid", "setuid", "net_bind_service", "net_admin"}
CAP_BITS = {0: "chown", 2: "dac_read_search", 5: "kill", 6: "setgid", 7: "setuid", 10: "net_bind_service", 12: "net_admin"}

LIBRARIES = {"libcrypto", "libssl", "libexpat", "libsqlite3", "libIPSec_MB", "libcrypt", "libjansson", "libev", "libmnl",
             "libcap-ng"}

# user; libraries of LIBRARIES that are linked; kinds of fds beside 0, 1, 2 and the event loop's own.
TABLE = {
    "varcod": ("root", {"libcrypto", "libev", "libmnl", "libcap-ng"},
               {"unix", "tcp-listen", "udp", "tun", "signalfd", "inotify", "folder", "key", "slots"}),
    "varco-signer": ("varco", {"libcrypto", "libev"}, {"unix"}),
    "varco-authority": ("varco", {"libcrypto", "libsqlite3", "libjansson", "libev"},
                        {"unix", "store", "passwords"}),
    "varco-verifier": ("varco", {"libcrypto", "libcrypt", "libev"}, {"unix"}),
    "varco-portal": ("varco-net", {"libcrypto", "libssl", "libexpat", "libIPSec_MB", "libev"}, {"unix", "tcp-listen"}),
    "varco-tunnel": ("varco-net", {"libcrypto", "libIPSec_MB", "libev"}, {"unix", "tun", "udp"}),
}

# Symbols that a binary must not have: the linker proves what a process cannot do.
FORBIDDEN = {
    "varco-tunnel": r" [TtU] (XML_|sqlite3_|SSL_|vc_http_|vc_auth_xml|vc_tls_conn|vc_tls_server|vc_keyring|json_)",
    "varco-signer": r" [TtU] (XML_|sqlite3_|SSL_|vc_http_|vc_auth_|vc_dtls_|json_)",
    "varco-verifier": r" [TtU] (XML_|sqlite3_|SSL_|vc_http_|vc_auth_|vc_dtls_|json_)",
    "varco-portal": r" [TtU] (sqlite3_|vc_keyring|vc_worker_|vc_live_|json_)",
    "varco-authority": r" [TtU] (SSL_|vc_keyring|vc_worker_|vc_live_|vc_tls_conn)",
    "varcod": r" [TtU] (XML_|sqlite3_|SSL_|vc_http_|vc_dtls_|vc_worker_|json_)",
}


def status(pid):
    return dict(re.findall(r"^(\w+):\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M))


def name_of(pid):
    return Path(os.readlink(f"/proc/{pid}/exe")).name


def kind_of(pid, fd, target, sockets):
    if target.startswith("socket:"):
        return sockets.get(int(target[8:-1]), "unix")
    if "/net/tun" in target:
        return "tun"
    if target in ("anon_inode:[signalfd]", "anon_inode:inotify"):
        return target.strip("]").partition(":")[2].lstrip("[")
    if target.startswith("anon_inode:["):
        return "loop"
    if target.startswith("/memfd:slots"):
        return "slots"
    if "varco.db" in target:
        return "store"
    if target.endswith("/passwd"):
        return "passwords"
    if target.endswith("/state"):
        return "folder"
    if target == "/memfd:server-key (deleted)":
        return "key"
    return f"{fd}: {target}"


def inet_sockets(gateway):
    """inode -> kind, of the gateway's namespace."""
    found = {}
    with gateway.namespace.inside():
        for table, kind in (("tcp", "tcp-listen"), ("tcp6", "tcp-listen"), ("udp", "udp"), ("udp6", "udp")):
            for line in Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]:
                field = line.split()
                found[int(field[9])] = kind if table.startswith("udp") or field[3] == "0A" else "tcp"
    return found


@pytest.fixture
def gateway(start_gateway):
    return start_gateway(tunnel_processes=2, portal_processes=2)


def by_name(gateway):
    found = {}
    for pid in gateway.processes():
        found.setdefault(name_of(pid), []).append(pid)
    return found


def test_every_process_is_as_the_table_says(gateway):
    """User, capabilities, no new privileges, no core dumps, fds."""
    running = by_name(gateway)
    assert set(running) == set(TABLE)
    sockets = inet_sockets(gateway)
    for name, pids in running.items():
        user, _, fds = TABLE[name]
        uid = {"root": 0, "varco": 64001, "varco-net": 64002}[user]
        for pid in pids:
            s = status(pid)
            assert s["Uid"].split() == [str(uid)] * 4, name
            assert s["Gid"].split() == [str(uid)] * 4, name
            wanted = SUPERVISOR_CAPS if name == "varcod" else set()
            for which in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                bits = int(s[which], 16)
                got = {CAP_BITS.get(bit, bit) for bit in range(64) if bits >> bit & 1}
                assert got == (wanted if which in ("CapEff", "CapPrm") else set()), (name, which)
            assert s["NoNewPrivs"] == ("0" if name == "varcod" else "1"), name
            limits = Path(f"/proc/{pid}/limits").read_text()
            if name != "varcod":
                assert re.search(r"Max core file size\s+0\s+0", limits), name
            # not dumpable: its /proc files are root's
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0, name
            open_now = set()
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if int(fd) > 2:
                    open_now.add(kind_of(pid, fd, os.readlink(f"/proc/{pid}/fd/{fd}"), sockets))
            assert open_now - {"loop"} == fds, name


def test_binaries_link_what_the_table_says():
    for name, (_, wanted, _) in TABLE.items():
        path = build_folder() / ("varcod" if name == "varcod" else f"libexec/{name}")
        out = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
        linked = {lib for lib in re.findall(r"^\s*(lib[\w-]+?)\.so", out, re.M)} & LIBRARIES
        # what a library of ours needs of others is not our link: read the binary's own list
        needed = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=True).stdout
        own = set(re.findall(r"\[(lib[\w-]+?)\.so", needed)) & LIBRARIES
        assert own <= wanted, name
        assert linked <= wanted, name
        symbols = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=True).stdout
        assert not re.search(FORBIDDEN[name], symbols), (name, re.search(FORBIDDEN[name], symbols)[0])


ATTEMPT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for pid in map(int, sys.argv[1:]):
    try:
        os.kill(pid, 0)
        can_kill = True
    except PermissionError:
        can_kill = False
    can_trace = libc.ptrace(16, pid, None, None) == 0
    print(pid, can_kill, can_trace)
"""


def attempt(uid, pids):
    """{pid: (may signal, may trace)} for a process with this user id."""
    out = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c", ATTEMPT,
                          *map(str, pids)], capture_output=True, text=True, check=True).stdout
    return {int(p): (k == "True", t == "True") for p, k, t in (line.split() for line in out.splitlines())}


def test_no_process_reaches_into_another(gateway):
    """Taken over, a portal or tunnel process can neither signal nor trace what has keys, users or rights; nobody can
    trace anybody."""
    running = by_name(gateway)
    everybody = [pid for pids in running.values() for pid in pids]
    names = {pid: name for name, pids in running.items() for pid in pids}
    for pid, (may_kill, may_trace) in attempt(64002, everybody).items():
        assert not may_trace, names[pid]
        assert may_kill == (names[pid] in ("varco-portal", "varco-tunnel")), names[pid]
    # design: signer, authority and verifiers share a user; what they can do to each other is to end, and be restarted
    for pid, (may_kill, may_trace) in attempt(64001, everybody).items():
        assert not may_trace, names[pid]
        assert may_kill == (names[pid] in ("varco-signer", "varco-authority", "varco-verifier")), names[pid]
    for pid, (may_kill, may_trace) in attempt(12345, everybody).items():
        assert not may_kill and not may_trace, names[pid]


def tls(gateway, timeout=20):
    """A TLS connection to the gateway, not yet shaken hands."""
    raw = gateway.world.client(1).socket(socket.AF_INET)
    raw.settimeout(timeout)
    raw.connect((netns.GATEWAY4, 443))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw, do_handshake_on_connect=False)


def get(connection, path):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    got = b""
    while b"0,0,0000" not in got:
        more = connection.recv(4096)
        assert more, got
        got += more
    return got


def test_a_signer_that_hangs_costs_only_handshakes(start_gateway):
    """While the signer is stopped, connections that are up are served by the same portal; handshakes wait and then
    complete."""
    gateway = start_gateway(portal_processes=1)
    signer = by_name(gateway)["varco-signer"][0]
    up = tls(gateway)
    up.do_handshake()
    os.kill(signer, signal.SIGSTOP)
    try:
        waiting = tls(gateway)
        waiting.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            waiting.do_handshake()
        assert b"200 OK" in get(up, "/1/binaries/update.txt")
        with pytest.raises(ssl.SSLWantReadError):
            waiting.do_handshake()
    finally:
        os.kill(signer, signal.SIGCONT)
    waiting.settimeout(20)
    waiting.do_handshake()
    assert b"200 OK" in get(waiting, "/1/binaries/update.txt")
    up.close()
    waiting.close()


@pytest.mark.parametrize("name", ["varco-signer", "varco-verifier", "varco-portal", "varco-authority", "varco-tunnel"])
def test_a_killed_process_is_replaced(gateway, name, connect):
    """kill -9 of any one: it is started again, and a client can log in and send packets."""
    gateway.expected_causes.add("child-died")
    before = set(by_name(gateway)[name])
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    gateway.wait_event("process.ended", pid=victim)
    until(lambda: len(set(by_name(gateway).get(name, [])) - {victim}) == len(before), f"a new {name}")
    until(lambda: len(gateway.events("process.started", process=name.removeprefix("varco-"))) > len(before), "it is ready")
    client = connect(gateway)
    assert client.address4
    client.logout()


def test_a_process_that_stops_answering_is_replaced(start_gateway, connect):
    """SIGSTOP of one of each kind, all at a time: each is killed, that is told, and its successor serves."""
    g = start_gateway(portal_processes=2, tunnel_processes=2)
    stopped = [min(pids) for name, pids in by_name(g).items() if name.startswith("varco-")]
    assert len(stopped) == 5
    had = {p: g.events("process.started", pid=p)[0] for p in stopped}
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    for pid, e in had.items():
        g.wait_event("process.ended", pid=pid, outcome="failed", cause="child-silent", seconds=60)
        until(lambda e=e: len(g.events("process.started", process=e["process"], count=e["count"])) > 1, "its successor")
    assert len(g.events("process.ended")) == len(stopped)
    connect(g).logout()


def test_login_numbers_do_not_come_again(start_gateway):
    """A portal that was started again counts on: a number names one attempt."""
    gateway = start_gateway(portal_processes=1)
    gateway.expected_causes.add("child-died")
    for _ in range(2):
        shown(gateway)
        os.kill(gateway.events("process.started", process="portal")[-1]["pid"], signal.SIGKILL)
        started = len(gateway.events("process.started", process="portal"))
        until(lambda n=started: len(gateway.events("process.started", process="portal")) > n, "another portal")
    shown(gateway)
    logins = [e["login"] for e in gateway.events("tls.accepted")]
    assert len(logins) == len(set(logins)) == 3


def kill_signer(gateway):
    """Its successor is ready when this returns."""
    gateway.expected_causes.add("child-died")
    started = gateway.events("process.started", process="signer")
    os.kill(started[-1]["pid"], signal.SIGKILL)
    until(lambda: len(gateway.events("process.started", process="signer")) > len(started), "another signer runs")


def shown(gateway):
    """The certificate that a new connection sees, DER."""
    connection = tls(gateway)
    connection.do_handshake()
    with connection:
        return connection.getpeercert(binary_form=True)


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.fixture
def replaceable(start_gateway, certificates, tmp_path):
    """A gateway with certificate files of its own: they hold the RSA pair."""
    cert, key = tmp_path / "own.pem", tmp_path / "own.key"
    cert.write_bytes(certificates["rsa"].cert.read_bytes())
    key.write_bytes(certificates["rsa"].key.read_bytes())
    return start_gateway(server_cert=cert, server_key=key, portal_processes=2), cert, key


def test_a_replaced_certificate_is_shown_with_its_key(replaceable, certificates):
    """What the next signer signs with belongs to what the portals show; a connection that said nothing yet sees it too."""
    gateway, cert, key = replaceable
    early = tls(gateway)
    assert shown(gateway) == der(certificates["rsa"].cert)
    cert.write_bytes(certificates["ecdsa"].cert.read_bytes())
    key.write_bytes(certificates["ecdsa"].key.read_bytes())
    assert shown(gateway) == der(certificates["rsa"].cert)
    kill_signer(gateway)
    for _ in range(8):  # both portals
        assert shown(gateway) == der(certificates["ecdsa"].cert)
    early.do_handshake()
    assert early.getpeercert(binary_form=True) == der(certificates["ecdsa"].cert)
    early.close()
    assert gateway.events("process.notice", process="signer", key=certificates["ecdsa"].pin)


@pytest.mark.parametrize("how", ["no key", "another key"])
def test_a_certificate_without_its_key_changes_nothing(replaceable, certificates, how):
    """A renewal that is half done: the pair that fits is served on, and the file is named."""
    gateway, cert, key = replaceable
    cert.write_bytes(certificates["ecdsa"].cert.read_bytes())
    if how == "no key":
        key.unlink()
    kill_signer(gateway)
    assert shown(gateway) == der(certificates["rsa"].cert)
    told = gateway.events("process.notice", process="signer", outcome="failed", cause="config")
    assert told and "server-key" in told[0]["detail"]


def test_what_a_process_lacks_is_told_until_it_is_there(start_gateway, users):
    """It cannot be started again: not silently, not every second, and it is when the file has come back."""
    gateway = start_gateway()
    gateway.expected_causes.add("child-died")
    away = users.path.rename(users.path.with_name("away"))
    os.kill(gateway.events("process.started", process="authority")[-1]["pid"], signal.SIGKILL)
    gateway.wait_event("process.notice", process="authority", outcome="failed", cause="config")
    away.rename(users.path)
    until(lambda: len(gateway.events("process.started", process="authority")) == 2, "it is back")
    failed = gateway.events("process.notice", process="authority", outcome="failed")
    assert all(str(users.path) in e["detail"] for e in failed)
    assert len(gateway.events("process.ended", process="authority", outcome="failed")) == 1  # its death, by kill -9


# In the place of a verifier that was taken over: does its work, but for SIGUSR1 and SIGUSR2, on which it tells an event
# of its own, and one of the authority's.
FORGER = """#!/usr/bin/python3
import signal, socket, struct
port = socket.socket(fileno=3)
port.setblocking(True)

def tell(event):
    body = struct.pack(">HBQQQHHBBBB", event, 0, 1, 7, 7, 0, 0, 0, 1, %(by)d, 14) + b"authority-0[1]"
    port.send(struct.pack(">HI", %(EVENT)d, len(body)) + body)

signal.signal(signal.SIGUSR1, lambda *_: tell(%(notice)d))
signal.signal(signal.SIGUSR2, lambda *_: tell(%(success)d))
answers = {%(START)d: %(READY)d, %(PING)d: %(PONG)d}
try:
    while message := port.recv(4096):
        kind, = struct.unpack(">H", message[:2])
        if kind in answers:
            port.send(struct.pack(">H", answers[kind]))
        if kind == %(STOP)d:
            raise SystemExit
except ConnectionError:
    pass
signal.pause()  # it was cut off, and will be killed
"""


def numbers():
    """What the forger has to know of the tables: each number is the place of a line."""
    snapshots = Path(__file__).parents[1] / "snapshots"
    events, fields = (snapshots / "events.txt").read_text().split("# fields\n")
    events = [line.split(" |")[0] for line in events.splitlines()[1:]]
    messages = [line.split(" |")[0] for line in (snapshots / "ipc.txt").read_text().splitlines()[1:]]
    fields = [line.split(" |")[0] for line in fields.splitlines()]
    return {name: messages.index(name) for name in ("START", "STOP", "READY", "PING", "PONG", "EVENT")} | {
        "notice": events.index("process.notice"), "success": events.index("user.success"), "by": fields.index("by")}


def test_an_event_is_told_by_whose_it_is(start_gateway):
    """A process that was taken over can neither speak for another nor tell what another's role sees."""
    gateway = start_gateway(start=False)
    gateway.expected_causes |= {"ipc-malformed"}
    folder = Path(f"/run/own-programs-{os.getpid()}")  # others may enter it
    (folder / "libexec").mkdir(parents=True)
    shutil.copy(build_folder() / "varcod", folder)
    for program in filter(Path.is_file, (build_folder() / "libexec").glob("varco-*")):
        (folder / "libexec" / program.name).symlink_to(program)
    forger = folder / "libexec" / "varco-verifier"
    forger.unlink()
    forger.write_text(FORGER % numbers())
    forger.chmod(0o755)
    usual = gateway.command()
    gateway.command = lambda: [str(folder / "varcod"), *usual[1:]]
    try:
        gateway.start()
        started = gateway.events("process.started", process="verifier")
        pid, index = started[0]["pid"], started[0]["count"]
        os.kill(pid, signal.SIGUSR1)
        assert gateway.wait_event("process.notice", login=7)["by"] == f"verifier-{index}[{pid}]"
        os.kill(pid, signal.SIGUSR2)
        told = gateway.wait_event("process.notice", process="verifier", cause="ipc-malformed")
        assert "user.success" in told["detail"] and not gateway.events("user.success")
        gateway.wait_event("process.ended", process="verifier", pid=pid)
        until(lambda: len(gateway.events("process.started", process="verifier")) > len(started), "another verifier runs")
        assert gateway.stop() == 0
    finally:
        gateway.kill()
        shutil.rmtree(folder)


def test_nothing_outlives_the_supervisor(start_gateway):
    """kill -9 of the supervisor: no process, device or rule is left."""
    gateway = start_gateway(nat="true")
    gateway.expected_causes.add("child-died")
    pids = gateway.processes()
    assert "vpns0" in gateway.namespace.links()
    assert "varco_vpns0" in gateway.namespace.run("nft", "list", "ruleset")
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()
    gateway.process = None  # nothing to be ended in order
    until(lambda: not any(map(proc.alive, pids)), "no process is left", 10)
    until(lambda: "vpns0" not in gateway.namespace.links(), "no device is left", 10)
    until(lambda: "varco_vpns0" not in gateway.namespace.run("nft", "list", "ruleset"), "no rule is left", 10)


@pytest.mark.long
@pytest.mark.limit(300)
def test_a_portal_is_renewed_after_a_thousand_logins(start_gateway, connect, world, tmp_path):
    """A taken-over portal sees only what passes through it: after 1 000 logins a fresh process takes its place. That
    serves before the old one leaves, which still has an idle connection."""
    gateway = start_gateway(portal_processes=1, max_clients=2000, max_same_clients=0)
    before = by_name(gateway)["varco-portal"]
    idle = tls(gateway)
    idle.do_handshake()
    load = Wire(world.client(1), tmp_path / "load", gateway, "load", "--count", "1000", "--dtls", "none")
    gateway.wait_event("process.ended", pid=before[0], outcome="ok", seconds=240)
    told = [(e["event"], e["pid"]) for e in gateway.all_events() if e.get("process") == "portal" and "pid" in e]
    (_, fresh), = [e for e in told if e[0] == "process.started" and e[1] != before[0]]
    assert told == [("process.started", before[0]), ("process.started", fresh), ("process.ended", before[0])]
    assert by_name(gateway)["varco-portal"] == [fresh]
    idle.close()
    connect(gateway, host=2).logout()
    logins = [e["login"] for e in gateway.events("tls.accepted")]
    assert len(logins) == len(set(logins))
    load.process.kill()
    load.process.wait()
