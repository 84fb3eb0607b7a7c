"""Start, stop, and what is left afterwards: the gateway as a guest on its host."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness import gateway, netns, proc
from harness.traffic import ping
from harness.wait import until

pytestmark = pytest.mark.varcod_only("promises of ours")


def traces(g):
    """What a gateway may leave on its host: devices, firewall tables, files in /run."""
    return {
        "links": sorted(g.namespace.links()),
        "tables": g.namespace.run("nft", "list", "tables").splitlines(),
        "run": sorted(str(p) for p in Path("/run").rglob("*") if not p.is_dir() and "netns" not in p.parts),
        "forwarding": forwarding(g),
    }


def forwarding(g):
    """Every forwarding switch of the gateway's host: {"ipv4 wan": "1", ...}"""
    with g.namespace.inside():
        return {f"{family} {p.parent.name}": p.read_text().strip() for family in ("ipv4", "ipv6")
                for p in Path(f"/proc/sys/net/{family}/conf").glob("*/forwarding") if p.parent.name != "vpns0"}


@pytest.mark.core
def test_sigterm_leaves_nothing_but_the_store(start_gateway, connect):
    g = start_gateway(start=False)
    before = traces(g)
    g.start()
    c = connect(g)
    assert ping(c.host, netns.BEHIND4) == 0
    assert traces(g) != before
    assert g.stop() == 0
    assert traces(g) == before
    assert proc.session(g.process.pid) == []
    assert sorted(p.name for p in g.folder.iterdir() if p.name != "gateway.log") == ["gateway.conf", "state"]


@pytest.fixture
def stopping(start_gateway):
    """A gateway that was told to stop, and its authority, which does not get to it yet (SIGSTOP)."""
    g = start_gateway()
    authority = g.events("process.started", process="authority")[-1]["pid"]
    os.kill(authority, signal.SIGSTOP)
    g.process.send_signal(signal.SIGTERM)
    for process in ("tunnel", "portal"):
        started = g.events("process.started", process=process)
        until(lambda n=len(started), p=process: len(g.events("process.ended", process=p)) == n, f"each {process} ended")
    return g, authority


def test_a_second_sigterm_while_it_stops(stopping):
    """Each process is told once to stop; its own end is in order, or the fixture finds that it died."""
    g, authority = stopping
    for _ in range(3):
        g.process.send_signal(signal.SIGTERM)
        until(lambda: int(proc.status(g.process.pid)["ShdPnd"], 16) == 0, "the signal was taken")
    os.kill(authority, signal.SIGCONT)
    assert g.process.wait(15) == 0
    assert g.events("process.ended", process="authority", outcome="ok")


def test_a_process_that_dies_while_the_gateway_stops_is_told(stopping):
    g, authority = stopping
    g.expected_causes.add("child-died")
    os.kill(authority, signal.SIGKILL)
    assert g.process.wait(15) == 0
    assert g.events("process.ended", process="authority", outcome="failed", cause="child-died")


def test_a_process_that_hangs_does_not_keep_the_others_from_an_orderly_end(start_gateway):
    """It is killed when its time is over, alone, and that is told; the authority is stopped behind it."""
    g = start_gateway(tunnel_processes=2)
    hung = g.events("process.started", process="tunnel")[0]["pid"]
    os.kill(hung, signal.SIGSTOP)
    g.process.send_signal(signal.SIGTERM)
    assert g.process.wait(15) == 0
    ended = {e["pid"]: e for e in g.events("process.ended")}
    assert (ended[hung]["outcome"], ended[hung].get("cause")) == ("failed", "child-silent")
    assert {e["outcome"] for pid, e in ended.items() if pid != hung} == {"ok"}
    authority = g.events("process.started", process="authority")[0]["pid"]
    assert list(ended).index(authority) > list(ended).index(hung)


