"""The tests' private world: mount, network and process namespaces of their own.

pytest re-executes itself in here (enter). Run as a program, this file is the first process of the new world: it mounts
what the tests need, starts pytest as its child, reaps orphans, and hands pytest's exit status on. When it ends, by
whatever way, the kernel ends everything that the tests started.

    /run         an empty tmpfs: pid files, sockets and named network namespaces
    /etc/passwd  copies with the gateway's users added, bound over the originals
    /etc/group
"""
import os
import signal
import subprocess
import sys
from pathlib import Path

INSIDE = "VARCO_TEST_SANDBOX"  # set inside; its value says which user ids exist: "all" or "one"

USERS = [("varco", 64001), ("varco-net", 64002)]


def inside():
    return INSIDE in os.environ


def all_ids():
    """Whether processes can run under other user ids here (false in a user namespace with one id)."""
    return os.environ.get(INSIDE) == "all"


def enter(arguments, program="pytest"):
    """Replaces this process by the program (pytest, or a Python file) in a new world, or returns why it cannot."""
    root = os.geteuid() == 0
    unshare = ["unshare", *([] if root else ["-Ur"]), "-nmpf", "--kill-child", "--mount-proc"]
    try:
        tried = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, text=True,
                               check=False)
    except OSError as e:
        return f"unshare: {e}"
    if tried.returncode:
        return f"no namespaces here: {tried.stderr.strip()}"
    os.environ[INSIDE] = "all" if root else "one"
    os.execvp("unshare", [*unshare, sys.executable, str(Path(__file__).resolve()), program, *arguments])


def bind_with(path, lines):
    copy = Path("/run") / path.replace("/", "_")
    names = {line.split(":")[0] for line in lines}
    kept = [line for line in Path(path).read_text().splitlines() if line.split(":")[0] not in names]
    copy.write_text("\n".join(kept + lines) + "\n")
    copy.chmod(0o644)
    subprocess.run(["mount", "--bind", str(copy), path], check=True)


def main(program, *arguments):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"], check=True)
    bind_with("/etc/passwd", [f"{name}:x:{i}:{i}::/nonexistent:/usr/sbin/nologin" for name, i in USERS])
    bind_with("/etc/group", [f"{name}:x:{i}:" for name, i in USERS])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    child = os.fork()
    if child == 0:
        start = ["-m", "pytest"] if program == "pytest" else [program]
        os.execv(sys.executable, [sys.executable, *start, *arguments])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: os.kill(child, n))
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
