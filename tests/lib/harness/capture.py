"""tcpdump on a device of the tests' own namespace."""
import subprocess

from .wait import until


class Capture:
    """Records the first bytes of every packet, up to 200 MB, until stop()."""

    def __init__(self, device, path, snaplen=256, namespace=None):
        self.path = path
        argv = ["tcpdump", "-i", device, "-s", str(snaplen), "-w", str(path), "-U", "-Z", "root", "-C", "200", "-W", "1"]
        wrapped = namespace.command(*argv) if namespace else argv
        self._process = subprocess.Popen(wrapped, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        # The file's header is written when the device is open.
        until(lambda: self._process.poll() is not None or path.exists() and path.stat().st_size >= 24, "tcpdump records")

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