@pytest.mark.core
def test_whoever_ignores_sigchld_starts_a_gateway_like_any_other(start_gateway):
    """env --ignore-signal=CHLD; a mask that blocks all is no better."""
    g = start_gateway(start=False)
    g.expected_causes.add("child-died")
    command = g.command()
    g.command = lambda: ["env", "--ignore-signal=CHLD", "--block-signal", *command]
    g.start()
    portal = g.events("process.started", process="portal")[0]["pid"]
    os.kill(portal, signal.SIGKILL)
    g.wait_event("process.ended", pid=portal)
    assert g.stop() == 0


def test_signals_that_are_not_served_are_told(start_gateway, connect):
    g = start_gateway()
    c = connect(g)
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM"):
        g.process.send_signal(getattr(signal, name))
        until(lambda n=name: any(n in e.get("detail", "") for e in g.events("process.notice", cause="signal-not-served")),
              f"{name} is told")
    assert len(g.events("process.notice", cause="signal-not-served")) == 4
    assert ping(c.host, netns.BEHIND4) == 0
    g.process.send_signal(signal.SIGQUIT)
    assert g.process.wait(15) == 0
    assert g.events("process.gateway-stopping") and not Path(g.socket).exists()


def test_sigterm_at_any_moment_of_the_start(start_gateway):
    """From before there is a control socket until it serves: an end in order, and nothing is left."""
    g = start_gateway(start=False, nat="true")
    before = traces(g)

    def stop_when(condition, what):
        g.start(wait=False)
        until(condition, what)
        g.process.send_signal(signal.SIGTERM)
        assert g.process.wait(15) == 0
        assert traces(g) == before and proc.session(g.process.pid) == []

    def holds():
        return int(proc.status(g.process.pid)["SigBlk"], 16) >> (signal.SIGTERM - 1) & 1

    for condition, what in ((holds, "it takes signals"), (lambda: Path(g.socket).exists(), "its control socket"),
                            (lambda: "vpns0" in g.namespace.links(), "its device"),
                            (lambda: g.events("process.started"), "a process")):
        g.log.path.write_text("")
        stop_when(condition, what)


@pytest.fixture
def other_nft(tmp_path):
    """Puts a script in the place of nft."""
    script, nft = tmp_path / "nft", os.path.realpath("/usr/sbin/nft")
    mounted = []

    def put(text):
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        netns.run("mount", "--bind", str(script), nft)
        mounted.append(nft)

    yield put
    for path in mounted:
        netns.run("umount", path)


@pytest.mark.parametrize("text, reason", [
    ("exit 0", "nft (is the package"),
    ("exec sleep 1000", "nft did not answer"),
    ("trap '' TERM; while :; do sleep 1; done", "nft did not answer"),
])
def test_an_nft_that_does_not_answer_stops_the_start(start_gateway, other_nft, text, reason):
    g = start_gateway(nat="true", start=False)
    before = traces(g)
    other_nft(text)
    code, told = g.try_to_start()
    assert code == 1 and reason in told, told
    assert sorted(g.namespace.links()) == before["links"]


def test_a_stopped_nft_does_not_hold_up_the_end(start_gateway):
    g = start_gateway(nat="true")
    os.kill(next(p for p in g.processes() if proc.name(p) == "nft"), signal.SIGSTOP)
    assert g.stop() == 0
    assert "varco" not in g.namespace.run("nft", "list", "tables")


def test_a_gateway_serves_while_nft_does_not_answer(start_gateway, other_nft):
    """The table is made again beside the rest: a killed portal is replaced meanwhile, and the gateway ends in order."""
    g = start_gateway(nat="true")
    g.expected_causes.add("child-died")
    pid = next(p for p in g.processes() if proc.name(p) == "nft")
    portal = g.events("process.started", process="portal")[0]
    other_nft("trap '' TERM; while :; do sleep 1; done")
    os.kill(pid, signal.SIGKILL)
    g.wait_event("process.ended", process="nft", pid=pid)
    os.kill(portal["pid"], signal.SIGKILL)
    until(lambda: len(g.events("process.started", process="portal", count=portal["count"])) == 2, "a new portal")
    assert not g.events("process.notice", process="nft")
    g.wait_event("process.notice", process="nft", cause="child-silent")
    assert g.stop() == 0


