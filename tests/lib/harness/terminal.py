"""A program on a terminal of its own, with somebody who answers its questions."""
import os
import pty
import re
import select
import termios
import time

PASSWORD = rb"(E|Re-e)nter password"


def on_terminal(args, answers):
    """Each answer is typed when its question is there: (how its line begins, answer), or the answer alone to a question for
    a password. Gives all that the terminal showed, and the exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execvp(args[0], args)
        except OSError as e:
            os.write(1, str(e).encode())
        finally:  # only when it failed: a second pytest must not go on from here
            os._exit(127)
    shown = b""
    seen = 0  # how much of it was there when the last answer was typed
    answers = [a if isinstance(a, tuple) else (PASSWORD, a) for a in answers]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            got = os.read(fd, 4096)
        except OSError:
            got = b""
        if not got:
            break
        shown += got
        if answers and re.search(rb"(^|\n)" + answers[0][0] + rb"[^\n]*: *$", shown[seen:]):
            question, answer = answers.pop(0)
            if question == PASSWORD:
                _wait_mute(fd)
            os.write(fd, answer)
            seen = len(shown)
    os.close(fd)
    return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _wait_mute(fd):
    """The prompt may be seen before the echo is off; typing earlier would be flushed away."""
    deadline = time.monotonic() + 10
    while termios.tcgetattr(fd)[3] & termios.ECHO and time.monotonic() < deadline:
        select.select([], [], [], 0.01)
