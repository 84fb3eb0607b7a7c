"""wireclient, our own client for tests and bench, in a client host's namespace (tests/lib/wireclient.c)."""
import json
import os
import signal
import subprocess

from . import netns
from .gateway import SANITIZERS, build_folder
from .wait import LogFile, until

ASAN = {"ASAN_OPTIONS": "abort_on_error=1:handle_abort=1", "UBSAN_OPTIONS": SANITIZERS["UBSAN_OPTIONS"]}


def wireclient():
    return str(build_folder() / "tests" / "wireclient")


class Wire:
    """One run of wireclient. What it prints are events, dicts with a key "event".

    command   login, connect, load or handover
    options   further options
    cookie    --cookie-stdin instead of a login
    keylog    file to which it appends the secrets of its TLS connections
    """

    def __init__(self, host, folder, gateway, command, *options, user="alice", password="wonderland", cookie=None,
                 server=netns.GATEWAY4, keylog=None):
        folder.mkdir()
        self.host, self.gateway = host, gateway
        self.log, self.errors = LogFile(folder / "events"), LogFile(folder / "errors")
        login = ["--cookie-stdin"] if cookie else ["--user", user, "--password-stdin"]
        with open(self.log.path, "ab") as out, open(self.errors.path, "ab") as err:
            self.process = host.popen(wireclient(), command, "--server", server, *login, *options, stdin=subprocess.PIPE,
                                      stdout=out, stderr=err,
                                      env=os.environ | ASAN | ({"SSLKEYLOGFILE": str(keylog)} if keylog else {}))
        self.tell(cookie or password)

    def tell(self, line):
        """A line on its stdin: commands of `load`."""
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def events(self, name, **fields):
        lines = self.log.text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [e for e in found if e["event"] == name and fields.items() <= e.items()]

    def wait_event(self, name, seconds=20, count=1, **fields):
        """Waits for the count-th event of this name; returns it."""
        def look():
            found = self.events(name, **fields)
            if len(found) < count and self.process.poll() is not None:
                assert len(self.events(name, **fields)) >= count, (
                    f"wireclient ended with {self.process.returncode} before {name!r}:\n{self.tail()}")
            return found[count - 1:]
        return until(look, f"wireclient tells {name} {fields or ''}", seconds)[0]

    def ask(self, line, event, seconds=30):
        """Tells it a command and returns its answer."""
        had = len(self.events(event))
        self.tell(line)
        return self.wait_event(event, seconds, had + 1)

    def wait_up(self, dtls=False):
        """connect: the TUN carries packets; with DTLS, if that was wanted."""
        self.wait_event("up")
        assert bool(self.events("dtls-up")) == dtls, self.tail()
        return self

    @property
    def connected(self):
        """What CONNECT gave."""
        return self.events("connected")[-1]

    @property
    def address4(self):
        return self.connected["address4"]

    @property
    def address6(self):
        return self.connected["address6"]

    def counters(self):
        """connect: the data path's counters as they stand."""
        had = len(self.events("counters"))
        self.process.send_signal(signal.SIGUSR1)
        return self.wait_event("counters", count=had + 1)

    def logout(self):
        """Logs off; returns the exit status."""
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait_exit()

    def wait_exit(self, seconds=20):
        until(lambda: self.process.poll() is not None, "wireclient ends", seconds)
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def tail(self):
        return self.log.tail(20) + "\n" + self.errors.tail(40)
