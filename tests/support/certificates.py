"""A certificate that is its own authority."""

import pathlib

from tests.support import commands


def make(folder: pathlib.Path, *, address: str = "127.0.0.1") -> tuple[pathlib.Path, pathlib.Path]:
    """Return the paths of a new certificate for an IP ``address`` and of its key, in ``folder``, as PEM."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    commands.run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{address}"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    return certificate, key
