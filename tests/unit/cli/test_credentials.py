"""Whatever is wrong with address, certificate, credentials or what is between: one line that tells what to do."""

import logging
import pathlib
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.support import certificates
from tests.unit.cli.conftest import Vethctl
from tests.unit.controller import fakes
from tests.unit.controller.api import accounts, applications
from vethagent.controller.api import http_basic, keystone
from vethagent.controller.api.server import ApiServer
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness

PASSWORD = "correct horse"
BASIC = f"--os-auth-type http_basic --os-username alice --os-password {PASSWORD.replace(' ', '_')}"
KEYSTONE = "--os-auth-type password --os-username u --os-password p --os-user-domain-name d --os-system-scope all"


class Places:
    """Addresses by name, each with something that answers; files by name, in ``folder``."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.named: dict[str, str] = {}
        self._servers: list[ApiServer] = []

    def serve(self, name: str, application: Any, **tls: str) -> None:
        server = ApiServer(application, host="127.0.0.1", port=0, max_body=65536, threads=2, **tls)
        server.start()
        self._servers.append(server)
        self.named |= {name: "{}:{}".format(*server.address)}

    def stop(self) -> None:
        for server in self._servers:
            server.stop()


def saying(status: str, body: bytes, media_type: str = "text/html") -> Any:
    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [("Content-Type", media_type)])
        return [body]

    return application


@pytest.fixture(scope="module")
def places(template: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("places")
    (folder / "controller.sqlite").write_bytes(template)
    database = Database(f"sqlite:///{folder}/controller.sqlite")
    users = accounts.write(folder / "users", {"alice": PASSWORD.replace(" ", "_")})

    def application(authentication: Any) -> Any:
        return applications.build(database, fakes.AgentApi(), Liveness(75), authentication=authentication)

    places = Places(folder)
    with accounts.running() as identity:
        places.named["identity"] = identity.url.removeprefix("http://")
        certificate, key = map(str, certificates.make(folder))
        (folder / "other").mkdir()
        other, other_key = map(str, certificates.make(folder / "other", address="192.0.2.1"))
        basic = application(http_basic.HttpBasic(str(users), {}))
        places.named |= {"ca": certificate, "key": key, "other-ca": other, "none": str(folder / "none")}
        places.serve("basic", basic)
        places.serve("tls", basic, certificate=certificate, key=key)
        places.serve("elsewhere", basic, certificate=other, key=other_key)
        places.serve("keystone", accounts.validated(application(keystone.Keystone()), identity, folder))
        places.serve("page", saying("200 OK", b"<html>It works!</html>"))
        places.serve("refusing", saying("403 Forbidden", b"<html>squid</html>"))
        places.serve("gateway", saying("502 Bad Gateway", b"<html>nginx</html>"))
        places.serve("other-service", saying("200 OK", b'{"servers": []}', "application/json"))
        places.serve("numbers", saying("200 OK", b"[1, 2]", "application/json"))
        yield places
        places.stop()
    database.close()


@pytest.fixture(autouse=True)
def _servers_say_nothing() -> Iterator[None]:
    """In this process vethctl would write their logs too."""
    loggers = [logging.getLogger(name) for name in ("vethagent.controller", "oslo_middleware", "keystonemiddleware")]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    yield
    for logger in loggers:
        logger.setLevel(logging.NOTSET)


WRONG = [
    ("http://{basic}", 1, ("a user name and a password are needed", "--os-auth-type http_basic")),
    (f"http://{{basic}} {BASIC}x", 1, ("the password is another one", "--os-password")),
    ("http://{basic} " + BASIC.replace("alice", "bob"), 1, ("there is no such user", "--os-username")),
    ("http://{basic} " + BASIC + "é€", 1, ("the password is another one", "--os-password")),
    ("http://{basic} --os-auth-type http_basic --os-username alice", 1, ("password is missing", "--os-password")),
    ("https://{basic} " + BASIC, 1, ("does not speak TLS", "http://")),
    ("http://{tls} " + BASIC, 1, ("as by a server that wants https", "address")),
    ("https://{tls} " + BASIC, 1, ("self-signed certificate", "--os-cacert")),
    (f"https://{{tls}} {BASIC} --os-cacert {{other-ca}}", 1, ("self-signed certificate", "--os-cacert")),
    (f"https://{{tls}} {BASIC} --os-cacert {{none}}", 2, ("No such file", "--os-cacert")),
    (f"https://{{tls}} {BASIC} --os-cacert {{key}}", 2, ("no certificate in it", "--os-cacert")),
    (f"https://{{tls}} {BASIC} --os-cacert {{ca}} --os-cert {{none}}", 2, ("No such file", "--os-cert")),
    (f"https://{{tls}} {BASIC} --os-cacert {{ca}} --os-key {{key}}", 2, ("takes --os-cert too", "--os-key")),
    (f"https://{{elsewhere}} {BASIC} --os-cacert {{other-ca}}", 1, ("IP address mismatch", "--api-url")),
    ("http://{basic}/net " + BASIC, 1, ("there is no /net/v1/bridge-links", "check the address")),
    ("http://{basic}/v2 " + BASIC, 1, ("there is no /v2/v1/bridge-links", "check the address")),
    ("http://alice:secret@{basic}", 2, ("has no user name and password in it", "--os-password")),
    ("http://{page}", 1, ("no JSON", "check the address")),
    ("http://{refusing}", 1, ("HTTP 403", "check the address")),
    ("http://{gateway}", 1, ("HTTP 502", "not available now")),
    ("http://{other-service}", 1, ("no 'bridge_links' in it", "check the address")),
    ("http://{numbers}", 1, ("no 'bridge_links' in it", "check the address")),
    ("http://{keystone}", 1, ("a token of Keystone is needed", "--os-auth-type password")),
    ("http://{keystone} " + BASIC, 1, ("a token of Keystone is needed", "--os-auth-type password")),
    ("http://{keystone} --os-auth-type admin_token --os-endpoint x --os-token y", 1, ("a valid one", "--os-auth-type")),
    ("http://{keystone} " + KEYSTONE, 2, ("--os-auth-type password takes", "--os-auth-url")),
    (f"http://{{keystone}} {KEYSTONE} --os-auth-url http://127.0.0.1:1/v3", 1, ("connection refused", "--os-auth-url")),
    (f"http://{{keystone}} {KEYSTONE} --os-auth-url http://{{page}}", 1, ("is not Keystone", "--os-auth-url")),
    (f"http://{{keystone}} {KEYSTONE} --os-auth-url http://{{identity}}", 1, ("the role reader", "--os-system-scope")),
]


@pytest.mark.parametrize(("line", "status", "told"), WRONG)
def test_one_line_says_why_and_what_to_do(
    run: Vethctl, places: Places, line: str, status: int, told: tuple[str, str]
) -> None:
    words = [word.format(**places.named) for word in f"--api-url {line} link list".split()]
    result = run(*words)
    assert (result.status, result.out) == (status, "")
    assert [words for words in told if words not in result.err] == []
    assert len(result.err.splitlines()) == 1
    assert "secret" not in result.err


@pytest.mark.parametrize(
    "options", ["--os-cacert {ca}", "--insecure"], ids=["with the authority", "without a look at it"]
)
def test_what_is_right_says_nothing(run: Vethctl, places: Places, options: str) -> None:
    words = f"--api-url https://{places.named['tls']} {BASIC} {options} link list -f json".format(**places.named)
    assert run(*words.split()) == (0, "[]\n", "")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "http://user:secret@127.0.0.1:1"])
def test_a_proxy_that_is_not_there(run: Vethctl, monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    result = run("--api-url", f"{scheme}://api.invalid:9798", "link", "list")
    assert (result.status, len(result.err.splitlines())) == (1, 1)
    assert "through the proxy" in result.err and "connection refused" in result.err and "no_proxy" in result.err
    assert "secret" not in result.err


def test_a_proxy_that_answers_by_itself(run: Vethctl, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{places.named['refusing']}")
    result = run("--api-url", "http://api.invalid:9798", "link", "list")
    assert (result.status, len(result.err.splitlines())) == (1, 1)
    assert "asked through a proxy" in result.err


def test_somebody_who_does_not_speak_http(run: Vethctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def greet() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        result = run("--api-url", f"http://127.0.0.1:{listener.getsockname()[1]}", "link", "list")
        thread.join()
    assert (result.status, len(result.err.splitlines())) == (1, 1)
    assert "the connection was closed" in result.err and "--api-url" in result.err
