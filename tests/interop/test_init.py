"""varcoctl init: a first configuration, with which the gateway serves as it stands."""
import contextlib
import os
import re
import signal
import ssl
import stat
import subprocess
from types import SimpleNamespace

import pytest

from harness import netns, proc
from harness.gateway import REPORT, SANITIZERS, build_folder
from harness.terminal import on_terminal
from harness.traffic import ping
from harness.wait import LogFile, until

pytestmark = pytest.mark.varcod_only("ocserv has no such command")

FILES = ["passwd", "server-cert.pem", "server-key.pem", "varcod.conf"]
GOOD = {"host": netns.GATEWAY4, "pool": "10.33.0.0/24", "user": "alice"}
PASSWORD = "in Wonderland?"
HOST, POOL, USER = b"Host name", b"Network", b"Name of the first user"


def command(folder=None, **answers):
    options = [f"--{key}={value}" for key, value in answers.items() if value is not None]
    return [str(build_folder() / "varcoctl"), "init", *options, *([f"--dir={folder}"] if folder else [])]


def init(world, folder, *, before=(), password=PASSWORD, **answers):
    """Runs it on the gateway's host, without a terminal. before: what starts it."""
    argv = world.gateway.command(*before, *command(folder, **GOOD | answers))
    done = subprocess.run(argv, input=f"{password}\n".encode(), capture_output=True, check=False, timeout=30)
    told = (done.stdout + done.stderr).decode()
    assert not REPORT.search(told) and PASSWORD not in told
    return SimpleNamespace(rc=done.returncode, told=told, out=done.stdout.decode(), err=done.stderr.decode())


def pin(told):
    return re.search(r"pin: +(pin-sha256:\S{43}=)", told)[1]


def in_mounts(script, *argv):
    """argv, with these mounts around it; exec'd, so the pid stays."""
    return ["unshare", "-m", "sh", "-ec", script + '; exec "$@"', "sh", *argv]


@pytest.fixture
def serve(world, tmp_path, keep):
    """serve(*arguments, mounts): varcod -f in the gateway's namespace, in mounts of its own, with no store of before."""
    started = []

    def start(*arguments, mounts="true"):
        log = LogFile(tmp_path / f"varcod{len(started)}.log")
        keep("varcod", lambda: log.tail(60))
        argv = in_mounts(f"{mounts}; mount -t tmpfs tmpfs /var/lib", str(build_folder() / "varcod"), "-f", *arguments)
        with open(log.path, "ab") as out:
            p = world.gateway.popen(*argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=os.environ | SANITIZERS,
                                    start_new_session=True)
        started.append((p, log))

        def serves():
            assert p.poll() is None, log.tail(20)
            return "gateway-up" in log.text()

        until(serves, "varcod serves", 30)
        return log

    yield start
    for p, log in started:
        pids = proc.tree(p.pid)
        p.send_signal(signal.SIGTERM)
        try:
            assert p.wait(15) == 0, log.tail(20)
        finally:
            for pid in filter(proc.alive, pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        assert not REPORT.search(log.text())


@pytest.mark.core
def test_a_first_configuration_serves(world, tmp_path, serve, connect):
    folder = tmp_path / "first"
    done = init(world, folder)
    assert done.rc == 0 and not done.err, done.told
    assert sorted(os.listdir(folder)) == FILES
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in FILES}
    assert modes == dict.fromkeys(FILES, 0o600) | {"server-cert.pem": 0o644}
    assert f"varcod -f -c {folder}/varcod.conf\n" in done.out
    assert f"openconnect --servercert {pin(done.out)} --user alice {netns.GATEWAY4}\n" in done.out

    tested = subprocess.run([str(build_folder() / "varcod"), "-t", "-c", str(folder / "varcod.conf")], capture_output=True,
                            text=True, check=False, env=os.environ | SANITIZERS)
    assert tested.returncode == 0 and tested.stdout.endswith("the configuration is valid\n")
    assert "config-key" not in tested.stderr, "every line is served"

    log = serve("-c", str(folder / "varcod.conf"))
    assert pin(done.out) in log.text()
    client = connect(SimpleNamespace(world=world, certificate=SimpleNamespace(pin=pin(done.out))), password=PASSWORD)
    client.wait_dtls()
    assert client.address4.startswith("10.33.0.")
    assert ping(client.host, netns.BEHIND4) == 0

    other = "pin-sha256:" + "A" * 43 + "="
    stranger = connect(SimpleNamespace(world=world, certificate=SimpleNamespace(pin=other)), host=2, password=PASSWORD,
                       up=False)
    assert stranger.wait_exit() != 0, "the pin, and no other trust, lets the client in"


