"""tls-priorities: what openconnect and openssl s_client agree on with a gateway that has a GnuTLS priority string."""
import re

import pytest

from harness import netns
from harness.traffic import ping

SAMPLE = "NORMAL:%SERVER_PRECEDENCE:%COMPAT"
DEBIAN = SAMPLE + ":-RSA:-VERS-SSL3.0:-ARCFOUR-128"
NO_13 = DEBIAN + ":-VERS-TLS1.3"
ONLY = "NORMAL:-VERS-TLS-ALL:+VERS-TLS{}"

varcod_only = pytest.mark.varcod_only("the translation, its notes and events")


def s_client(host, *options):
    """(version, suite, group of the key exchange) of a handshake; None each when there was none."""
    out = host.run("sh", "-c", 'exec openssl s_client -connect "$@" </dev/null 2>&1', "-", f"{netns.GATEWAY4}:443", *options,
                   check=False)
    group = re.findall(r"^Server Temp Key: (\w+(?:-\d+)?)", out, re.M)
    found = re.findall(r"^New, (\S+), Cipher is (\S+)", out, re.M)
    if not found or found[0][1] == "(NONE)":
        return None, None, None
    return *found[0], group[0] if group else None


# The string; the client's options; version, suite and group that come of it.
AGREED = [
    (DEBIAN, [], "TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519"),
    (DEBIAN, ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"], "TLSv1.2",
     "ECDHE-RSA-AES256-GCM-SHA384", "X25519"),
    (NO_13, [], "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "X25519"),
    ("NORMAL", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"], "TLSv1.2",
     "ECDHE-RSA-AES128-GCM-SHA256", "X25519"),
    ("NORMAL", ["-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"], "TLSv1.3", "TLS_AES_128_GCM_SHA256",
     "X25519"),
    ("PERFORMANCE:%SERVER_PRECEDENCE", [], "TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519"),
    ("NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305", [], "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "X25519"),
    ("NORMAL:-CIPHER-ALL:+AES-128-GCM:-VERS-TLS1.3", [], "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "X25519"),
    ("NORMAL:-KX-ALL:+DHE-RSA:-VERS-TLS1.3", [], "TLSv1.2", "DHE-RSA-AES256-GCM-SHA384", "DH"),
    ("SECURE256:%SERVER_PRECEDENCE", [], "TLSv1.3", "TLS_AES_256_GCM_SHA384", "ECDH"),
    ("NORMAL:-SIGN-ALL:+SIGN-RSA-SHA256", [], "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "X25519"),
]


@varcod_only
@pytest.mark.parametrize("string, options, version, suite, group", AGREED)
def test_what_a_string_leaves_is_agreed_on(world, start_gateway, string, options, version, suite, group):
    """F1.2"""
    g = start_gateway(tls_priorities=string)
    assert s_client(world.client(1), *options) == (version, suite, group)
    up = g.wait_event("tls.up")
    assert (up["version"], g.events("process.config-key", key="tls-priorities")) == (version, [])


# The string, what the client can do at most, the cause.
REFUSED = [
    (NO_13, ["-tls1_3"], "tls-version"),
    (DEBIAN + ":-VERS-TLS1.2", ["-tls1_2"], "tls-version"),
    ("NORMAL:-AES-128-GCM", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "tls-no-shared-suite"),
    ("NORMAL:-AES-128-GCM", ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "tls-no-shared-suite"),
    ("NORMAL:-DHE-RSA", ["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"], "tls-no-shared-suite"),
    ("SECURE256", ["-tls1_3", "-groups", "X25519"], "tls-no-shared-suite"),
    ("NORMAL:-SIGN-RSA-SHA256", ["-tls1_2", "-sigalgs", "RSA+SHA256"], "tls-no-shared-suite"),
    # asked for, and off all the same
    ("NORMAL:+RSA:+AES-128-CBC:+SHA1", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:AES128-GCM-SHA256"],
     "tls-no-shared-suite"),
]


@varcod_only
@pytest.mark.parametrize("string, options, cause", REFUSED)
def test_who_has_only_what_is_left_out_is_refused_with_the_cause(world, start_gateway, string, options, cause):
    """F1.2: and the same client is welcome without the string."""
    g = start_gateway(tls_priorities=string)
    assert s_client(world.client(1), *options) == (None, None, None)
    failed = g.wait_event("tls.failed")
    assert failed["cause"] == cause and "tls-priorities" in failed["advice"]


@pytest.mark.core
@pytest.mark.parametrize("string, version", [(DEBIAN, "1.3"), (NO_13, "1.2")])
@pytest.mark.parametrize("compat", ["false", "true"])
def test_only_the_string_switches_tls_13_off(start_gateway, connect, string, version, compat):
    """F1.2: cisco-client-compat alone does not."""
    c = connect(start_gateway(tls_priorities=string, cisco_client_compat=compat))
    assert f"(TLS{version})" in c.tls_suite
    assert ping(c.host, netns.BEHIND4) == 0


@varcod_only
def test_cisco_client_compat_leaves_tls_13_on(start_gateway, connect):
    c = connect(start_gateway(cisco_client_compat="true"))
    assert "(TLS1.3)" in c.tls_suite


@pytest.mark.parametrize("string, cipher", [
    ("NORMAL:-AES-256-GCM:-AES-128-GCM:%SERVER_PRECEDENCE", "CHACHA20-POLY1305"),
    ("NORMAL:-AES-256-GCM:-CHACHA20-POLY1305", "AES-128-GCM"),
])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_cipher_that_is_left_carries_packets(start_gateway, connect, string, cipher, version):
    """F1.8, F5.4"""
    c = connect(start_gateway(tls_priorities=string), options=[f"--gnutls-priority={ONLY.format(version)}", "--no-dtls"])
    assert c.tls_suite.endswith(f"({cipher})") and f"(TLS{version})" in c.tls_suite
    assert ping(c.host, netns.BEHIND4, count=20) == 0


@varcod_only
def test_openconnect_without_the_version_is_refused(start_gateway, connect):
    g = start_gateway(tls_priorities=NO_13)
    c = connect(g, up=False, options=[f"--gnutls-priority={ONLY.format('1.3')}"])
    assert c.wait_exit() != 0
    assert g.wait_event("tls.failed")["cause"] == "tls-version"


@varcod_only
def test_tls_max_limits_it_further(world, start_gateway):
    start_gateway(tls_priorities=DEBIAN, tls_max="1.2")
    assert s_client(world.client(1))[0] == "TLSv1.2"


@varcod_only
def test_parts_that_are_not_translated_are_named(start_gateway):
    """With line, kind and what it means; the rest of the string counts."""
    g = start_gateway(tls_priorities="NORMAL:+RSA:+VERS-TLS1.0:%UNSAFE_RENEGOTIATION:-AES-128-GMC")
    notes = g.events("process.config-key", key="tls-priorities")
    lines = g.config.read_text().splitlines()
    assert all(lines[e["line"] - 1].startswith("tls-priorities") for e in notes)
    assert [(e["cause"], e["detail"].split("'")[1]) for e in notes] == [
        ("config-not-served", "+RSA"), ("config-no-effect", "+VERS-TLS1.0"),
        ("config-no-effect", "%UNSAFE_RENEGOTIATION"), ("config-unknown", "-AES-128-GMC")]


@varcod_only
@pytest.mark.parametrize("keys, reason", [
    ({"tls_priorities": "NORMAL:-VERS-ALL"}, "neither TLS 1.2 nor TLS 1.3"),
    ({"tls_priorities": "NORMAL:-CIPHER-ALL:+AES-128-CBC"}, "AES-GCM"),
    ({"tls_priorities": "NORMAL:-VERS-TLS1.2", "tls_max": "1.2"}, "tls-max"),
    ({"tls_priorities": "SUITEB128"}, "server-cert"),
    ({"tls_priorities": "NORMAL:-VERS-TLS1.2:-SIGN-ALL:+SIGN-ECDSA-SHA256"}, "server-cert"),
])
def test_a_string_that_leaves_nothing_stops_the_start(start_gateway, keys, reason):
    g = start_gateway(start=False, **keys)
    line = next(n for n, text in enumerate(g.config.read_text().splitlines(), 1) if text.startswith("tls-priorities ="))
    for further in ([], ["-t"]):
        code, told = g.try_to_start(*further)
        assert code == 1
        assert f"{g.config.name}:{line}: tls-priorities" in told and reason in told, told


@varcod_only
def test_suite_b_goes_with_an_ecdsa_certificate(world, start_gateway):
    start_gateway(certificate="ecdsa", tls_priorities="SUITEB128")
    assert s_client(world.client(1)) == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDH")
