"""The gateway under test: varcod, or Debian's ocserv with the same configuration (VARCO_GATEWAY).

    VARCO_GATEWAY   varcod (default) or ocserv
    VARCO_BUILD     folder with varcod and varcoctl; default build-san of the working tree, else build
"""
import contextlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path

from . import netns, proc
from .wait import LogFile, until

ROOT = Path(__file__).resolve().parents[3]
FLAVOUR = os.environ.get("VARCO_GATEWAY", "varcod")

# Of a second gateway on the host of the first, which has the defaults.
BESIDE = {"tcp_port": 444, "udp_port": 444, "device": "other", "ipv4_network": "10.21.0.0/16", "ipv6_network": "fd21::/64"}

# A sanitizer's report goes to the gateway's stderr and so into its log, which every test looks through at its end.
# Leaks are found by the unit tests: LeakSanitizer needs ptrace, which the gateway's processes forbid.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
# OpenSSL's asynchronous jobs have stacks of their own, which AddressSanitizer notes once a process.
NOISE = re.compile(r"WARNING: ASan is ignoring requested __asan_handle_no_return|^False positive error reports may follow"
                   r"|^For details see https://github.com/google/sanitizers/issues/189")
REPORT = re.compile(r"ERROR: \w*Sanitizer|runtime error:|Assertion .* failed")


def build_folder():
    wanted = os.environ.get("VARCO_BUILD")
    if wanted:
        return Path(wanted).resolve()
    return next((ROOT / b for b in ("build-san", "build") if (ROOT / b / "varcod").exists()), ROOT / "build")


class Users:
    """An ocpasswd file, written by Debian's ocpasswd or another tool with its options."""

    def __init__(self, path, tool=("ocpasswd",)):
        self.path, self.tool = path, tool
        path.touch(mode=0o600)

    def set(self, name, password, groups=""):
        options = ["-g", groups] if groups else []
        self._tool(*options, "--", name, stdin=f"{password}\n{password}\n")

    def delete(self, name):
        self._tool("-d", name)

    def lock(self, name):
        self._tool("-l", name)

    def unlock(self, name):
        self._tool("-u", name)

    def _tool(self, *argv, stdin=None):
        netns.run(*self.tool, "-c", str(self.path), *argv, stdin=stdin)


