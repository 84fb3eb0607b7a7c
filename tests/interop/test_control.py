"""varcoctl (or occtl) against a gateway with clients on it."""
import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from harness import gateway, netns
from harness.traffic import ping
from harness.wait import until


def test_show_status(start_gateway, connect):
    g = start_gateway()
    connect(g)
    s = g.show("status")
    assert s["Status"] == "online" and s["Active sessions"] == 1 and s["Server PID"] == g.process.pid
    assert s["Sessions handled"] == 0 and s["Authentication failures"] == 0
    assert {"Up since", "raw_up_since", "uptime", "RX", "raw_rx", "TX", "raw_tx"} <= s.keys()
    text = g.control("show", "status")
    assert "online" in text


def test_show_users(start_gateway, connect, users):
    """compat.md 7: the keys that panels and exporters read."""
    users.set("bob", "builder", "sales")
    g = start_gateway()
    a, b = connect(g, host=1), connect(g, host=2, user="bob", password="builder", options=["--no-dtls"])
    a.wait_dtls()
    shown = {u["Username"]: u for u in g.show("users")}
    assert shown.keys() == {"alice", "bob"}
    u = shown["alice"]
    assert (u["IPv4"], u["IPv6"]) == a.addresses
    assert u["Remote IP"] == a.host.address4 and u["State"] == "connected" and u["vhost"] == "default"
    assert u["Device"].startswith("vpns") and isinstance(u["ID"], int)
    assert u["User-Agent"].startswith("Open AnyConnect VPN Agent")
    assert u["Routes"] == ["203.0.113.0/255.255.255.0", "2001:db8:b000::/64"]
    assert "DTLS cipher" in u and "DTLS cipher" not in shown["bob"]
    assert {"MTU", "RX", "TX", "_RX", "_TX", "DPD", "KeepAlive", "Hostname", "Full session", "Session", "TLS ciphersuite",
            "DNS", "No-routes", "Restricted to routes"} <= u.keys()
    lines = g.control("show", "users").splitlines()
    assert {"id", "user", "vhost", "ip", "vpn-ip", "device", "since", "dtls-cipher", "status"} == set(lines[0].split())
    assert len(lines) == 3


@pytest.mark.varcod_only("occtl asks")
def test_a_name_that_nobody_can_have(start_gateway):
    g = start_gateway()
    for words in (("show", "user"), ("disconnect", "user"), ("show", "id")):
        done = subprocess.run(g.namespace.command(*g.control_command(), *words, "x" * 5000), capture_output=True, text=True)
        assert done.returncode == 1 and "longer than the 256 bytes" in done.stderr and len(done.stderr) < 200
    done = subprocess.run(g.namespace.command(*g.control_command(), "show", "user", "x" * 256), capture_output=True, text=True)
    assert done.returncode == 2 and "256" not in done.stderr


def test_show_users_after_the_authority_died(start_gateway, connect):
    """What is shown of a tunnel that lives on is in the store, and its tunnel process tells the rest again."""
    g = start_gateway()
    g.expected_causes.add("child-died")
    c = connect(g)
    c.wait_dtls()
    steady = ("Username", "Hostname", "TLS ciphersuite", "DTLS cipher", "MTU", "DPD", "KeepAlive", "IPv4", "Remote IP",
              "User-Agent")
    until(lambda: "DTLS cipher" in g.show("users")[0], "its DTLS is known")
    before = g.show("users")[0]
    assert all(before[key] for key in steady)
    os.kill(g.events("process.started", process="authority")[-1]["pid"], signal.SIGKILL)
    until(lambda: len(g.events("process.started", process="authority")) == 2, "it is back")
    until(lambda: "DTLS cipher" in g.show("users")[0], "its DTLS is known again")
    after = g.show("users")[0]
    assert {key: after.get(key) for key in steady} == {key: before[key] for key in steady}


def test_counters_of_a_user(start_gateway, connect):
    g = start_gateway()
    c = connect(g)
    before = {k: int(v) for k, v in g.show("users")[0].items() if k in ("RX", "TX")}
    assert ping(c.host, netns.BEHIND4, count=20, size=1000) == 0
    until(lambda: all(int(g.show("users")[0][k]) >= before[k] + 20 * 1028 for k in before), "both counters grew", 30)


