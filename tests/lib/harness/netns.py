"""Network namespaces, and the small world that all suites share.

      client N                      the tests' own namespace                    gateway               behind
     +---------+  198.18.N.0/24     +----------+  192.0.2.0/24        +---------+  203.0.113.0/24 +---------+
     | wan  .2 +--------------------+ .1    .2 +----------------------+ .1   .1 +-----------------+ .2      |
     |         |  2001:db8:N::/64   |  router  |  2001:db8:a000::/64  |         | 2001:db8:b000:: |         |
     +---------+                    +----------+                      +---------+                 +---------+
        inside the tunnel: 10.20.0.0/16 and fd20::/64, to which `behind` has its default routes
        a crowd at client N: a /18 of 100.64.0.0/10
"""
import contextlib
import ctypes
import functools
import ipaddress
import os
import socket
import subprocess
import threading
import types

GATEWAY4, GATEWAY6 = "192.0.2.1", "2001:db8:a000::1"
BEHIND4, BEHIND6 = "203.0.113.2", "2001:db8:b000::2"
BEHIND_NET4, BEHIND_NET6 = "203.0.113.0/24", "2001:db8:b000::/64"
POOL4, POOL6 = "10.20.0.0/16", "fd20::/64"

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, stdin=None, check=True):
    """Runs a command and returns its output; its errors are part of the exception."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def ip_batch(lines, namespace=None):
    where = ["-n", namespace] if namespace else []
    run("ip", *where, "-batch", "-", stdin="\n".join(lines) + "\n")


class Namespace:
    """A named network namespace."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        run("ip", "netns", "add", name)
        with self.inside():
            # accept_dad: addresses are usable at once
            for key, value in (("ipv4/ip_forward", 0), ("ipv6/conf/all/accept_dad", 0),
                               ("ipv6/conf/default/accept_dad", 0), ("ipv6/conf/all/forwarding", 0)):
                sysctl(key, value)
            run("ip", "link", "set", "lo", "up")

    def command(self, *argv):
        """argv, wrapped so that it runs in here; exec'd, so the pid stays."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv, **kw):
        return run(*self.command(*argv), **kw)

    def popen(self, *argv, **kw):
        return subprocess.Popen(self.command(*argv), **kw)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in this namespace; sockets made here stay in it."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(there)
            try:
                yield self
            finally:
                _setns(here)
        finally:
            os.close(here)
            os.close(there)

    def socket(self, family, kind=socket.SOCK_STREAM):
        with self.inside():
            return socket.socket(family, kind)

    def bound(self, port, kind):
        """Whether something is bound to the port: kind is "tcp" (listens) or "udp"."""
        wanted = f":{port:04X}"
        with self.inside():
            for table in (kind, kind + "6"):
                with open(f"/proc/thread-self/net/{table}", encoding="ascii") as f:
                    for line in f.readlines()[1:]:
                        field = line.split()
                        if field[1].endswith(wanted) and (kind == "udp" or field[3] == "0A"):
                            return True
        return False

    def links(self):
        return [line.split(":")[1].strip().split("@")[0] for line in self.run("ip", "-o", "link").splitlines()]

    def nft(self, script):
        self.run("nft", "-f", "-", stdin=script)

    def delete(self):
        run("ip", "netns", "del", self.name)


def _nft(script):
    """In the tests' own namespace, the router."""
    run("nft", "-f", "-", stdin=script)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def sysctl(key, value):
    """In the namespace of the calling thread."""
    with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as f:
        f.write(str(value))


# On a client host: counts what passes between it and the gateway's port.
PROBE = """
table inet probe {
    counter tcp_out { }
    counter tcp_in { }
    counter udp_out { }
    counter udp_in { }
    chain out {
        type filter hook output priority 0;
        oifname "wan" tcp dport 443 counter name tcp_out
        oifname "wan" udp dport 443 counter name udp_out
    }
    chain in {
        type filter hook input priority 0;
        iifname "wan" tcp sport 443 counter name tcp_in
        iifname "wan" udp sport 443 counter name udp_in
    }
}
"""

