"""Files of settings per group and per user, over the configuration: who gets what, and who is refused."""
import os
import signal
import subprocess

import pytest

from harness import gateway, netns
from harness.gateway import SANITIZERS
from harness.traffic import ping
from harness.wait import until

BEHIND = (str(netns.BEHIND_NET4.partition("/")[0]), netns.BEHIND_NET4.partition("/")[2])


@pytest.fixture
def folders(tmp_path):
    """Where the files lie: {"config_per_user": ..., "config_per_group": ...}."""
    made = {"config_per_user": tmp_path / "users", "config_per_group": tmp_path / "groups"}
    for folder in made.values():
        folder.mkdir()
    return made


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))


def routes(c):
    told = c.told_now
    return {(told[f"CISCO_SPLIT_INC_{i}_ADDR"], told[f"CISCO_SPLIT_INC_{i}_MASKLEN"])
            for i in range(int(told.get("CISCO_SPLIT_INC", 0)))}


def dns(c):
    return c.told_now.get("INTERNAL_IP4_DNS", "").split()


@pytest.mark.core
def test_the_user_s_file_lies_over_the_group_s(start_gateway, connect, folders, users):
    """compat.md 3: a key that is present takes the place of the one below, a list as a whole."""
    users.set("alice", "wonderland", "staff")
    write(folders["config_per_group"] / "staff", "dns = 10.9.9.1", "dns = 10.9.9.2", "dpd = 41", "idle-timeout = 777")
    write(folders["config_per_user"] / "alice", "dns = 10.9.9.3", f"route = {netns.BEHIND_NET4}", "dpd = 42")
    g = start_gateway(dns="10.9.9.9", select_group=["staff", "other"], **folders)
    c = connect(g, options=["--authgroup", "staff"])
    assert dns(c) == ["10.9.9.3"] and routes(c) == {BEHIND}
    assert c.header["X-CSTP-DPD"] == "42" and c.header["X-CSTP-Idle-Timeout"] == "777"
    assert ping(c.host, netns.BEHIND4) == 0


def test_the_default_file_is_for_those_who_have_none(start_gateway, connect, folders, users, tmp_path):
    users.set("bob", "builder")
    write(folders["config_per_user"] / "alice", "dpd = 42")
    write(tmp_path / "everybody", "dpd = 43", "dns = 10.9.9.3")
    g = start_gateway(default_user_config=tmp_path / "everybody", dns="10.9.9.9", **folders)
    a, b = connect(g), connect(g, host=2, user="bob", password="builder")
    assert (a.header["X-CSTP-DPD"], dns(a)) == ("42", ["10.9.9.9"])
    assert (b.header["X-CSTP-DPD"], dns(b)) == ("43", ["10.9.9.3"])


def test_routes_add_up_where_that_is_on(start_gateway, connect, folders):
    write(folders["config_per_user"] / "alice", "route = 10.77.0.0/16")
    c = connect(start_gateway(route=netns.BEHIND_NET4, append_routes="true", **folders))
    assert routes(c) == {BEHIND, ("10.77.0.0", "16")}


def test_files_are_read_at_each_connect(start_gateway, connect, folders):
    """compat.md 3: no reload is needed, and the session stays the same."""
    mine = folders["config_per_user"] / "alice"
    g = start_gateway(**folders)
    c = connect(g)
    had = c.addresses
    write(mine, "dpd = 55")
    at = len(c.calls("reconnect"))
    c.signal(signal.SIGUSR2)
    c.wait_told("reconnect", at + 1)
    assert c.header["X-CSTP-DPD"] == "55" and c.addresses == had


@pytest.mark.varcod_only("our events, and what we refuse")
@pytest.mark.parametrize("how", ["value", "link", "folder", "pipe", "section", "large"])
def test_one_that_cannot_be_read_refuses_the_login(start_gateway, connect, folders, tmp_path, users, how):
    """...of this user: with other settings than meant nobody gets in. The client hears of it, others are not touched."""
    mine = folders["config_per_user"] / "alice"
    if how == "value":
        write(mine, "# theirs", "dpd = soon")
    elif how == "section":
        write(mine, "[vhost:a.example]")
    elif how == "link":
        write(tmp_path / "elsewhere", "dpd = 42")
        mine.symlink_to(tmp_path / "elsewhere")
    elif how == "folder":
        mine.mkdir()
    elif how == "pipe":
        os.mkfifo(mine)
    else:
        mine.write_text("#" * 300_000)
    users.set("bob", "builder")
    g = start_gateway(**folders)
    g.expected_causes.add("user-file")
    c = connect(g, up=False, options=["--authenticate"])
    assert c.wait_exit() != 0 and "Your settings could not be read" in c.log.text()
    told = g.wait_event("user.refused")
    wanted = {"value": "users/alice:2: dpd: 'soon'", "section": "users/alice:1: a section", "large": "larger than"}
    assert told["cause"] == "user-file" and wanted.get(how, str(mine)) in told["detail"]
    connect(g, host=2, user="bob", password="builder")
    assert not g.show("users")[0]["Username"] == "alice"