def test_a_start_that_fails_half_way_ends_at_once(start_gateway, users):
    """Whoever runs already is told to stop, not killed after the time that it has for that. What is found at first and not
    when the authority needs it: a name that changes its meaning when the daemon goes to /."""
    g = start_gateway(start=False, auth=f"plain[passwd=/proc/self/cwd/{users.path.name}]")
    argv = ["-e" if a == "-f" else a for a in g.command()]
    done = subprocess.run(g.namespace.command(*argv), stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=os.environ | gateway.SANITIZERS, check=False,
                          cwd=users.path.parent, timeout=30)
    g.log.path.write_text(done.stdout)
    assert done.returncode == 1
    assert any("/proc/self/cwd" in e.get("detail", "") for e in g.events("process.ended", outcome="failed"))
    assert {e["process"] for e in g.events("process.ended", outcome="ok")} == {"signer", "authority"}
    assert not any("seconds" in e for e in g.events("process.ended"))


def test_configuration_and_key_are_for_root_alone(start_gateway):
    g = start_gateway()
    for path in (g.config, g.certificate.key, g.users.path):
        assert path.stat().st_mode & 0o077 == 0
    assert g.folder.stat().st_mode & 0o077 == 0
    assert g.stop() == 0


def test_clients_are_told_and_leases_kept(start_gateway, connect):
    """2-tunnel.md 15: no 0x05, which would end the client; the connection closes, and the client tries again."""
    g = start_gateway()
    c = connect(g)
    had = c.addresses
    assert g.stop() == 0
    c.wait_told("attempt-reconnect")
    assert c.process.poll() is None
    g.start()
    c.wait_told("reconnect", seconds=40)
    assert c.addresses == had


@pytest.mark.core
@pytest.mark.parametrize("left", ["idle", "with a session"])
def test_kill_9_of_the_supervisor_leaves_nothing(start_gateway, connect, left):
    """threats.md, "Faults to survive": no orphan process, device or rule."""
    g = start_gateway(nat="true")
    if left == "with a session":
        connect(g)
    before = g.namespace.run("nft", "list", "tables")
    assert "varco_vpns0" in before
    pids = g.processes()
    assert len(pids) > 5
    g.process.kill()
    g.process.wait()
    until(lambda: not any(map(proc.alive, pids)), "no process is left", 10)
    until(lambda: "vpns0" not in g.namespace.links(), "no device is left", 10)
    assert "varco" not in g.namespace.run("nft", "list", "tables")
    g.start()  # the store is not locked, nothing is in the way


def test_nat_masquerades_and_switches_forwarding_back(start_gateway, connect, world):
    """A network behind the gateway that knows no route to the clients."""
    world.forwarding(False)
    world.behind.run("ip", "route", "del", "default")
    try:
        g = start_gateway(nat="true", ipv6_network=None, start=False)
        before = forwarding(g)
        c = connect(g.start())
        assert ping(c.host, netns.BEHIND4) == 0
        assert forwarding(g) != before
        assert g.stop() == 0
        assert forwarding(g) == before
    finally:
        world.behind.run("ip", "route", "replace", "default", "via", "203.0.113.1")
        world.forwarding(True)


def test_masquerading_comes_back_when_nft_is_killed(start_gateway):
    """The table goes with its owner: that is told, and it is made again."""
    g = start_gateway(nat="true")
    g.expected_causes.add("child-died")
    pid = next(p for p in g.processes() if proc.name(p) == "nft")
    os.kill(pid, signal.SIGKILL)
    g.wait_event("process.ended", process="nft", pid=pid, outcome="failed")
    again = g.wait_event("process.started", process="nft")["pid"]
    assert "varco_vpns0" in g.namespace.run("nft", "list", "tables")
    assert again in g.processes() and not Path(f"/proc/{pid}").exists()


