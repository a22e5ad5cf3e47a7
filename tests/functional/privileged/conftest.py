"""The helper's batch in this process, on the kernel of a namespace of its own."""

from collections.abc import Iterator

import pytest

from tests.functional.privileged.kernel import Kernel
from tests.support import namespaces
from vethagent.privileged import default


@pytest.fixture(scope="session")
def _session_kernel(_machine: None) -> Iterator[Kernel]:
    # The entry points of the context are then plain calls, made with the rights of root.
    default.set_client_mode(False)
    with namespaces.Namespace("kernel") as namespace:
        yield Kernel(namespace)
    default.set_client_mode(True)


@pytest.fixture
def kernel(_session_kernel: Kernel) -> Iterator[Kernel]:
    """An empty namespace with a bridge ``br1``; emptied again after the test."""
    _session_kernel.bridge("br1")
    yield _session_kernel
    _session_kernel.empty()