@pytest.mark.varcod_only("our events")
def test_one_that_breaks_meanwhile_refuses_the_tunnel(start_gateway, connect, authenticate, folders):
    g = start_gateway(**folders)
    g.expected_causes.add("user-file")
    cookie = authenticate(g)["COOKIE"]
    mine = folders["config_per_user"] / "alice"
    write(mine, "mtu = 1")
    c = connect(g, cookie=cookie, up=False)
    assert c.wait_exit() != 0
    assert g.wait_event("cstp.refused")["cause"] == "user-file"
    write(mine, "mtu = 1400")
    connect(g, cookie=cookie)


@pytest.mark.varcod_only("names in ocserv's files")
@pytest.mark.parametrize("name", ["../secret", "a/b", "..", "."])
def test_a_name_is_no_path(start_gateway, connect, folders, users, tmp_path, name):
    write(tmp_path / "secret", "dpd = 42")
    users.set(name, "pass")
    g = start_gateway(**folders)
    g.expected_causes.add("user-file")
    c = connect(g, up=False, user=name, password="pass", options=["--authenticate"])
    assert c.wait_exit() != 0
    assert g.wait_event("user.refused")["cause"] == "user-file"


@pytest.mark.varcod_only("when ocserv counts")
def test_limits_of_one_user(start_gateway, connect, folders, users):
    users.set("bob", "builder")
    write(folders["config_per_user"] / "alice", "max-same-clients = 1", "session-timeout = 900")
    g = start_gateway(max_same_clients=0, **folders)
    g.expected_causes.add("max-same-clients")
    a = connect(g)
    assert 890 <= int(a.header["X-CSTP-Session-Timeout"]) <= 900
    assert connect(g, host=2, up=False, options=["--authenticate"]).wait_exit() != 0
    b = connect(g, host=2, user="bob", password="builder")
    assert b.header.get("X-CSTP-Session-Timeout", "none") == "none"
    connect(g, host=3, user="bob", password="builder")


@pytest.mark.varcod_only("our events")
def test_what_stands_in_a_file_and_means_nothing_there_is_told(start_gateway, connect, folders):
    mine = folders["config_per_user"] / "alice"
    write(mine, "tcp-port = 1", "frobnicate = 2", "dpd = 42")
    g = start_gateway(**folders)
    c = connect(g)
    assert c.header["X-CSTP-DPD"] == "42"
    told = {(e["key"], e["line"], e["cause"]) for e in g.events("process.config-key") if e["file"] == str(mine)}
    assert told == {("tcp-port", 1, "config-ignored"), ("frobnicate", 2, "config-unknown")}


@pytest.mark.varcod_only("our command line")
@pytest.mark.parametrize("key", ["config_per_user", "config_per_group"])
def test_a_folder_that_is_not_there_stops_the_start(start_gateway, tmp_path, key):
    g = start_gateway(start=False, **{key: tmp_path / "nowhere"})
    status, said = g.try_to_start()
    assert status == 1 and f"{key.replace('_', '-')}: {tmp_path}/nowhere" in said


@pytest.mark.varcod_only("our command line")
def test_explain(start_gateway, folders, users):
    """Every effective value, with the file and line that it came from."""
    group, user = folders["config_per_group"] / "staff", folders["config_per_user"] / "alice"
    write(group, "dpd = 41", "dns = 10.9.9.1")
    write(user, "# mine", "dpd = 42")
    g = start_gateway(start=False, **folders)

    def explain(*who):
        done = subprocess.run([str(gateway.build_folder() / "varcod"), "-c", str(g.config), "--explain", *who], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | SANITIZERS, check=False)
        return done.returncode, done.stdout, done.stderr

    line = 1 + list(g.config.read_text().splitlines()).index("keepalive = 300")
    status, said, _ = explain("alice", "staff")
    assert status == 0
    for want in (f"dpd = 42 # {user}:2\n", f"dns = 10.9.9.1 # {group}:2\n", f"keepalive = 300 # {g.config}:{line}\n",
                 "mobile-dpd = 300 # default\n"):
        assert want in said
    assert f"dpd = 41 # {group}:1\n" in explain("bob", "staff")[1]
    assert f"dpd = 90 # {g.config}:" in explain("bob")[1]
    assert explain("alice", "", "nowhere.example")[0] == 1
    write(user, "dpd = x")
    status, _, why = explain("alice")
    assert status == 1 and "users/alice:1: dpd" in why


