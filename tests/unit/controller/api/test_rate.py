"""Who asks too often is told so, but only by an API that can count."""

import threading

import falcon
import pytest
from falcon import testing

from vethagent.controller.api.rate import RateLimit, TooManyRequests


def ask(limit: RateLimit) -> None:
    limit.process_request(falcon.Request(testing.create_environ()), falcon.Response())


def test_without_a_thread_everybody_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    limit = RateLimit(1)
    limit._limiter.storage.timer.join(60)  # type: ignore[attr-defined]  # the one that it has begun with
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        for _ in range(3):
            ask(limit)
    with pytest.raises(TooManyRequests):
        for _ in range(100):
            ask(limit)