def test_where_varcod_looks(world, tmp_path, serve):
    """Without --dir the gateway needs no -c. Its /etc is a copy of this host's."""
    etc = tmp_path / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], check=True)
    subprocess.run(["rm", "-rf", etc / "varco", etc / "ocserv", etc / "ocserv.conf"], check=True)
    mounts = f"mount --bind {etc} /etc"
    varcod = in_mounts(mounts, str(build_folder() / "varcod"), "-f")
    none = subprocess.run(world.gateway.command(*varcod), capture_output=True, text=True, check=False, timeout=30)
    assert none.returncode == 1 and "varcoctl init" in none.stderr
    for path in ("/etc/varco/varcod.conf", "/etc/ocserv/ocserv.conf", "/etc/ocserv.conf"):
        assert path in none.stderr

    done = init(world, None, before=in_mounts(mounts))
    assert done.rc == 0 and not done.err, done.told
    assert "varcod -f\n" in done.out and sorted(os.listdir(etc / "varco")) == FILES
    assert pin(done.out) in serve(mounts=mounts).text()

    (etc / "ocserv").mkdir()
    (etc / "ocserv" / "ocserv.conf").write_text("auth = none\n")
    subprocess.run(["rm", "-r", etc / "varco"], check=True)
    done = init(world, None, before=in_mounts(mounts), pool="10.34.0.0/24")
    assert done.rc == 0 and "no longer /etc/ocserv/ocserv.conf" in done.err


def test_nothing_is_overwritten(world, tmp_path):
    folder = tmp_path / "first"
    assert init(world, folder).rc == 0
    before = {name: (folder / name).read_bytes() for name in FILES}
    for left in FILES:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        (folder / left).write_bytes(before[left])
        done = init(world, folder, user=None)  # it is told before anything is asked
        assert done.rc == 1 and not done.out and f"{folder}/{left}' exists" in done.err
        assert os.listdir(folder) == [left] and (folder / left).read_bytes() == before[left]


@pytest.mark.parametrize("answers, words", [
    ({"host": "https://vpn.example.com/"}, "without https://"),
    ({"host": "vpn.example.com:443"}, "and port"),
    ({"host": "127.0.0.1"}, "no client can reach"),
    ({"host": ""}, "no host name"),
    ({"host": "vpn\x1b]0;x\x07.example"}, "vpn?]0;x?.example"),
    ({"pool": "10.33.0.0"}, "such as 10.20.0.0/24"),
    ({"pool": "10.33.0.0/31"}, "/8 to /30"),
    ({"pool": "fd00::/64"}, "no IPv4 network"),
    ({"pool": "224.0.0.0/24"}, "that clients can have"),
    ({"pool": "203.0.0.0/16"}, "overlaps 203.0.113.0/24, the network of lan: choose another, such as 10.20.0.0/24"),
    ({"pool": "\x1b]0;x\x07/24"}, "'?]0;x?/24' is no IPv4 network"),
    ({"user": ""}, "empty: choose another"),
    ({"user": "a:b"}, "colon"),
    ({"user": "x" * 257}, "longer than 256 bytes"),
    ({"host": None}, "no terminal to ask on: add --host "),
    ({"pool": None}, "no terminal to ask on: add --pool 10.20.0.0/24"),
    ({"user": None}, "no terminal to ask on: add --user "),
    ({"password": ""}, "password is empty"),
    ({"password": "p" * 512}, "longer than crypt(3) takes"),
    ({"password": "p\0w"}, "NUL"),
    ({"passwd": "secret"}, "no such option"),
])
def test_bad_answers(world, tmp_path, answers, words):
    """Each is told with what to write instead; nothing is written."""
    done = init(world, tmp_path / "first", **answers)
    assert done.rc == 1 and words in done.err and not done.out, done.told
    assert not re.search(r"[\0-\x09\x0b-\x1f\x7f]", done.err)
    assert not os.listdir(tmp_path)


