"""A process that has as many threads as it may have."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def none_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have no thread be started, as Python says it."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        yield
