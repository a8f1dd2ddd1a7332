"""Certificates and signatures for the tests, by the program `openssl`: nothing secret is kept."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from consumer.core.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable

_EC: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_HOST: Final = "subjectAltName=IP:127.0.0.1,DNS:localhost\n"
_CONFIG: Final = """[here]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
[any]
organizationName = optional
organizationalUnitName = optional
commonName = supplied
"""


class Identity(NamedTuple):
    """A certificate and its key, each a PEM file."""

    certificate: Path
    key: Path

    def together(self) -> Path:
        """Return a file with both, the key first, as Kafka's PEM key stores hold them."""
        both = self.key.with_suffix(".both.pem")
        both.write_text(self.key.read_text() + self.certificate.read_text())
        return both


class Authority:
    """An authority of its own; its files lie in *folder*, which it makes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate = folder / "authority.pem"
        self._key = folder / "authority.key"
        subject = ["-days", "2", "-subj", f"/CN={folder.name}"]
        files = ["-keyout", str(self._key), "-out", str(self.certificate)]
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        openssl(["req", "-x509", *_EC, *subject, *usage, *files])

    def issue(self, name: str, *, days: int = 2, hosts: str = _HOST, role: str = "") -> Identity:
        """Return a certificate for *name* on this machine, valid for *days* from now.

        A negative number makes one that expired so many days ago. *hosts* are other names than this
        machine's, as openssl's extensions; *role* comes before the name, such as `/O=admins`.
        """
        made = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request = self._folder / f"{name}.request"
        files = ["-keyout", str(made.key), "-out", str(request)]
        openssl(["req", *_EC, "-subj", f"{role}/CN={name}", *files])
        extensions = self._folder / "host.extensions"
        extensions.write_text(f"{hosts}authorityKeyIdentifier=keyid\n")
        # `openssl x509` of 3.6 makes none that has expired, and that of 3.0 knows no other start.
        config = self._folder / "authority.config"
        config.write_text(_CONFIG.format(folder=self._folder))
        (self._folder / "index").write_text("")  # the same name may be issued again
        today = datetime.fromtimestamp(SystemClock().wall_s(), UTC)
        begins, ends = (
            f"{today + timedelta(days=number):%Y%m%d%H%M%SZ}" for number in (min(days, 0) - 1, days)
        )
        openssl(
            [
                *("ca", "-batch", "-notext", "-preserveDN", "-create_serial"),
                *("-config", str(config), "-name", "here", "-startdate", begins, "-enddate", ends),
                *("-cert", str(self.certificate), "-keyfile", str(self._key)),
                *("-in", str(request), "-out", str(made.certificate), "-extfile", str(extensions)),
            ]
        )
        return made


class Signer:
    """An RSA key that signs tokens; `jwk` is what others check them with."""

    def __init__(self, folder: Path) -> None:
        self._key = folder / "tokens.key"
        openssl(["genrsa", "-out", str(self._key), "2048"])

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as RFC 7517 writes it."""
        printed = openssl(["rsa", "-in", str(self._key), "-noout", "-modulus"]).decode()
        modulus = bytes.fromhex(printed.strip().removeprefix("Modulus="))
        exponent = b"\x01\x00\x01"  # 65537, openssl's own choice
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": "tests",
            "n": base64url(modulus),
            "e": base64url(exponent),
        }

    def sign(self, text: bytes) -> bytes:
        """Return the RS256 signature of *text*."""
        return openssl(["dgst", "-sha256", "-sign", str(self._key)], text)


def base64url(content: bytes) -> str:
    """Return *content* as JSON Web Tokens write it: base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def openssl(arguments: Iterable[str], text: bytes = b"") -> bytes:
    """Run openssl and return its output; skip the test where there is no such program."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("the certificates of this test are made by the program openssl")
    done = subprocess.run([program, *arguments], input=text, capture_output=True, check=True)
    return done.stdout
