"""Who asks too often is told so, but only by an API that can count."""

import falcon
import pytest
from falcon import testing

from tests.support import threads
from vethagent.controller.api.rate import RateLimit, TooManyRequests


def ask(limit: RateLimit) -> None:
    limit.process_request(falcon.Request(testing.create_environ()), falcon.Response())


def test_without_a_thread_everybody_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = RateLimit(1)
    limit._limiter.storage.timer.join(60)  # type: ignore[attr-defined]  # the one that it has begun with
    with threads.none_left(monkeypatch):
        for _ in range(3):
            ask(limit)
    with pytest.raises(TooManyRequests):
        for _ in range(100):
            ask(limit)
