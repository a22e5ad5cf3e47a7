"""Accounts of the tests: in a file of passwords, and in a Keystone."""

import contextlib
import pathlib
import threading
from collections.abc import Iterator, Mapping
from wsgiref.types import WSGIApplication

import bcrypt
from oslo_config import cfg

from tests.unit.controller.api.identity import Identity
from vethagent.controller.api import keystone


def write(path: pathlib.Path, passwords: Mapping[str, str]) -> pathlib.Path:
    """Make ``path`` a file as htpasswd writes it, with as little work as bcrypt knows; return it."""
    digests = {name: bcrypt.hashpw(value.encode(), bcrypt.gensalt(4)).decode() for name, value in passwords.items()}
    path.write_text("".join(f"{name}:{digest}\n" for name, digest in digests.items()))
    return path


@contextlib.contextmanager
def running() -> Iterator[Identity]:
    """Run a Keystone."""
    made = Identity()
    made.start()
    thread = threading.Thread(target=made.server.serve)
    thread.start()
    try:
        yield made
    finally:
        made.server.stop()
        thread.join(10)


def configured(url: str, folder: pathlib.Path, **options: object) -> cfg.ConfigOpts:
    """Return the configuration of an API with the Keystone at ``url``; it is written to ``folder``."""
    path = folder / "api.conf"
    path.write_text(
        f"[keystone_authtoken]\nauth_type = password\nauth_url = {url}\nusername = vethagent\n"
        "password = secret\nuser_domain_name = Default\nproject_name = service\nproject_domain_name = Default\n"
        + "".join(f"{name} = {value}\n" for name, value in options.items())
    )
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)])
    return conf


def validated(application: WSGIApplication, identity: Identity, folder: pathlib.Path) -> WSGIApplication:
    """Return ``application`` behind what asks ``identity`` about tokens; its configuration is written to ``folder``."""
    return keystone.validated(application, configured(identity.url, folder))
