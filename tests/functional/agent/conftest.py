"""Two nodes for the whole run and each kind of threads; a test gets one of them clean and leaves it so.

A module runs on eventlet, or on what its CONCURRENCY says. Some name both; of the others half name native threads, so
that each kind sees its share and nothing takes twice as long. Of two that are about the same thing one does.
"""

from collections.abc import Generator, Iterator

import pytest

from tests.functional.agent import foreign, half_done
from tests.functional.agent.node import Node

_running: list[Node] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module on each kind of threads that it names."""
    kinds = getattr(metafunc.module, "CONCURRENCY", ("eventlet",))
    if "session_node" in metafunc.fixturenames:
        metafunc.parametrize("session_node", kinds, indirect=True, scope="session")
    if "fragile_node" in metafunc.fixturenames:
        metafunc.parametrize("fragile_node", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def session_node(request: pytest.FixtureRequest, _machine: None) -> Iterator[Node]:
    """The node itself."""
    with Node(str(request.param)) as made:
        _running.append(made)
        yield made
        _running.remove(made)
        assert made.allinone.stop() == 0


@pytest.fixture
def node(session_node: Node) -> Iterator[Node]:
    """The node; all that the test leaves is unplugged after it, without a trace."""
    yield session_node
    session_node.clean()


@pytest.fixture(scope="session")
def fragile_node(request: pytest.FixtureRequest, _machine: None) -> Iterator[Node]:
    """A node that reports each second, for tests which end processes or wait for a second look."""
    with Node(str(request.param), report_interval=1) as made:
        _running.append(made)
        yield made
        _running.remove(made)


@pytest.fixture
def fragile(fragile_node: Node) -> Iterator[Node]:
    """That node; after the test it runs again and is clean."""
    yield fragile_node
    if not fragile_node.host.ovs.server.running:
        fragile_node.host.ovs.start_server()
    if not fragile_node.host.ovs.switch.running:
        fragile_node.host.ovs.switch.start()
    if not fragile_node.allinone.running:
        fragile_node.start()
    fragile_node.clean()


@pytest.fixture(scope="module")
def work(fragile_node: Node) -> Iterator[half_done.Work]:
    """Links among foreign devices; all that was there before is there after it, as it was."""
    before = fragile_node.picture()
    foreign.crowd(fragile_node.host)
    yield half_done.Work(fragile_node)
    if not fragile_node.allinone.running:
        fragile_node.start()
    fragile_node.set_mode("enforce")
    fragile_node.clean()
    assert fragile_node.picture() == before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the log with a failure."""
    report = yield
    if report.failed:
        for made in _running:
            report.sections.append((f"{made.allinone.name} in {made.host.namespace.name}", made.allinone.tail(40)))
    return report
