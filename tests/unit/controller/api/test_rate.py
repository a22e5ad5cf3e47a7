"""Who asks too often is told so."""

import types

import falcon
import pytest
from falcon import testing

from tests.support import threads
from vethagent.controller.api import rate


def ask(limit: rate.RateLimit, address: str = "192.0.2.1") -> bool:
    try:
        limit.process_request(falcon.Request(testing.create_environ(remote_addr=address)), falcon.Response())
    except rate.TooManyRequests:
        return False
    return True


def test_it_counts_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each request is not to be had when there are many, and two requests at once began the same."""
    clock = types.SimpleNamespace(monotonic=lambda: 1000.0)
    monkeypatch.setattr(rate, "time", clock)
    with threads.none_left(monkeypatch):
        limit = rate.RateLimit(2)
        assert [ask(limit) for _ in range(4)] == [True, True, False, False]
        assert ask(limit, "192.0.2.2")
        clock.monotonic = lambda: 1001.0
        assert [ask(limit) for _ in range(3)] == [True, True, False]
