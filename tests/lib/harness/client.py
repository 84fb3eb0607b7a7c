"""Debian's openconnect as the client, in a client host's namespace."""
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

from . import netns
from .wait import Late, LogFile, until

SCRIPT = Path(__file__).with_name("vpnc-script")

UP = "Configured as"
DTLS_UP = "Established DTLS connection"


class OpenConnect:
    """One run of openconnect. It is started here; wait_up() and wait_exit() tell what became of it.

    password  the first answer on stdin (--passwd-on-stdin); further answers follow in `answers`
    cookie    instead of a login: --cookie-on-stdin
    options   further options of openconnect
    url       default: https:// and the gateway's IPv4 address
    pinned    whether the gateway's certificate is pinned (--servercert)
    keylog    file to which GnuTLS appends the secrets
    """

    def __init__(self, host, folder, gateway, *, user="alice", password="wonderland", answers=(), cookie=None,
                 options=(), url=None, tun=None, pinned=True, keylog=None):
        self.host, self.gateway, self.folder = host, gateway, folder
        folder.mkdir()
        self.told = folder / "told"
        self.told.mkdir()
        self.tun = tun or "tun0"
        self.log = LogFile(folder / "client.log")
        argv = ["openconnect", "--verbose", "--timestamp", "--non-inter", "--interface", self.tun, "--script",
                shlex.quote(str(SCRIPT))]
        argv += ["--servercert", gateway.certificate.pin] if pinned else []
        if cookie is not None:
            argv += ["--cookie-on-stdin"]
            lines = [cookie]
        else:
            argv += ["--user", user, "--passwd-on-stdin"]
            lines = [password, *answers]
        argv += [*options, url or f"https://{netns.GATEWAY4}"]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HARNESS_DIR": str(self.told)}
        environment |= {"SSLKEYLOGFILE": str(keylog)} if keylog else {}
        with open(self.log.path, "ab") as out:  # errors and prompts come on stderr, all else on stdout
            self.process = host.popen(*argv, stdin=subprocess.PIPE, stdout=out, stderr=out, env=environment)
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.close()

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait_log(self, pattern, seconds=15, since=0):
        """Waits for a line of its log; returns the match."""
        def look():
            found = re.search(pattern, self.log.text(since))
            if not found and self.process.poll() is not None:
                raise AssertionError(f"openconnect ended with {self.process.returncode} before its log had "
                                     f"{pattern!r}:\n{self.log.tail(25)}")
            return found
        return until(look, f"openconnect's log has {pattern!r}", seconds)

    def wait_up(self, seconds=20):
        """The tunnel is configured: the script has run, the channel carries packets."""
        self.wait_log(UP, seconds)
        self.wait_told("connect")
        return self

    def wait_dtls(self, seconds=15, since=0):
        """Data goes over DTLS. Returns the cipher suite as openconnect prints it: "(DTLS1.2)-(PSK)-(AES-256-GCM)"."""
        return self.wait_log(DTLS_UP + r" \(using GnuTLS\)\. Ciphersuite (\S+)\.", seconds, since)[1]

    def wait_told(self, reason, count=1, seconds=30):
        """Waits until the script was called that often with this reason; returns what the last call was told."""
        until(lambda: len(self.calls(reason)) >= count, f"the script's call {count} with {reason}", seconds)
        return self.calls(reason)[-1]

    def wait_exit(self, seconds=15):
        try:
            return until(lambda: self.process.poll() is not None and [self.process.returncode], "openconnect ends", seconds)[0]
        except Late as late:
            where = [Path(f"/proc/{self.process.pid}/{what}").read_text() for what in ("wchan", "syscall", "stack")]
            raise Late(f"{late}; it is {where}") from late

    # -- doing --------------------------------------------------------------------------------------------------------

    def signal(self, number):
        self.process.send_signal(number)

    def logout(self):
        """SIGINT: logs the session off; returns the exit status."""
        self.signal(signal.SIGINT)
        return self.wait_exit()

    def leave(self):
        """SIGHUP: goes without logging off, the cookie stays good."""
        self.signal(signal.SIGHUP)
        return self.wait_exit()

    def kill(self):
        """SIGKILL: gone without a word."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    # -- what it knows ------------------------------------------------------------------------------------------------

    def calls(self, reason):
        """What each call of the script with this reason was told: dicts, oldest first."""
        files = sorted(self.told.glob(f"[0-9]*.{reason}"), key=lambda p: int(p.name.partition(".")[0]))
        return [dict(v.partition("=")[::2] for v in p.read_bytes().decode().split("\0") if v) for p in files]

    @property
    def told_now(self):
        return (self.calls("reconnect") or self.calls("connect"))[-1]

    @property
    def address4(self):
        return self.told_now.get("INTERNAL_IP4_ADDRESS")

    @property
    def address6(self):
        address = self.told_now.get("INTERNAL_IP6_ADDRESS")
        return address and address.partition("/")[0]

    @property
    def addresses(self):
        return self.address4, self.address6

    @property
    def mtu(self):
        """The tunnel device's MTU as it stands."""
        with self.host.inside():
            return int(self.host.run("ip", "-o", "link", "show", self.tun).split(" mtu ")[1].split()[0])

    @property
    def header(self):
        """The headers of the gateway's last answer to CONNECT, {"X-CSTP-DPD": "90", ...}; of lists the last value."""
        answer = self.log.text().rpartition("Got CONNECT response")[2]
        return dict(re.findall(r"(X-(?:CSTP|DTLS|DTLS12)-[\w-]+): (.*)", answer))

    @property
    def tls_suite(self):
        """"(TLS1.3)-(ECDHE-...)-(...)-(AES-256-GCM)" of the last connection."""
        return re.findall(r"Connected to HTTPS on .* with ciphersuite (\S+)", self.log.text())[-1]
