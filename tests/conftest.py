import collections
import signal
from collections.abc import Sequence

import pytest

# Where a shell has started the tests in the background SIGINT is ignored, and would be in all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have those files begin first that may take longest, so that no process works on long after the others.

    Those that need the same kinds of threads follow each other, for a node of another kind takes seconds to start.
    """
    counts = collections.Counter(item.path for item in items)
    patience = collections.Counter[object]()
    for item in items:
        if marker := item.get_closest_marker("timeout"):
            patience[item.path] = max(patience[item.path], marker.args[0])
    items.sort(key=lambda item: (-patience[item.path], -len(_kinds(item)), -counts[item.path]))


def _kinds(item: pytest.Item) -> Sequence[str]:
    found: Sequence[str] = getattr(getattr(item, "module", None), "CONCURRENCY", ())
    return found