def test_a_pool_inside_a_lan(world, tmp_path):
    done = init(world, tmp_path / "first", pool="203.0.113.64/26")
    assert done.rc == 0 and "is a part of 203.0.113.0/24, the network of lan" in done.err


def test_a_proposal_is_free(world, tmp_path):
    """10.20.0.0/24 and 10.21.0.0/24 are somebody's here."""
    world.gateway.run("ip", "link", "add", "office", "type", "veth", "peer", "name", "office-far")
    try:
        for address in ("10.20.0.77/30", "10.21.1.1/23"):
            world.gateway.run("ip", "addr", "add", address, "dev", "office")
        world.gateway.run("ip", "link", "set", "office", "up")
        assert "add --pool 10.22.0.0/24" in init(world, tmp_path / "first", pool=None).err
    finally:
        world.gateway.run("ip", "link", "del", "office")


@pytest.mark.parametrize("host, san", [
    ("vpn.example.com", ("DNS", "vpn.example.com")),
    ("192.0.2.1", ("IP Address", "192.0.2.1")),
    ("2001:db8::1", ("IP Address", "2001:DB8:0:0:0:0:0:1")),
    (".".join(["a" * 62] * 4), ("DNS", ".".join(["a" * 62] * 4))),
])
def test_the_certificate_is_for_the_host(world, tmp_path, host, san):
    folder = tmp_path / "first"
    done = init(world, folder, host=host)
    assert done.rc == 0, done.told
    assert f" 'https://[{host}]'\n" in done.out if ":" in host else f" {host}\n" in done.out
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
    text = netns.run("openssl", "x509", "-in", str(folder / "server-cert.pem"), "-noout", "-text")
    assert f"{san[0]}:{san[1]}" in text and "TLS Web Server Authentication" in text and "NIST CURVE: P-256" in text


@pytest.mark.parametrize("mounts, before, words", [
    ("mount -t tmpfs -o size=4k tmpfs {0}", [], "No space left on device"),
    ("mount -t tmpfs -o size=8k tmpfs {0}", [], "No space left on device"),
    ("mount -t tmpfs -o nr_inodes=3 tmpfs {0}", [], "No space left on device"),
    ("mount -t tmpfs -o ro tmpfs {0}", [], "Read-only file system"),
    ("true", ["prlimit", "--fsize=300"], "File too large"),
])
@pytest.mark.parametrize("below", ["", "/new"])
def test_a_failure_leaves_nothing(world, tmp_path, mounts, before, words, below):
    folder = tmp_path / "first"
    folder.mkdir()
    look = ["sh", "-c", f'"$@"; rc=$?; find {folder} -mindepth 1; exit $rc', "sh"]
    done = init(world, f"{folder}{below}", before=[*in_mounts(mounts.format(folder)), *look, *before])
    assert done.rc == 1 and words in done.err and "nothing was written" in done.err or below and words in done.err
    assert done.out == "", "what is left in the folder"