@pytest.mark.varcod_only("our event")
def test_a_token_stays_with_its_address_where_roaming_is_denied(start_gateway, connect, authenticate, folders, users):
    """F5.5, F7.2: of those users for whom it is denied. The client may come back from where it logged in."""
    users.set("bob", "builder")
    write(folders["config_per_user"] / "alice", "deny-roaming = true")
    g = start_gateway(**folders)
    g.expected_causes.add("roaming-denied")
    hers, his = authenticate(g)["COOKIE"], authenticate(g, user="bob", password="builder")["COOKIE"]
    assert connect(g, host=2, cookie=hers, up=False).wait_exit() != 0
    assert g.wait_event("cstp.refused")["cause"] == "roaming-denied"
    had = connect(g, host=1, cookie=hers).addresses
    g.stop()
    g.start()  # what the store remembers
    assert connect(g, host=3, cookie=hers, up=False).wait_exit() != 0
    assert connect(g, host=1, cookie=hers, tun="tun8").addresses == had
    connect(g, host=2, cookie=his)


def test_headers_that_name_the_user(start_gateway, connect, users):
    users.set("r&d bob", "builder", "staff")
    g = start_gateway(custom_header=["X-CSTP-Site: north", "X-CSTP-Who: %{U} of %{G}"], listen_host_is_dyndns="true",
                      proxy_url="http://proxy.example/%{U}.pac", select_group="staff")
    c = connect(g, user="r&d bob", password="builder", options=["--authgroup", "staff"])
    assert c.header["X-CSTP-Site"] == "north" and c.header["X-CSTP-Who"] == "r&d bob of staff"
    assert c.header["X-CSTP-DynDNS"] == "true"
    if g.flavour == "varcod":
        assert c.told_now["CISCO_PROXY_PAC"] == "http://proxy.example/r%26d%20bob.pac"


@pytest.mark.parametrize("os_name, wanted", [("linux-64", "1200"), ("apple-ios", "300")])
def test_mobile_clients_have_an_idle_timeout_of_their_own(start_gateway, connect, os_name, wanted):
    c = connect(start_gateway(idle_timeout=1200, mobile_idle_timeout=300), options=[f"--os={os_name}"])
    assert c.header["X-CSTP-Idle-Timeout"] == wanted


@pytest.mark.varcod_only("a key of ours")
def test_the_oldest_session_makes_room(start_gateway, connect, users):
    """same-clients = oldest: whoever sits at the newest device works; others of the user and other users stay."""
    users.set("bob", "builder")
    g = start_gateway(max_same_clients=2, same_clients="oldest")
    g.expected_causes.add("max-same-clients")
    first, second, other = connect(g), connect(g, host=2), connect(g, host=4, user="bob", password="builder")
    third = connect(g, host=3)
    assert first.wait_exit() != 0 and "A newer login of this user" in first.log.text()
    assert g.wait_event("cstp.session-ended")["cause"] == "max-same-clients"
    until(lambda: {u["IPv4"] for u in g.show("users")} == {c.address4 for c in (second, third, other)}, "three are left")
    assert all(ping(c.host, netns.BEHIND4) == 0 for c in (second, third, other))


@pytest.mark.varcod_only("our command line")
def test_migrate(tmp_path):
    """What is not served is named with its line, and so are other defaults."""
    def migrate(file):
        done = subprocess.run([str(gateway.build_folder() / "varcod"), "--migrate", str(file)], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | SANITIZERS)
        return done.returncode, done.stdout, done.stderr

    mine = tmp_path / "ocserv.conf"
    write(mine, 'auth = "plain[passwd=/p]"', "tcp-port = 443", "server-cert = /c", "server-key = /k",
          "ipv4-network = 10.9.0.0/24", "connect-script = /bin/x", "cisco-client-compat = true", "dpd = 90")
    status, said, _ = migrate(mine)
    assert status == 0 and said.endswith("; varcod would start with it\n")
    assert f"{mine}:6: connect-script: not served yet: it would run this program" in said
    assert f"{mine}:7: cisco-client-compat: TLS 1.3 stays on" in said
    assert f"{mine}: mobile-dpd: absent: 300 s here; ocserv: 1800\n" in said and ": dpd: absent" not in said
    write(mine, "tcp-port = many")
    status, said, why = migrate(mine)
    assert status == 1 and "tcp-port: 'many' is not a number" in why and "would start" not in said
    assert migrate(tmp_path / "nowhere")[0] == 1
