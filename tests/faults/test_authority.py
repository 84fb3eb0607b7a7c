"""docs/threats.md, "Faults to survive": the authority and its store."""
import os
import signal
import subprocess

from harness import netns
from harness.traffic import Transfer, ping, pinging
from harness.wait import until

HERE = {"child-died"}  # each of these tests ends a process


def kill(gateway, what):
    started = gateway.events("process.started", process=what)
    gateway.expected_causes |= HERE
    os.kill(started[-1]["pid"], signal.SIGKILL)
    until(lambda: len(gateway.events("process.started", process=what)) > len(started), f"another {what} runs", 10)


def test_kill_9_of_the_authority_leaves_tunnels_alone(start_gateway, connect, tmp_path):
    """Tunnels go on; the fresh one knows its sessions; logins work again; no address is given twice."""
    g = start_gateway()
    a, b = connect(g, host=1), connect(g, host=2, options=["--no-dtls"])
    a.wait_dtls()
    with pinging(a.host, netns.BEHIND4, tmp_path) as over_dtls, pinging(b.host, netns.BEHIND4, tmp_path) as over_tls:
        kill(g, "authority")
        over_dtls.wait_replies(20)
        over_tls.wait_replies(20)
    assert over_dtls.stop() == 0 and over_tls.stop() == 0
    until(lambda: len(g.show("users")) == 2, "it knows both sessions")
    shown = {(u["IPv4"], u["IPv6"]) for u in g.show("users")}
    assert shown == {a.addresses, b.addresses}
    c = connect(g, host=3)
    assert c.addresses not in shown and c.address4 not in {v4 for v4, _ in shown}
    a.signal(signal.SIGUSR2)  # and its token is still good
    a.wait_told("reconnect")
    assert a.addresses in shown
    g.control("disconnect", "user", "alice")
    for client in (a, b, c):
        client.wait_exit()


def test_kill_9_of_a_verifier_costs_that_login_only(start_gateway, connect):
    g = start_gateway()
    a = connect(g, host=1)
    kill(g, "verifier")
    connect(g, host=2)
    assert ping(a.host, netns.BEHIND4) == 0


def test_full_disk(start_gateway, connect, world, tmp_path):
    """Tunnels, a transfer and reconnects go on; new logins are refused with the reason; who is cut off stays off; then
    all is well."""
    g = start_gateway(start=False)
    state = g.folder / "state"
    state.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(state)], check=True)
    try:
        g.start()
        a, ended, busy = connect(g, host=1), connect(g, host=3), connect(g, host=4)
        busy.wait_dtls()
        had = a.addresses
        fill = state / "somebody-elses"
        with pinging(busy.host, netns.BEHIND4, tmp_path) as pings:
            with open(fill, "wb", buffering=0) as out:
                try:
                    while True:
                        out.write(bytes(4096))
                except OSError:
                    pass
            for _ in range(20):  # what was there already can be written once more
                if connect(g, host=2, up=False, options=["--authenticate"]).wait_exit() != 0:
                    break
            assert g.events("user.refused", cause="store")
            a.signal(signal.SIGUSR2)
            a.wait_told("reconnect")
            assert a.addresses == had and ping(a.host, netns.BEHIND4) == 0
        assert pings.stop() == 0
        assert Transfer(a.host, world.behind, netns.BEHIND4, 20 << 20).intact
        number = next(u["ID"] for u in g.show("users") if u["IPv4"] == ended.address4)
        g.control("disconnect", "id", str(number))
        ended.wait_exit()
        kill(g, "authority")
        until(lambda: {u["IPv4"] for u in g.show("users")} == {a.address4, busy.address4}, "only the others are known")
        fill.unlink()
        connect(g, host=2)
    finally:
        g.stop()
        subprocess.run(["umount", "-l", str(state)], check=True)


def test_damaged_store_stops_the_start_and_stays_as_it_is(start_gateway):
    g = start_gateway(start=False)
    g.folder.joinpath("state").mkdir(mode=0o700)
    store = g.folder / "state" / "varco.db"
    store.write_bytes(b"\x5a" * 8192)
    os.chown(store.parent, 64001, 64001)
    os.chown(store, 64001, 64001)
    g.expected_causes |= HERE
    g.start(wait=False)
    assert g.process.wait(20) == 1
    assert g.events("process.ended", process="authority", cause="store")
    assert store.read_bytes() == b"\x5a" * 8192