@pytest.mark.parametrize("folder, words", [
    ("/proc/self/first", "cannot make the folder"),
    ("/dev/null", "Not a directory"),
    ("/no/such/folder", "make the one above it first"),
    ("", "name another one with --dir"),
])
def test_folders_that_cannot_be(world, folder, words):
    argv = world.gateway.command(*command(**GOOD), f"--dir={folder}")
    done = subprocess.run(argv, input=b"pw\n", capture_output=True, check=False, timeout=30)
    assert done.returncode == 1 and words in done.stderr.decode(), done.stderr


@pytest.mark.parametrize("name, good", [
    ("with blank", True), ("it's", True), ("jürgen", True), ("a # comment", False), ("a]b", None), ("a\nb", False),
    ('a"b', None), ("a,b", None),
])
def test_the_folders_name_is_quoted_or_refused(world, tmp_path, name, good):
    """Never another file than the one that was meant."""
    folder = tmp_path / name
    done = init(world, folder)
    assert done.rc == (0 if folder.exists() else 1) and good in (None, done.rc == 0), done.told
    if done.rc == 0:
        shown = re.search(r"varcod -f -c (.*)\n", done.out)[1]
        assert netns.run("sh", "-c", f"printf %s {shown}") == f"{folder}/varcod.conf"
        tested = subprocess.run([str(build_folder() / "varcod"), "-t", "-c", str(folder / "varcod.conf")],
                                capture_output=True, text=True, check=False, env=os.environ | SANITIZERS)
        assert tested.returncode == 0, tested.stderr
    else:
        assert "cannot stand in a configuration" in done.err and not os.listdir(tmp_path)


def test_on_a_terminal(world, tmp_path):
    """It asks, says what is wrong with an answer and asks again; the proposals are taken by an empty line."""
    folder = tmp_path / "first"
    shown, rc = on_terminal(world.gateway.command(*command(folder)), [
        (HOST, b"https://vpn.example.com\n"), (HOST, b"vpn.example.com\n"),
        (POOL, b"192.0.2.0/24\n"), (POOL, b"\n"),
        (USER, b"\n"), (USER, b"j\xc3\xb6rg o'neil\n"),
        b"\n", b"zebra1\n", b"zebra2\n", b"zebra3\n", b"zebra3\n",
    ])
    text = shown.decode()
    assert rc == 0, text
    for words in ("without https://", "overlaps 192.0.2.0/24", "[10.20.0.0/24]", "name is empty", "password is empty",
                  "do not match", r"--user 'jörg o'\''neil' vpn.example.com"):
        assert words in text
    assert "zebra" not in text
    assert "ipv4-network = 10.20.0.0/24\n" in (folder / "varcod.conf").read_text()
    assert re.fullmatch(r"jörg o'neil:\*:\$y\$\S+\n", (folder / "passwd").read_text())


@pytest.mark.parametrize("answers", [
    [(HOST, b"\x03")], [(HOST, b"\x04")], [(HOST, b"a.example\n"), (POOL, b"\x04")],
    [(HOST, b"a.example\n"), (POOL, b"\n"), (USER, b"ann\n"), b"pw\x03"],
    [(HOST, b"a.example\n"), (POOL, b"\n"), (USER, b"ann\n"), b"pw\n", b"\x04"],
])
def test_cancelled(world, tmp_path, answers):
    shown, rc = on_terminal(world.gateway.command(*command(tmp_path / "first")), answers)
    assert rc != 0 and not os.listdir(tmp_path), shown


def test_the_host_of_its_own_is_proposed(world, tmp_path):
    argv = ["unshare", "-u", "sh", "-c", 'hostname gate.example.net; exec "$@"', "sh", *command(tmp_path / "first")]
    shown, rc = on_terminal(world.gateway.command(*argv),
                            [(HOST, b"\n"), (POOL, b"\n"), (USER, b"ann\n"), b"pw\n", b"pw\n"])
    assert rc == 0 and b"[gate.example.net]" in shown, shown
    assert b"--user ann gate.example.net" in shown
