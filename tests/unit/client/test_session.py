"""Addresses, and when the environment's proxy counts."""

import pytest
from keystoneauth1 import noauth

from vethagent.client import session


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        ("http://127.0.0.1:9798", "http://127.0.0.1:9798"),
        ("http://127.0.0.1:9798/", "http://127.0.0.1:9798"),
        ("https://api.example/veth/v1/", "https://api.example/veth"),
        ("http://[::1]:9798/v1", "http://[::1]:9798"),
    ],
)
def test_address(typed: str, used: str) -> None:
    assert session.check_api_url(typed) == used


@pytest.mark.parametrize(
    "typed", ["", "localhost:9798", "http://", "ftp://h", "http://h:x", "http://h:0", "http://[::1"]
)
def test_wrong_address(typed: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        session.check_api_url(typed)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:9798", False),
        ("http://[::1]:9798", False),
        ("http://localhost:9798", False),
        ("http://api.example", True),
        (None, True),
    ],
)
def test_proxy_of_the_environment(url: str | None, asked: bool) -> None:
    assert session.make_session(noauth.NoAuth(), api_url=url).session.trust_env is asked
