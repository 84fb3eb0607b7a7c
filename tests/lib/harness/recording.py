"""What passed the gateway's outer side while a test ran, opened under the clients' secrets when it is over."""
from . import capture
from .decrypter import Decrypted
from .raw import DATA


class Recording:
    """keylog: the file that clients append their secrets to."""

    def __init__(self, world, folder):
        self._world = world
        self.path, self.keylog = folder / "whole.pcap", folder / "secrets"
        self.keylog.touch()
        self._capture = capture.Capture("gw", self.path, snaplen=0)

    def stop(self, keep=False):
        self._capture.stop()
        if not keep:
            self.path.unlink(missing_ok=True)

    def _decrypted(self):
        self._capture.finish(self._world.client(1))
        return Decrypted(*capture.read(self.path), self.keylog.read_text())

    def opened(self):
        """The Decrypted. Every protected record of the run opened, each under the number that was due, and no key has
        sealed two under one nonce."""
        all_ = self._decrypted()
        assert self._capture.lost == 0, "the capture has holes"
        assert not all_.books.faults, "\n".join(all_.books.faults[:20])
        return all_

    def faults(self):
        """For the report of a test that failed before it asked: a peer may have noticed first."""
        return "\n".join(self._decrypted().books.faults[:20]) or "none"


def handed_over(tls):
    """Whether a connection's keys sealed records of a portal (HTTP) and behind them ones of a tunnel process (CSTP)."""
    said = [r.plain for r in tls.down if r.kind == DATA]
    http = [i for i, plain in enumerate(said) if plain.startswith(b"HTTP/1.1 200 ")]
    cstp = [i for i, plain in enumerate(said) if plain.startswith(b"STF\1")]
    return bool(http and cstp) and max(http) < min(cstp)