# On the router: a chain per client, in which the tests drop what it sends and gets.
ROUTER = """
table inet router {
    chain forward {
        type filter hook forward priority 0;
    }
}
"""


class ClientHost(Namespace):
    """A client's namespace, with counters of what goes to and comes from the gateway's port, and ways to block it."""

    def __init__(self, number):
        super().__init__(f"c{number}")
        self.number = number
        self.address4, self.address6 = f"198.18.{number}.2", f"2001:db8:{number:x}::2"
        ip_batch([
            f"link add c{number} type veth peer name wan netns c{number}",
            f"addr add 198.18.{number}.1/24 dev c{number}",
            f"addr add 2001:db8:{number:x}::1/64 dev c{number} nodad",
            f"link set c{number} up",
        ])
        ip_batch([
            f"addr add {self.address4}/24 dev wan",
            f"addr add {self.address6}/64 dev wan nodad",
            "link set wan up",
            # No default routes: those belong to the tunnel where it is a full one.
            f"route add 192.0.2.0/24 via 198.18.{number}.1",
            f"route add 2001:db8:a000::/64 via 2001:db8:{number:x}::1",
        ], self.name)
        self.nft(PROBE)
        _nft(f"""
            add chain inet router {self.name}
            add rule inet router forward iifname {self.name} jump {self.name}
            add rule inet router forward oifname {self.name} jump {self.name}
        """)

    def more_addresses(self, n):
        """As many IPv4 addresses more, of its network: ["198.18.N.3", ...]"""
        found = [f"198.18.{self.number}.{i}" for i in range(3, 3 + n)]
        ip_batch([f"addr replace {a}/24 dev wan" for a in found], self.name)
        return found

    def more_networks(self, n):
        """As many IPv6 networks more, routed to it, with two addresses each: [("2001:db8:N:1::2", "2001:db8:N:1::3")]"""
        found = [tuple(f"2001:db8:{self.number:x}:{i:x}::{k}" for k in (2, 3)) for i in range(1, 1 + n)]
        ip_batch([f"addr replace {a}/64 dev wan nodad" for pair in found for a in pair], self.name)
        ip_batch([f"route replace {pair[0]}/64 via {self.address6}".replace("::2/64", "::/64") for pair in found])
        return found

    @functools.cached_property
    def crowd(self):
        """Many strangers at this host: a Crowd."""
        return Crowd(self)

    def block_udp(self):
        """UDP to and from the gateway's port vanishes at the router from here on, as at a firewall that drops."""
        _nft(f"add rule inet router {self.name} udp dport 443 drop; add rule inet router {self.name} udp sport 443 drop")

    def block_all(self):
        _nft(f"add rule inet router {self.name} drop")

    def allow(self):
        """Nothing is blocked any more."""
        _nft(f"flush chain inet router {self.name}")

    def refuse_udp(self):
        """This host answers the gateway's datagrams with "port unreachable"."""
        self.nft("insert rule inet probe in iifname wan udp sport 443 reject")

    def rebind_udp(self, before, after):
        """A NAT in front of this host forgot its port: what left from `before` leaves from `after`, and only that port
        reaches it."""
        self.nft(f"""
            table inet natted {{
                chain out {{
                    type filter hook output priority -400;
                    oifname wan udp sport {before} udp dport 443 udp sport set {after}
                }}
                chain in {{
                    type filter hook prerouting priority -400;
                    iifname wan udp sport 443 udp dport {before} drop
                    iifname wan udp sport 443 udp dport {after} udp dport set {before}
                }}
            }}
        """)

    def steal_udp(self, before, after, every):
        """Of what leaves from port `before` each so many'th datagram comes from `after` instead, where nobody answers: a
        neighbour behind the same address copies it, and is so fast that the original counts for nothing."""
        self.nft(f"""
            table inet natted {{
                chain out {{
                    type filter hook output priority -400;
                    oifname wan udp sport {before} udp dport 443 numgen inc mod {every} 0 udp sport set {after}
                }}
            }}
        """)

    def reset(self):
        """As new: nothing blocked or changed, counters at 0."""
        self.allow()
        self.nft("delete table inet probe\ntable inet natted\ndelete table inet natted\n" + PROBE)

    def counted(self):
        """Bytes seen on the wire so far: {"tcp_out": ..., "udp_out": ..., "tcp_in": ..., "udp_in": ...}"""
        words = self.run("nft", "list", "counters", "table", "inet", "probe").split()
        return {words[i + 1]: int(words[i + 6]) for i, w in enumerate(words) if w == "counter"}