class Gateway:
    """One gateway in the namespace `gateway`. Options are configuration keys with _ for -; a list repeats the key, None
    removes a default. The folder is the test's own: 0700, root's."""

    def __init__(self, world, folder, certificate, users, options, flavour=FLAVOUR):
        self.world, self.folder, self.certificate, self.users = world, folder, certificate, users
        self.flavour = flavour
        self.namespace = world.gateway
        folder.mkdir(mode=0o700)
        self.config = folder / "gateway.conf"
        self.socket = f"/run/{folder.name}.ctl"
        self.keys = self._defaults() | {key.replace("_", "-"): value for key, value in options.items()}
        self.config.write_text("".join(self._lines()))
        self.config.chmod(0o600)
        self.log = LogFile(folder / "gateway.log")
        self.process = None
        self._known = set()  # pids that it ever had, as far as anybody looked
        self._ups = 0  # how often it had said that it serves before the present start
        self.expected_causes = set()  # causes that this test brings about, else they fail it

    def _defaults(self):
        keys = {
            "auth": f"plain[passwd={self.users.path}]",
            "tcp-port": 443,
            "udp-port": 443,
            "run-as-user": "varco-net",
            "run-as-group": "varco-net",
            "occtl-socket-file": self.socket,
            "use-occtl": "true",
            "server-cert": self.certificate.cert,
            "server-key": self.certificate.key,
            "device": "vpns",
            "ipv4-network": netns.POOL4,
            "ipv6-network": netns.POOL6,
            "route": [netns.BEHIND_NET4, netns.BEHIND_NET6],
            "dpd": 90,
            "keepalive": 300,
            "cookie-timeout": 300,
            "max-ban-score": 0,
            "rate-limit-ms": 0,
        }
        if self.flavour == "ocserv":
            return keys | {"socket-file": f"/run/{self.folder.name}.ipc", "isolate-workers": "false"}
        return keys | {"state-dir": self.folder / "state", "log-format": "json"}

    def _lines(self):
        for key, value in self.keys.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    yield f"{key} = {one}\n"

    def command(self):
        if self.flavour == "ocserv":
            return ["/usr/sbin/ocserv", "-f", "-d", "3", "-c", str(self.config)]
        return [str(build_folder() / "varcod"), "-f", "-c", str(self.config)]

    def start(self, wait=True, out=None, further=()):
        """out: an fd that its lines go to, instead of its log; then there is nothing to wait by. further: arguments."""
        if self.namespace.bound(int(self.keys["tcp-port"]), "tcp"):
            listening = self.namespace.run("ss", "-Hltnp", "sport", "=", ":443") + self.namespace.run("ps", "axfo", "pid,ppid,sid,stat,args")
            raise AssertionError(f"another gateway still listens: {listening}")
        self._ups = len(self.events("process.gateway-up"))
        with open(self.log.path, "ab") as log:
            to = log if out is None else out
            self.process = self.namespace.popen(*self.command(), *further, stdin=subprocess.DEVNULL, stdout=to, stderr=to,
                                                env=os.environ | SANITIZERS, cwd="/", start_new_session=True)
        if wait:
            until(self._serves, f"{self.flavour} serves", 30)
            self.processes()
        return self

    def try_to_start(self, *further, seconds=20):
        """Runs the start in the foreground to its end, with further arguments; returns exit status and what it printed."""
        done = subprocess.run(self.namespace.command(*self.command(), *further), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | SANITIZERS, check=False,
                              cwd="/", timeout=seconds)
        return done.returncode, done.stdout

    def _serves(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.flavour} ended with {self.process.returncode}:\n{self.log.tail(20)}")
        if self.flavour == "varcod":
            return len(self.events("process.gateway-up")) > self._ups
        udp = self.keys.get("udp-port")
        return (self.namespace.bound(int(self.keys["tcp-port"]), "tcp")
                and (not udp or self.namespace.bound(int(udp), "udp")))

    def running(self):
        return self.process is not None and self.process.poll() is None

    def processes(self):
        """Pids of the gateway, the main one first."""
        pids = proc.tree(self.process.pid)
        self._known.update(pids)
        return pids

    def stop(self, seconds=15):
        """SIGTERM; returns the exit status."""
        if self.running():
            before = self.processes()
            self.process.send_signal(signal.SIGTERM)
            until(lambda: self.process.poll() is not None, f"{self.flavour} ends on SIGTERM", seconds)
            until(lambda: not any(map(proc.alive, before)), "all of its processes have ended", seconds)
        return self.process.returncode

    def kill(self):
        """The test is over: nothing of the gateway survives, whatever state it is in."""
        if self.process is None:
            return

        if self.running():
            self.processes()
        self.process.kill()  # first: else it would tell that another of its processes died, and start it again
        self.process.wait()

        def gone():  # each process of varcod has a session of its own
            left = {*proc.session(self.process.pid), *filter(proc.alive, self._known)}
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        until(gone, "the gateway's processes are killed")

    # -- what it tells ------------------------------------------------------------------------------------------------

    def all_events(self):
        """Every event so far (varcod): dicts as vc_event_print_json writes them."""
        found = []
        for line in self.log.text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                found.append(json.loads(line))
        return found

    def events(self, name, **fields):
        """Events of this name whose fields have these values (_ for - in names)."""
        fields = {key.replace("_", "-"): value for key, value in fields.items()}
        return [e for e in self.all_events() if e["event"] == name and fields.items() <= e.items()]

    def wait_event(self, name, seconds=15, **fields):
        return until(lambda: self.events(name, **fields), f"event {name} {fields or ''}", seconds)[0]

    def faults(self):
        """What no test may leave in the log: sanitizer reports, causes without a name, deaths, lines beside events."""
        found = [line for line in self.log.text().splitlines() if REPORT.search(line)]
        if self.flavour == "varcod":
            bad = {"unknown", "ipc-malformed", "child-died"} - self.expected_causes
            found += [json.dumps(e) for e in self.all_events() if e.get("cause") in bad]
            found += [f"not an event: {line}" for line in self.log.text().splitlines()
                      if line and not line.startswith("{") and not NOISE.search(line)]
        return found

    # -- control ------------------------------------------------------------------------------------------------------

    def control(self, *words, check=True):
        """Runs varcoctl or occtl and returns its output."""
        return self.namespace.run(*self.control_command(), *words, check=check)

    def control_command(self):
        tool = "/usr/bin/occtl" if self.flavour == "ocserv" else str(build_folder() / "varcoctl")
        return [tool, "-s", self.socket]

    def show(self, *what):
        """`-j show WHAT` as Python values."""
        return json.loads(self.control("-j", "show", *what) or "[]")