@pytest.mark.core
@pytest.mark.parametrize("by", ["user", "id"])
def test_disconnect(start_gateway, connect, users, by):
    """F7.3: one session ends on both ends, the other one goes on."""
    users.set("bob", "builder")
    g = start_gateway()
    a, b = connect(g, host=1), connect(g, host=2, user="bob", password="builder")
    target = "bob" if by == "user" else str(next(u["ID"] for u in g.show("users") if u["Username"] == "bob"))
    g.control("disconnect", by, target)
    b.wait_exit()
    until(lambda: [u["Username"] for u in g.show("users")] == ["alice"], "one session is left")
    assert ping(a.host, netns.BEHIND4) == 0


def test_disconnect_voids_the_cookie(start_gateway, connect, authenticate):
    g = start_gateway()
    printed = authenticate(g)
    c = connect(g, cookie=printed["COOKIE"])
    g.control("disconnect", "user", "alice")
    c.wait_exit()
    assert connect(g, up=False, cookie=printed["COOKIE"]).wait_exit() == 2


@pytest.mark.parametrize("words, code", [
    pytest.param(["disconnect", "user", "nobody"], 2, marks=pytest.mark.varcod_only("1 in Debian's occtl"), id="user"),
    pytest.param(["disconnect", "id", "987654"], 2, marks=pytest.mark.varcod_only("1 in Debian's occtl"), id="id"),
    pytest.param(["no-such-command"], 1, id="syntax"),
])
def test_exit_codes(start_gateway, words, code):
    g = start_gateway()
    done = subprocess.run(g.namespace.command(*g.control_command(), *words), capture_output=True, check=False)
    assert done.returncode == code


@pytest.mark.varcod_only("its users")
@pytest.mark.parametrize("uid", [64001, 64002, 12345], ids=["signer, authority, verifiers", "portals, tunnels", "nobody"])
def test_only_root_may_use_the_socket(start_gateway, uid):
    """Not one of the gateway's own processes either, taken over; and the socket's mode is not the only lock."""
    g = start_gateway()
    path = Path(g.socket)
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o600)

    def ask():
        return subprocess.run(["setpriv", f"--reuid={uid}", "--clear-groups", *g.control_command(), "show", "status"],
                              capture_output=True, text=True, check=False)

    assert ask().returncode == 1
    assert not g.events("process.control", cause="control-refused")
    path.chmod(0o666)
    done = ask()
    assert done.returncode == 1 and "Status" not in done.stdout
    g.wait_event("process.control", cause="control-refused")
    assert g.show("status")["Status"] == "online"


@pytest.mark.varcod_only("a command of ours")
def test_events_follow_a_login(start_gateway, connect):
    """Each phase is seen, in its order, as JSON lines while it happens."""
    g = start_gateway()
    follow = g.namespace.popen(*g.control_command(), "-j", "events", stdout=subprocess.PIPE, text=True)
    try:
        c = connect(g)
        c.wait_dtls()
        c.logout()
        seen = []
        for line in follow.stdout:
            seen.append(json.loads(line)["event"])
            if seen[-1] == "cstp.session-ended":
                break
    finally:
        follow.kill()
        follow.wait()
    assert "cstp.handover" in seen  # by the portal, so before or after the tunnel process's cstp.up
    wanted = ["tls.up", "user.answer", "user.success", "cstp.connect", "cstp.up", "dtls.hello", "dtls.up",
              "cstp.session-ended"]
    at = [seen.index(e) for e in wanted]
    assert at == sorted(at), seen


@pytest.mark.varcod_only("the tool is ours")
class TestPasswd:
    """varcoctl passwd: ocpasswd's options and format."""

    def passwd(self, path, *argv, stdin=""):
        tool = gateway.build_folder() / "varcoctl"
        return subprocess.run([tool, "passwd", "-c", path, *argv], input=stdin, text=True, capture_output=True,
                              check=False)

    def test_sets_locks_unlocks_and_deletes(self, tmp_path):
        path = tmp_path / "file"
        assert self.passwd(path, "-g", "one,two", "carol", stdin="secret\n").returncode == 0
        name, groups, hashed = path.read_text().strip().split(":")
        assert (name, groups) == ("carol", "one,two") and hashed.startswith("$y$")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert self.passwd(path, "-l", "carol").returncode == 0 and ":!$y$" in path.read_text()
        assert self.passwd(path, "-u", "carol").returncode == 0 and ":$y$" in path.read_text()
        assert self.passwd(path, "-d", "carol").returncode == 0 and path.read_text() == ""
        assert not path.with_name("file.tmp").exists()

    def test_what_it_writes_lets_in(self, start_gateway, connect, users):
        assert self.passwd(users.path, "dave", stdin="p&ss wörd\n").returncode == 0
        connect(start_gateway(), user="dave", password="p&ss wörd")
