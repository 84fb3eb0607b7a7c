"""Stops a process of the gateway at the messages that it sends to others, with ptrace: nothing in it knows.

The message is known by its first two bytes, its number (src/ipc/schema.h). All calls come from one thread.
"""
import ctypes
import os
import platform
import signal
import struct
from pathlib import Path

from . import proc
from .wait import until

SEIZE, INTERRUPT, DETACH, SYSCALL, GET_SYSCALL_INFO = 0x4206, 0x4207, 17, 24, 0x420E
TRACESYSGOOD, WALL, STOPPED_AT_SYSCALL = 1, 0x40000000, signal.SIGTRAP | 0x80
ENTRY = 1
SENDMSG = {"x86_64": 46, "aarch64": 211}[platform.machine()]

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long

_snapshot = Path(__file__).resolve().parents[2] / "snapshots" / "ipc.txt"
NUMBERS = {line.split(" |")[0]: i for i, line in enumerate(
    line for line in _snapshot.read_text().splitlines() if not line.startswith("#"))}


class Tracer:
    """One traced process. It runs on when this is let go or ends."""

    def __init__(self, pid):
        self.pid = pid
        self._ask(SEIZE, data=TRACESYSGOOD)
        self._ask(INTERRUPT)
        self._wait()
        self._memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        self._go_on()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Only where a test failed in between is it still held."""
        if self.pid is not None and proc.alive(self.pid):
            self.kill()

    def _ask(self, request, address=None, data=None):
        n = _libc.ptrace(request, self.pid, address, data)
        if n < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"ptrace {request:#x}: {os.strerror(number)}")
        return n

    def _wait(self):
        _, status = os.waitpid(self.pid, WALL)
        assert os.WIFSTOPPED(status), f"the traced process ended: {status:#x}"
        return os.WSTOPSIG(status)

    def _go_on(self, number=0):
        self._ask(SYSCALL, data=number)

    def _message(self):
        """The number of the message that it is about to send; None: it does something else."""
        info = ctypes.create_string_buffer(88)
        self._ask(GET_SYSCALL_INFO, ctypes.c_void_p(len(info)), ctypes.addressof(info))
        what, number, _, header = info.raw[0], *struct.unpack_from("=3Q", info.raw, 24)
        if what != ENTRY or number != SENDMSG:
            return None
        pieces, = struct.unpack("=Q", os.pread(self._memory, 8, header + 16))  # msg_iov
        at, n = struct.unpack("=2Q", os.pread(self._memory, 16, pieces))
        return int.from_bytes(os.pread(self._memory, 2, at), "big") if n >= 2 else None

    def run_to(self, name):
        """Returns when it is about to send a message with this name: nothing of it has left."""
        while True:
            number = self._wait()
            if number == STOPPED_AT_SYSCALL:
                if self._message() == NUMBERS[name]:
                    return
                number = 0
            self._go_on(0 if number == signal.SIGTRAP else number)

    def send(self):
        """The message leaves; the process does nothing more."""
        self._go_on()
        assert self._wait() == STOPPED_AT_SYSCALL

    def let_go(self):
        """It goes on, unless somebody has killed it meanwhile."""
        try:
            self._ask(DETACH)
        except ProcessLookupError:
            os.waitpid(self.pid, WALL)
        self._end()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, WALL)
        self._end()

    def _end(self):
        os.close(self._memory)
        self.pid = None


def hold(pid):
    """The process stands still."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: proc.stat(pid)[0] in "Tt", "it stands still")


def kill(pid):
    """kill -9, and it is gone."""
    os.kill(pid, signal.SIGKILL)
    until(lambda: not proc.alive(pid), "it is gone")
