"""Self-signed server certificates from the openssl command."""
import base64
import hashlib
import subprocess

from . import netns

NAME = "vpn.example"
KINDS = {"rsa": ["rsa:2048"], "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}


class Certificate:
    """Paths of a PEM certificate and its key (readable by root alone), and what openconnect's --servercert wants."""

    def __init__(self, folder, kind):
        self.kind = kind
        self.cert = folder / f"{kind}.pem"
        self.key = folder / f"{kind}.key"
        subject_names = f"DNS:{NAME},IP:{netns.GATEWAY4},IP:{netns.GATEWAY6}"
        _openssl("req", "-x509", "-nodes", "-newkey", *KINDS[kind], "-keyout", str(self.key), "-out", str(self.cert),
                 "-days", "30", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName={subject_names}",
                 "-addext", "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign",
                 "-addext", "extendedKeyUsage=serverAuth")
        self.key.chmod(0o600)
        public = _openssl("x509", "-in", str(self.cert), "-noout", "-pubkey")
        der = _openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
        self.pin = "pin-sha256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def _openssl(*argv, stdin=None):
    done = subprocess.run(["openssl", *argv], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {argv[0]}: {done.stderr.decode()}")
    return done.stdout