def test_nat_forwards_on_a_host_with_many_interfaces(start_gateway, world):
    """The TUN device is the last one of them."""
    pairs = [(f"many{n}", f"more{n}") for n in range(40)]
    add = "".join(f"link add {one} type veth peer name {other}\n" for one, other in pairs)
    world.forwarding(False)
    try:
        g = start_gateway(nat="true", start=False)
        g.namespace.run("ip", "-batch", "-", stdin=add)
        before = forwarding(g)
        g.start()
        with g.namespace.inside():
            assert Path("/proc/sys/net/ipv4/conf/vpns0/forwarding").read_text() == "1\n"
        assert all(forwarding(g)[f"ipv4 {name}"] == "1" for pair in pairs for name in pair)
        assert g.stop() == 0
        assert forwarding(g) == before
    finally:
        world.gateway.run("ip", "-batch", "-", stdin="".join(f"link del {one}\n" for one, _ in pairs))
        world.forwarding(True)


@pytest.mark.parametrize("name", ["vpn", "thirteen-long"])
def test_device_names_are_used_whole(start_gateway, name):
    g = start_gateway(device=name)
    assert f"{name}0" in g.namespace.links()


def test_without_nat_no_sysctl_is_touched_and_it_is_said(start_gateway, world):
    world.forwarding(False)
    try:
        g = start_gateway(start=False)
        before = forwarding(g)
        g.start()
        assert forwarding(g) == before
        assert any(e.get("cause") == "no-forwarding" for e in g.all_events())
    finally:
        world.forwarding(True)


def test_a_second_gateway_on_the_same_configuration_is_refused(start_gateway):
    """It names the pid of the first; the first is not disturbed."""
    g = start_gateway()
    code, told = g.try_to_start()
    assert code == 1 and str(g.process.pid) in told
    assert g.show("status")["Status"] == "online"


def test_a_second_gateway_on_the_same_store_is_told_which(start_gateway):
    g = start_gateway()
    code, told = start_gateway(start=False, **gateway.BESIDE, state_dir=g.folder / "state").try_to_start()
    assert code == 1 and f"the gateway with pid {g.process.pid} holds {g.folder / 'state'}" in told


@pytest.mark.parametrize("why", ["the same socket", "the same port"])
def test_another_gateway_leaves_the_control_socket_alone(start_gateway, why):
    """It neither takes it over nor removes it when it fails."""
    g = start_gateway()
    port = 444 if why == "the same socket" else 443
    code, told = start_gateway(start=False, tcp_port=port, udp_port=port, device="other",
                               occtl_socket_file=g.socket).try_to_start()
    assert code == 1 and (g.socket if port == 444 else "TCP") in told
    assert g.show("status")["Server PID"] == g.process.pid


