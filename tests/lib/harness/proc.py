"""What /proc tells about processes."""
import os
from pathlib import Path


def alive(pid):
    """Whether the process exists and is not a zombie."""
    try:
        return stat(pid)[0] != "Z"
    except OSError:
        return False


def stat(pid):
    """The fields of /proc/PID/stat behind the command's name: state, parent's pid, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(root):
    """pid of root and of everything below it."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = stat(name)
            except OSError:
                continue  # ended while we looked
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(name))
    found, open_ = [], [root]
    while open_:
        pid = open_.pop()
        found.append(pid)
        open_ += children.get(pid, [])
    return [pid for pid in found if alive(pid)]


def session(leader):
    """pids of all processes of the session that this one began, orphans included."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = stat(name)
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[3]) == leader:
                found.append(int(name))
    return found


def status(pid):
    """/proc/PID/status as a dict."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def name(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def executable(pid):
    return os.readlink(f"/proc/{pid}/exe")


def fds(pid):
    """{fd: what it is}, what as readlink tells: "socket:[1234]", "/dev/net/tun", ..."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
    return found


def mapped(pid):
    """Files that the process has mapped."""
    rows = (line.split(maxsplit=5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines())
    return {row[5] for row in rows if len(row) == 6 and row[5].startswith("/")}


def pss_kib(pids):
    """Sum of the proportional set sizes, KiB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def anonymous_kib(pids):
    """Memory that is no file's, KiB: unlike the proportional size it does not change with what others map."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                total += int(line.split()[1])
    return total


def cpu_s(pids):
    """Processor seconds, user and system, that these processes have used."""
    tick = os.sysconf("SC_CLK_TCK")
    return sum(int(f[11]) + int(f[12]) for f in map(stat, pids)) / tick
