#!/usr/bin/env python3
"""./dev bench: the same work through varcod and through Debian's ocserv, with the same openconnect, in one run.

Throughput of TCP (iperf3) up and down, over TLS and over DTLS: rounds of the two gateways alternate, medians are compared.
CPU seconds of the gateway's processes per GB beside it: they vary less than throughput does.
Memory of an idle session: the sum of PSS over all processes of the gateway with N sessions, DTLS up, less the same with
none, divided by N.

Prints a table; writes build/bench.json. Ratios above 1 are in varcod's favour.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.dont_write_bytecode = True
os.environ.setdefault("VARCO_BUILD", str(ROOT / "build"))

from harness import certs, client, gateway, netns, proc, sandbox  # noqa: E402
from harness.wait import until  # noqa: E402

GATEWAYS = ("varcod", "ocserv")
CHANNELS = {"TLS": ["--no-dtls"], "DTLS": []}
HOSTS = 10  # client hosts over which the idle sessions are spread


class Bench:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.world = netns.World()
        self.certificate = certs.Certificate(folder, "ecdsa")
        self.users = gateway.Users(folder / "passwd")
        self.users.set("alice", "wonderland")
        self.started = 0

    def start(self, flavour):
        self.started += 1
        return gateway.Gateway(self.world, self.folder / f"{flavour}{self.started}", self.certificate, self.users, {},
                               flavour).start()

    def client(self, g, host, **kw):
        self.started += 1
        return client.OpenConnect(self.world.client(host), self.folder / f"client{self.started}", g, **kw)

    # -- throughput ---------------------------------------------------------------------------------------------------

    def throughput(self):
        """{gateway: {"TLS up": {"mbit_s": [...], "cpu_s_per_gb": [...]}, ...}}"""
        found = {flavour: {} for flavour in self.options.gateways}
        for turn in range(self.options.rounds):
            for flavour in self.options.gateways:
                g = self.start(flavour)
                try:
                    for channel, extra in CHANNELS.items():
                        c = self.client(g, 1, options=extra)
                        c.wait_up()
                        if channel == "DTLS":
                            c.wait_dtls()
                        for way in ("up", "down"):
                            mbit_s, cpu = self.iperf(g, c, way)
                            row = found[flavour].setdefault(f"{channel} {way}", {"mbit_s": [], "cpu_s_per_gb": []})
                            row["mbit_s"].append(mbit_s)
                            row["cpu_s_per_gb"].append(cpu)
                            print(f"  round {turn + 1}: {flavour:7} {channel:4} {way:4} {mbit_s:8.0f} Mbit/s"
                                  f" {cpu:6.2f} CPU s/GB", flush=True)
                        c.logout()
                finally:
                    g.kill()
        return found

    def iperf(self, g, c, way):
        server = self.world.behind.popen("iperf3", "-s", "-1", "-p", "5201", stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        try:
            until(lambda: self.world.behind.bound(5201, "tcp"), "iperf3 listens")
            pids = g.processes()
            before = proc.cpu_s(pids)
            said = json.loads(c.host.run("iperf3", "-c", netns.BEHIND4, "-p", "5201", "-J", "-t", str(self.options.seconds),
                                         *(["-R"] if way == "down" else [])))
            cpu = proc.cpu_s(pids) - before
            server.wait(10)
        finally:
            server.kill()
            server.wait()
        total = said["end"]["sum_received"]
        return total["bits_per_second"] / 1e6, cpu / (total["bytes"] / 1e9)

    # -- memory -------------------------------------------------------------------------------------------------------

    def memory(self):
        """{gateway: {"none_kib": ..., "all_kib": ..., "per_session_kib": ...}}"""
        n, found = self.options.sessions, {}
        for flavour in self.options.gateways:
            g = self.start(flavour)
            clients = []
            try:
                none = proc.pss_kib(g.processes())
                for host in range(1, HOSTS + 1):
                    self.world.client(host)

                def up(i, g=g):
                    c = self.client(g, i % HOSTS + 1, tun=f"tun{i}")
                    clients.append(c)
                    c.wait_up(60)
                    c.wait_dtls(60)

                with ThreadPoolExecutor(4) as pool:
                    list(pool.map(up, range(n)))
                if len(g.show("users")) != n:
                    raise AssertionError(f"{len(g.show('users'))} sessions instead of {n}")
                pids = g.processes()
                full = proc.pss_kib(pids)
                found[flavour] = {"none_kib": none, "all_kib": full, "per_session_kib": (full - none) / n,
                                  "processes": len(pids)}
                print(f"  {flavour:7} {n} sessions: {full} KiB in {len(pids)} processes, none: {none} KiB", flush=True)
            finally:
                for c in clients:
                    c.kill()
                g.kill()
        return found


def report(throughput, memory):
    """Prints the table; returns it as a dict."""
    both = all(f in (throughput or memory) for f in GATEWAYS)
    rows = {}
    for name in throughput[GATEWAYS[0]] if both and throughput else []:
        ours, theirs = (statistics.median(throughput[f][name]["mbit_s"]) for f in GATEWAYS)
        rows[f"{name}, Mbit/s"] = (ours, theirs, ours / theirs)
        ours, theirs = (statistics.median(throughput[f][name]["cpu_s_per_gb"]) for f in GATEWAYS)
        rows[f"{name}, gateway CPU s/GB"] = (ours, theirs, theirs / ours if ours else float("inf"))
    if both and memory:
        ours, theirs = (memory[f]["per_session_kib"] for f in GATEWAYS)
        rows["idle session, KiB"] = (ours, theirs, theirs / ours if ours > 0 else float("inf"))
    print(f"\n{'':28}{'varcod':>10}{'ocserv':>10}{'ratio':>8}")
    for name, (ours, theirs, ratio) in rows.items():
        print(f"{name:28}{ours:10.2f}{theirs:10.2f}{ratio:8.2f}")
    return {name: dict(zip(("varcod", "ocserv", "ratio"), row)) for name, row in rows.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each transfer")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--only", choices=["throughput", "memory"])
    parser.add_argument("--gateways", nargs="+", default=GATEWAYS, choices=GATEWAYS)
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench.json")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="varco-bench-"))
    try:
        bench = Bench(folder, options)
        throughput = bench.throughput() if options.only != "memory" else {}
        memory = bench.memory() if options.only != "throughput" else {}
        table = report(throughput, memory)
        options.json.parent.mkdir(exist_ok=True)
        options.json.write_text(json.dumps({"table": table, "throughput": throughput, "memory": memory}, indent=1) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if not sandbox.inside():
        sys.exit(f"The bench needs root and network namespaces: {sandbox.enter(sys.argv[1:], program=__file__)}")
    main()
