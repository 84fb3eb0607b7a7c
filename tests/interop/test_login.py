"""Phases 1 to 3 with openconnect: TLS, groups, credentials."""
import base64
import ctypes
import re

import pytest

from harness import netns
from harness.certs import NAME
from harness.traffic import ping

ONLY = "NORMAL:-VERS-TLS-ALL:+VERS-TLS{}"
CIPHERS = ["AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"]
AWKWARD = ["zoë", "Jürgen Groß", "a&b", "<tag>", "\"quoted\"", "it's", "50%25", "two  blanks", "日本語", "-dash", "a\\b"]


def priority(version, cipher=None):
    """openconnect's option for one TLS version and, if given, one cipher."""
    chosen = ONLY.format(version) + (f":-CIPHER-ALL:+{cipher}" if cipher else "")
    return f"--gnutls-priority={chosen}"


def group_of(gateway, user="alice"):
    return next(u["Groupname"] for u in gateway.show("users") if u["Username"] == user)


@pytest.mark.core
@pytest.mark.parametrize("certificate", ["rsa", "ecdsa"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_logs_in_over_each_tls_version_with_each_kind_of_key(start_gateway, connect, version, certificate):
    """F1.2, F1.3, F1.8, F3.3, F5.2"""
    g = start_gateway(certificate=certificate)
    c = connect(g, options=[priority(version)])
    assert f"(TLS{version})" in c.tls_suite
    assert ping(c.host, netns.BEHIND4) == 0


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_each_tls_cipher_carries_packets(start_gateway, connect, version, cipher):
    """F1.8, F5.4: the suites that the gateway offers are those of its own record layer."""
    g = start_gateway()
    c = connect(g, options=[priority(version, cipher), "--no-dtls"])
    assert cipher in c.tls_suite
    assert ping(c.host, netns.BEHIND4, count=20) == 0


@pytest.mark.varcod_only("tls-max is a key of ours")
@pytest.mark.parametrize("most", ["1.2", "1.3"])
def test_tls_max_is_the_highest_version(start_gateway, connect, most):
    c = connect(start_gateway(tls_max=most))
    assert f"(TLS{most})" in c.tls_suite


def test_a_client_that_trusts_the_certificate_needs_no_pin(start_gateway, connect):
    """F1.3: the chain of the file is sent, the name is the one asked for."""
    g = start_gateway()
    c = connect(g, pinned=False, url=f"https://{NAME}", options=[
        "--no-system-trust", f"--cafile={g.certificate.cert}", f"--resolve={NAME}:{netns.GATEWAY4}"])
    assert "verify failed" not in c.log.text()


@pytest.mark.core
@pytest.mark.varcod_only("Debian's ocserv refuses the right password, too, once a wrong one was given")
@pytest.mark.parametrize("wrong", [1, 2])
def test_wrong_password_is_asked_again_and_the_right_one_lets_in(start_gateway, connect, wrong):
    """F3.5"""
    c = connect(start_gateway(), password="wrong", answers=["wrong too"][: wrong - 1] + ["wonderland"])
    assert c.log.text().count("Login failed") == wrong


@pytest.mark.parametrize("user", ["alice", "nobody-of-this-name"])
def test_three_wrong_passwords_end_the_login(start_gateway, connect, user):
    """F3.5: no difference between a wrong password and an unknown user."""
    g = start_gateway()
    c = connect(g, user=user, up=False, password="a", answers=["b", "c", "wonderland"])
    assert c.wait_exit() == 1
    assert c.calls("connect") == []
    assert "webvpn=<" not in c.log.text()
    if g.flavour == "varcod":
        causes = [e["cause"] for e in g.events("user.refused")]
        assert causes[-1] == "too-many-tries"
        assert set(causes[:-1]) == {"password" if user == "alice" else "no-such-user"}


@pytest.mark.varcod_only("ocserv sends its text in <message> and has another one for the first form")
def test_unknown_user_and_wrong_password_get_the_same_text(start_gateway, connect):
    """F3.5"""
    g = start_gateway()

    def texts(user):
        c = connect(g, user=user, up=False, password="a", answers=["b", "c"])
        c.wait_exit()
        return [line for line in c.log.text().splitlines() if not line.startswith("[")]

    assert texts("alice") == texts("mallory")


def test_a_locked_user_is_refused(start_gateway, connect, users):
    g = start_gateway()
    users.lock("alice")
    c = connect(g, up=False, answers=["wonderland", "wonderland"])
    assert c.wait_exit() == 1
    users.unlock("alice")
    connect(g)


@pytest.mark.varcod_only("ocserv computes only the hash of the user who logs in")
@pytest.mark.parametrize("cost", ["$2b$31$", "$6$rounds=999999999$", "$y$jFT$", "!$6$rounds=999999999$"])
def test_a_costly_hash_of_another_user_stops_nobody(start_gateway, connect, users, cost):
    before = users.path.read_text()
    users.path.write_text(before + "# by hand\n\nbob:*:" + cost + "abcdefghijklmnopqrstuu$" + "x" * 40 + "\n")
    g = start_gateway()
    connect(g, user="nobody-of-this-name", up=False, answers=["wonderland"] * 2).wait_exit()
    c = connect(g, user="bob", up=False, answers=["wonderland"] * 2)
    assert c.wait_exit() == 1
    connect(g)
    [told] = g.events("process.notice", cause="hash-costly")
    line = before.count("\n") + 3
    assert (told["file"], told["line"], told["user"]) == (str(users.path), line, "bob")
    assert "varcoctl passwd" in told["advice"] and "rounds" not in str(told)
    locked = cost.startswith("!")
    assert g.events("user.refused", user="bob", cause="user-locked" if locked else "hash-unusable")
    assert not [e for e in g.all_events() if e.get("cause") in ("verifier-died", "child-died")]


def test_a_user_added_while_the_gateway_runs_can_log_in(start_gateway, connect, users):
    g = start_gateway()
    users.set("bob", "builder")
    connect(g, user="bob", password="builder")
    users.set("bob", "changed")
    assert connect(g, up=False, user="bob", password="builder", answers=["x", "y"]).wait_exit() == 1


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_user_names(start_gateway, connect, users, name):
    """F3.1: names are typed, carried, stored and shown unchanged."""
    users.set(name, "secret")
    g = start_gateway()
    connect(g, user=name, password="secret")
    if g.flavour == "varcod" or name.isascii():  # occtl shows other letters as y with diaeresis
        assert [u["Username"] for u in g.show("users")] == [name]


@pytest.mark.parametrize("password", [*AWKWARD, "a:b", "x" * 60, " lead and trail "])
def test_awkward_passwords(start_gateway, connect, users, password):
    """F3.1"""
    users.set("alice", password)
    connect(start_gateway(), password=password)


@pytest.mark.parametrize("scheme", ["$1$saltsalt$", "$5$saltsaltsalt$", "$6$saltsaltsalt$", "$2b$05$abcdefghijklmnopqrstuu",
                                    "$y$j75$saltsaltsaltsalts."])
def test_each_form_of_hash_is_read(start_gateway, connect, users, scheme):
    """compat.md 8: any crypt(3) form that the system accepts."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    hashed = crypt(b"wonderland", scheme.encode()).decode()
    assert hashed.startswith(scheme[:3])
    users.path.write_text(f"alice:*:{hashed}\n")
    connect(start_gateway())


# -- groups -----------------------------------------------------------------------------------------------------------

GROUPS = {"select_group": ["engineers[Engineering]", "sales[Sales team]"], "default_select_group": "Everybody",
          "select_group_by_url": "true"}


@pytest.fixture
def grouped(start_gateway, users):
    users.set("alice", "wonderland", "engineers,sales")
    return start_gateway(**GROUPS)


@pytest.mark.core
@pytest.mark.parametrize("wanted, group", [("Engineering", "engineers"), ("Sales team", "sales")])
def test_group_by_option(grouped, connect, wanted, group):
    """F2.3, F2.4: chosen by its label."""
    connect(grouped, options=["--authgroup", wanted])
    assert group_of(grouped) == group


@pytest.mark.varcod_only("ocserv writes labels into its XML as they are")
def test_group_with_an_awkward_label(start_gateway, connect, users):
    users.set("alice", "wonderland", "r&d")
    g = start_gateway(select_group=["r&d[R&D <\"new\">]", "sales"], default_select_group="Everybody")
    connect(g, options=["--authgroup", "R&D <\"new\">"])
    assert group_of(g) == "r&d"


@pytest.mark.varcod_only("ocserv has it since 1.3.0, Debian's is older")
def test_group_by_url(grouped, connect):
    """F2.5"""
    connect(grouped, url=f"https://{netns.GATEWAY4}/sales")
    assert group_of(grouped) == "sales"


@pytest.mark.varcod_only("ocserv has it since 1.3.0, Debian's is older")
def test_group_by_usergroup_option(grouped, connect):
    """F2.5: -g is the URL's path."""
    connect(grouped, options=["--usergroup=engineers"])
    assert group_of(grouped) == "engineers"


def test_default_group(grouped, connect):
    """F2.5: the default stands first and means the user's own group. (openconnect always asks where there are several.)"""
    c = connect(grouped, answers=["Everybody"])
    assert "[Everybody|Engineering|Sales team]" in c.log.text()
    assert group_of(grouped) == "engineers"


@pytest.mark.varcod_only("ocserv marks none as selected")
def test_the_default_group_is_marked(grouped, connect):
    """F2.3"""
    c = connect(grouped, up=False, options=["--dump-http-traffic"])
    assert c.wait_exit() == 1
    marked = re.findall(r"<option[^>]*selected=\"true\"[^>]*>([^<]*)", c.log.text())
    assert marked == ["Everybody"]


@pytest.mark.varcod_only("Debian's ocserv answers 404")
def test_unknown_group_in_the_url_gets_the_default(grouped, connect):
    """F2.5: clients remember groups that are gone; they are offered what there is."""
    connect(grouped, url=f"https://{netns.GATEWAY4}/no-such-group", answers=["Everybody"])
    assert group_of(grouped) == "engineers"


def test_unknown_group_by_option_is_told_by_the_client(grouped, connect):
    c = connect(grouped, up=False, options=["--authgroup", "no such group"])
    assert c.wait_exit() == 1
    assert 'Auth choice "no such group" not available' in c.log.text()


@pytest.mark.varcod_only("unknown-url is a key of ours")
def test_unknown_group_in_the_url_is_refused_where_wanted(start_gateway, connect, users):
    users.set("alice", "wonderland", "engineers,sales")
    g = start_gateway(**GROUPS, unknown_url="reject")
    c = connect(g, up=False, url=f"https://{netns.GATEWAY4}/no-such-group")
    assert c.wait_exit() == 1
    assert "Invalid host entry" in c.log.text()
    assert g.events("group.unknown")


def test_a_group_that_the_user_is_not_in_is_refused(grouped, connect, users):
    """As a wrong password, to the client; the event tells the difference."""
    users.set("bob", "builder", "sales")
    c = connect(grouped, up=False, user="bob", password="builder", answers=["builder", "builder"],
                options=["--authgroup", "Engineering"])
    assert c.wait_exit() == 1
    if grouped.flavour == "varcod":
        assert grouped.events("user.refused", cause="not-in-group")


def test_without_groups_no_group_is_asked_for(start_gateway, connect):
    c = connect(start_gateway())
    assert "GROUP" not in c.log.text()


# -- in two steps -----------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_authenticate_then_connect_with_the_cookie(start_gateway, connect, authenticate):
    """F3.3, F5.1: as NetworkManager does it."""
    g = start_gateway()
    printed = authenticate(g)
    assert printed["FINGERPRINT"] == g.certificate.pin
    c = connect(g, cookie=printed["COOKIE"], url=printed["CONNECT_URL"])
    assert ping(c.host, netns.BEHIND4) == 0
    assert [u["Username"] for u in g.show("users")] == ["alice"]


def test_a_made_up_cookie_is_refused(start_gateway, connect):
    """F5.5: openconnect ends with 2, which tells NetworkManager to log in anew."""
    g = start_gateway()
    c = connect(g, up=False, cookie=f"webvpn={base64.b64encode(bytes(range(32))).decode()}")
    assert c.wait_exit() == 2


def test_the_banner_is_shown(start_gateway, connect):
    c = connect(start_gateway(banner="Welcome & behave < well"))
    assert "Welcome & behave < well" in c.log.text()
