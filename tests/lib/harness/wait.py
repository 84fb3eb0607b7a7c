"""Waiting for a condition, never for a time."""
import time

TURN_S = 0.01  # how often a condition is looked at


class Late(AssertionError):
    """A condition did not come true in time."""


def until(condition, what, seconds=15.0):
    """Returns condition()'s first true value; raises Late when none comes within seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"not within {seconds:g} s: {what}")
        time.sleep(TURN_S)


class LogFile:
    """A file that a process writes its lines to while we watch."""

    def __init__(self, path):
        self.path = path
        self.path.touch()

    def text(self, since=0):
        return self.path.read_bytes()[since:].decode("utf-8", "replace")

    def size(self):
        return self.path.stat().st_size

    def tail(self, lines=80):
        return "\n".join(self.text().splitlines()[-lines:])