def test_a_file_in_place_of_the_control_socket_stays(start_gateway, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("what it is")
    code, told = start_gateway(start=False, occtl_socket_file=precious).try_to_start()
    assert code == 1 and f"{precious} is no socket" in told
    assert precious.read_text() == "what it is"


def test_a_control_socket_that_a_crash_left_is_replaced(start_gateway):
    g = start_gateway()
    g.kill()
    assert not g.namespace.bound(443, "udp")  # nor anything else: all of its processes have ended
    assert Path(g.socket).is_socket()
    assert g.start().show("status")["Server PID"] == g.process.pid


def test_a_folder_that_is_no_store_is_refused(start_gateway, tmp_path):
    """`state-dir = /srv` would take the folder away from the host."""
    folder = tmp_path / "srv"
    folder.mkdir(mode=0o755)
    (folder / "index.html").touch()
    g = start_gateway(start=False, state_dir=folder)
    code, told = g.try_to_start()
    assert code == 1 and "state-dir" in told and str(folder) in told
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (0, 0o755)
    (folder / "index.html").unlink()
    g.start()
    assert (folder / "varco.db").exists() and folder.stat().st_mode & 0o777 == 0o700


def test_two_configurations_share_nothing(start_gateway):
    def places():
        return {p for base in ("/run/varco", "/var/lib/varco") if Path(base).exists() for p in Path(base).iterdir()}

    before = places()
    start_gateway(state_dir=None, occtl_socket_file=None)
    one = places() - before
    start_gateway(state_dir=None, occtl_socket_file=None, **gateway.BESIDE)
    try:
        assert len(one) == 2 and len(places() - before) == 4
    finally:
        for folder in places() - before:
            if folder.is_relative_to("/var/lib"):
                shutil.rmtree(folder)


@pytest.mark.parametrize("key, value, reason", [
    ("tcp-port", "70000", ""),
    ("tcp-port", "443x", ""),
    ("ipv4-network", "10.0.0.0/33", ""),
    ("ipv6-network", "fd00::/200", ""),
    ("rekey-method", "sometimes", ""),
    ("auth", "plain[passwd=/nonexistent/file]", "/nonexistent/file"),
    ("server-cert", "/nonexistent/cert.pem", "/nonexistent/cert.pem"),
    ("run-as-user", "no-such-user-here", ""),
    ("dns", "not an address", ""),
    ("route", "10.0.0.0/255.0.255.0", ""),
    ("tls-max", "1.1", ""),
    ("dpd", "-1", ""),
    ("device", "fourteen-long-", "13"),
])
def test_a_bad_value_stops_the_start_with_file_line_and_reason(start_gateway, key, value, reason):
    g = start_gateway(start=False, **{key.replace("-", "_"): value})
    line = next(n for n, text in enumerate(g.config.read_text().splitlines(), 1) if text.startswith(f"{key} ="))
    for further in ([], ["-t"]):
        code, told = g.try_to_start(*further)
        assert code == 1
        assert f"{g.config.name}:{line}: {key}" in told and reason in told, told


@pytest.mark.parametrize("key", ["auth", "server-cert", "server-key", "tcp-port", "ipv4-network"])
def test_a_missing_key_is_named(start_gateway, key):
    g = start_gateway(start=False, ipv6_network=None, **{key.replace("-", "_"): None})
    code, told = g.try_to_start()
    assert code == 1 and key in told


def test_t_checks_and_starts_nothing(start_gateway):
    g = start_gateway(start=False)
    before = traces(g)
    code, told = g.try_to_start("-t")
    assert code == 0, told
    assert traces(g) == before and not (g.folder / "state").exists()


def test_keys_that_are_not_served_are_named(start_gateway):
    """Known ones with what they would have done, unknown ones as such; each with its line."""
    g = start_gateway(connect_script="/bin/true", no_such_key="1", socket_file="/run/x")
    named = {e["key"]: e for e in g.events("process.config-key")}
    assert {"connect-script", "no-such-key", "socket-file"} <= named.keys()
    lines = g.config.read_text().splitlines()
    assert all(lines[e["line"] - 1].startswith(key) for key, e in named.items())
    assert named["connect-script"]["cause"] == "config-not-served"


def test_background_and_pid_file(start_gateway):
    """Without -f: the start ends with 0 when the gateway serves, the pid file has the supervisor's number."""
    g = start_gateway(start=False, log_format=None)
    pid_file = g.folder / "pid"
    argv = [a for a in g.command() if a != "-f"] + ["-p", str(pid_file)]
    done = subprocess.run(g.namespace.command(*argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          cwd="/", timeout=30)
    assert done.returncode == 0, done.stderr
    pid = int(pid_file.read_text())
    processes = proc.tree(pid)
    try:
        assert g.namespace.bound(443, "tcp")
        assert g.show("status")["Server PID"] == pid
        os.kill(pid, signal.SIGTERM)
        until(lambda: not any(map(proc.alive, processes)), "all processes have ended")
        assert not pid_file.exists()
    finally:
        for p in filter(proc.alive, processes):
            os.kill(p, signal.SIGKILL)


def test_relative_paths_mean_the_folder_of_the_start(start_gateway, certificates, users):
    """With -t as in the background, which goes to / first."""
    def relative(path):
        return os.path.relpath(path, here)

    here = users.path.parent
    g = start_gateway(start=False, server_cert=relative(certificates["rsa"].cert),
                      server_key=relative(certificates["rsa"].key), auth=f"plain[passwd={relative(users.path)}]",
                      state_dir="own-state", occtl_socket_file="own.ctl", pid_file="own.pid")
    config = relative(g.config)
    argv = [config if a == str(g.config) else a for a in g.command() if a != "-f"]
    for further in (["-t"], []):
        done = subprocess.run(g.namespace.command(*argv, *further), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, cwd=here, timeout=30)
        assert done.returncode == 0, done.stderr
    pid = int((here / "own.pid").read_text())
    processes = proc.tree(pid)
    try:
        assert (here / "own-state" / "varco.db").exists() and (here / "own.ctl").is_socket()
        os.kill(pid, signal.SIGHUP)  # no end
        os.kill(processes[1], signal.SIGKILL)
        until(lambda: len(proc.tree(pid)) == len(processes) and processes[1] not in proc.tree(pid), "it has a successor")
        os.kill(pid, signal.SIGTERM)
        until(lambda: not any(map(proc.alive, processes)), "all processes have ended")
        assert not (here / "own.pid").exists() and not (here / "own.ctl").exists()
    finally:
        for p in filter(proc.alive, processes):
            os.kill(p, signal.SIGKILL)


def damaged_store(g):
    state = g.folder / "state"
    state.mkdir(mode=0o700)
    (state / "varco.db").write_bytes(b"\x5a" * 8192)
    for path in (state, state / "varco.db"):
        os.chown(path, 64001, 64001)


@pytest.mark.parametrize("keys, prepare, reason", [
    # before it goes to the background, behind that, and in a process that it starts
    pytest.param({"device": "much-too-long-a-name"}, None, "device", id="a bad value"),
    pytest.param({"listen_host": "192.0.2.200"}, None, "cannot listen on TCP 192.0.2.200:443", id="no such address"),
    pytest.param({"state_dir": "/proc/no-such-folder"}, None, "/proc/no-such-folder", id="no place for the store"),
    pytest.param({}, damaged_store, "cause=store", id="a damaged store"),
])
def test_a_failed_start_in_the_background_is_told(start_gateway, keys, prepare, reason):
    """On the stderr of who started it; the exit status is 1."""
    g = start_gateway(start=False, **keys)
    if prepare:
        prepare(g)
    argv = [a for a in g.command() if a != "-f"]
    done = subprocess.run(g.namespace.command(*argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          cwd="/", timeout=30)
    assert done.returncode == 1 and reason in done.stderr, done.stderr
    assert not g.namespace.bound(443, "tcp")


def test_without_a_configuration_it_says_where_it_looked(start_gateway):
    g = start_gateway(start=False)
    if any(Path(p).exists() for p in ("/etc/varco/varcod.conf", "/etc/ocserv.conf")):
        pytest.skip("this host has a configuration of its own")
    binary = g.command()[0]
    # ocserv's package brings one; where it cannot be read it is as if it were not there.
    script = f"test ! -e /etc/ocserv || mount -t tmpfs tmpfs /etc/ocserv; exec {binary} -f"
    done = subprocess.run(g.namespace.command("unshare", "-m", "sh", "-c", script), capture_output=True, text=True,
                          check=False, timeout=30)
    assert done.returncode == 1
    for path in ("/etc/varco/varcod.conf", "/etc/ocserv/ocserv.conf", "/etc/ocserv.conf"):
        assert path in done.stderr


def test_help_and_version(start_gateway):
    binary = start_gateway(start=False).command()[0]
    assert "usage" in netns.run(binary, "--help").lower()
    assert re.search(r"\d+\.\d+", netns.run(binary, "--version"))


def test_fds_and_memory_come_back(start_gateway, connect):
    """After ten logins and logouts every process has the fds it had after the first."""
    g = start_gateway()

    def once():
        c = connect(g)
        c.logout()
        until(lambda: g.show("users") == [], "the session is gone")

    def fds():
        return {pid: len(proc.fds(pid)) for pid in g.processes()}

    once()
    before = fds()
    for _ in range(10):
        once()
    until(lambda: fds() == before, "the fds are back where they were")