class Crowd:
    """Strangers enough for tests that count events, which are limited for each source: 120 at once. Connections come from
    an IPv4 address that makes way for the next one after so many of them, of 5 events each; one of more than that comes
    from `alone`: its address is its own."""

    EACH = 24

    def __init__(self, host):
        self.host = host
        self._first = ipaddress.IPv4Address("100.64.0.0") + (host.number << 14)
        self._made, self._lock = 0, threading.Lock()
        net = f"{self._first}/18"
        ip_batch([f"route replace local {net} dev lo"], host.name)
        ip_batch([f"route replace {net} via {host.address4}"])
        self.alone = types.SimpleNamespace(socket=functools.partial(self.socket, alone=True))

    def socket(self, family, kind=socket.SOCK_STREAM, alone=False):
        with self._lock:
            if alone:
                self._made += -self._made % self.EACH
            address = self._first + self._made // self.EACH % (1 << 14)
            self._made += self.EACH if alone else 1
        sock = self.host.socket(family, kind)
        sock.bind((str(address), 0))
        return sock


class World:
    """The topology above; clients are made when first asked for."""

    def __init__(self):
        sysctl("ipv4/ip_forward", 1)
        sysctl("ipv6/conf/all/forwarding", 1)
        sysctl("ipv6/conf/all/accept_dad", 0)
        sysctl("ipv6/conf/default/accept_dad", 0)
        self.gateway = Namespace("gateway")
        self.behind = Namespace("behind")
        self._clients = {}
        self._lock = threading.Lock()
        ip_batch([
            "link add gw type veth peer name wan netns gateway",
            "addr add 192.0.2.2/24 dev gw", "addr add 2001:db8:a000::2/64 dev gw nodad", "link set gw up",
        ])
        ip_batch([
            f"addr add {GATEWAY4}/24 dev wan", f"addr add {GATEWAY6}/64 dev wan nodad", "link set wan up",
            "route add default via 192.0.2.2", "route add default via 2001:db8:a000::2",
            "link add lan type veth peer name lan netns behind",
            "addr add 203.0.113.1/24 dev lan", "addr add 2001:db8:b000::1/64 dev lan nodad", "link set lan up",
        ], "gateway")
        ip_batch([
            f"addr add {BEHIND4}/24 dev lan", f"addr add {BEHIND6}/64 dev lan nodad", "link set lan up",
            "route add default via 203.0.113.1", "route add default via 2001:db8:b000::1",
        ], "behind")
        self.forwarding(True)
        _nft(ROUTER)

    def client(self, number):
        """The client host with this number, 1 to 254."""
        with self._lock:
            if number not in self._clients:
                self._clients[number] = ClientHost(number)
            return self._clients[number]

    def clients(self):
        return list(self._clients.values())

    def forwarding(self, on):
        """Routing on the gateway host, both families."""
        with self.gateway.inside():
            sysctl("ipv4/ip_forward", int(on))
            sysctl("ipv6/conf/all/forwarding", int(on))

    def forget_mtus(self):
        """What the host behind the gateway has learned of paths: the next test's client may have the same address."""
        self.behind.run("ip", "-4", "route", "flush", "cache")
        self.behind.run("ip", "-6", "route", "flush", "cache")
