"""A process dies or stands still between two steps of a batch: at the end all is as wanted, and nothing else is left.

Every point in the code is walked, found by its name, in a batch that plugs, unplugs, changes and repairs links. The two
kinds of threads share the helper's; to walk each of them on each::

    VETHAGENT_CHAOS=1 tox -e functional -- tests/functional/agent/test_half_done.py
"""

import contextlib
import http.client
import os
import signal
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.functional.agent import foreign
from tests.functional.agent.node import HOST, LINUX, OVS, Node, condition
from tests.support import commands, points, rest

CONCURRENCY = ("eventlet", "threading")
POINTS = points.names()
HELPER = [name for name in POINTS if name.startswith("helper-")]
_EACH = bool(os.environ.get("VETHAGENT_CHAOS"))
_SHARE = len(HELPER) if _EACH else (len(HELPER) + 1) // 2
#: Those of the agent that have a test of their own.
START, TAKE_BACK = "agent-answered", ("agent-half-made", "agent-taken-back")
AGENT = [name for name in POINTS if name.startswith("agent-") and name not in (START, *TAKE_BACK)]
#: The pairs are there and their ports are not.
MADE = "agent-operated"
#: A repair need not come to these: it keeps nothing new.
KEPT = ("agent-saved", "agent-storing")
#: Three bridges of their own, so that a pair without an OVS end comes and goes too.
SPARE = ("lb0", "lb1", "lb2")


class Work:
    """Links, and rounds of which each is one batch of all that can happen to a link."""

    def __init__(self, node: Node) -> None:
        self.node = node
        for bridge in SPARE:
            node.host.linux_bridge(bridge)
        self._number = 0
        #: When the agent was started that had this round to do.
        self.began_with = ""
        # Not after the first plug: for a moment of it a bridge has the address of its port.
        self._before = self._foreign()
        self._links = self._plug()
        self._changing = node.create("br2", "br-eth2", mtu=1400)
        self._finish()

    def round(self, strike: Callable[[], None], struck: Callable[[], None], *, whole: bool = False) -> None:
        """Have a batch done after ``strike``; ``struck`` waits for what befalls it. Then check everything.

        Some of it may arrive late and be done in a second batch, unless it has to be ``whole``, which takes longer.
        """
        self._number += 1
        self.began_with = self.node.started_at()
        going, self._links = self._links, []
        self.node.set_mode("paused")
        for link in going:
            self.node.api.delete(link["id"])
        self._links = self._plug()
        tag = self._number % 4000 + 1
        ends = [{"bridge": "br2"}, {"bridge": "br-eth2", "tag": tag}]
        # From and to what the bridges have themselves, which have to keep it.
        mtu = 1500 if self._number % 3 == 1 else 1300 + self._number
        self._changing = self.node.patch(self._changing, ends=ends, mtu=mtu)
        if whole:
            condition(lambda: self.node.api.get(f"/v1/agents/{HOST}")["desired_in_step"], True, "all of it arrived")
        strike()
        self._enforce()
        struck()
        self.node.set_mode("enforce")  # it may have died before it heard of it
        for link in going:
            self.node.api.wait_until_gone(link["id"], timeout=30)
        self._finish()

    def repair(self, strike: Callable[[], None], struck: Callable[[], None]) -> None:
        """As ``round``; the batch repairs links which are not there any more, or are not as they were."""
        self.began_with = self.node.started_at()
        self.node.set_mode("paused")
        _, spare = (link["observed"] for link in self._links)
        port = self._links[0]["observed"][1]["device"]
        self.node.host.vsctl("del-port", port)
        self.node.batch(
            f"link delete {spare[0]['device']}",
            f"link set {port} down mtu 1000",
            f"link delete {self._changing['observed'][0]['device']}",
        )
        strike()
        self._enforce()
        struck()
        self.node.set_mode("enforce")  # it may have died before it heard of it
        commands.wait_until(self._are_whole, what="the repair", timeout=30)
        self._finish()

    def _enforce(self) -> None:
        # It may be struck before it has answered.
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.node.api.request("PATCH", f"/v1/agents/{HOST}", {"mode": "enforce"})

    def _plug(self) -> list[rest.Link]:
        """Return two new links; with those of the last and of the next round they close no loop."""
        odd = self._number % 2
        return [self.node.create("br1", OVS[odd]), self.node.create("lb0", SPARE[1 + odd])]

    def _finish(self) -> None:
        node = self.node
        self._links = [node.wait_until_told(link) for link in self._links]
        self._changing = node.wait_until_told(self._changing)
        wanted = [*self._links, self._changing]
        for link in wanted:
            node.check(link)
        assert node.marks() == {link["id"] for link in wanted}
        assert self._foreign() == self._before

    def _are_whole(self) -> bool:
        try:
            for link in (*self._links, self._changing):
                self.node.check(self.node.wait_until_told(link))
        except AssertionError:
            return False
        return True

    def _foreign(self) -> list[object]:
        """Return what there is beside the links."""
        picture = self.node.picture()
        devices = [picture[name] for name in picture if name.startswith("for-")]
        rows = [row for table in ("Port", "Interface") for row in picture[table] if "for-" in str(row)]
        bridges = [(picture[name]["address"], picture[name]["mtu"]) for name in (*LINUX, *OVS, *SPARE)]
        return [devices, rows, bridges]


@pytest.fixture(scope="module")
def work(fragile_node: Node) -> Iterator[Work]:
    """Links among foreign devices; all that was there before is there after it, as it was."""
    before = fragile_node.picture()
    foreign.crowd(fragile_node.host)
    yield Work(fragile_node)
    if not fragile_node.allinone.running:
        fragile_node.start()
    fragile_node.set_mode("enforce")
    fragile_node.clean()
    assert fragile_node.picture() == before


def _die(work: Work, name: str) -> None:
    """Wait for the death of the process at a point, and until another one is in step."""
    node = work.node
    if node.concurrency == "eventlet":
        node.wait_for_death()
        node.start()
    else:
        node.wait_for_another(work.began_with)  # then the process has a parent, which sees to that
    assert not node.is_armed(name)


def _be_hit(node: Node, name: str) -> None:
    """Wait until somebody has come to a point."""
    condition(lambda: node.is_armed(name), False, f"{name} armed")


@pytest.mark.parametrize("name", AGENT)
def test_the_agent_is_killed(work: Work, name: str) -> None:
    node = work.node
    # What it runs its threads on makes no difference to a death, so each kind has its part of the work.
    do = work.round if node.concurrency == "eventlet" or name in KEPT else work.repair
    do(lambda: node.arm(name, "kill"), lambda: _die(work, name))


def _share(names: Sequence[str], number: int, node: Node) -> str:
    """Return one of ``names``; over all numbers the two kinds of threads together get each of them, or each kind."""
    return names[number if _EACH else (2 * number + CONCURRENCY.index(node.concurrency)) % len(names)]


@pytest.mark.parametrize("number", range(_SHARE))
def test_the_helper_is_killed(work: Work, number: int) -> None:
    node = work.node
    name = _share(HELPER, number, node)
    work.round(lambda: node.arm(name, "kill"), lambda: _be_hit(node, name))


@pytest.mark.parametrize("number", range(_SHARE))
def test_the_helper_is_stopped(work: Work, number: int) -> None:
    node = work.node
    name = _share(HELPER, number, node)
    helpers = node.helpers()
    work.round(lambda: node.arm(name, "stop"), lambda: _be_hit(node, name))
    assert set(helpers).isdisjoint(node.helpers()), "it is not left standing there"


def test_the_agent_is_killed_at_its_start(work: Work) -> None:
    node = work.node

    def die_twice() -> None:
        node.crash()
        node.arm(START, "kill")
        node.allinone.start()
        _die(work, START)

    work.round(lambda: None, die_twice)


def test_the_agent_is_killed_while_it_takes_back_what_ovsdb_did_not_take(work: Work) -> None:
    node = work.node
    point = _share(TAKE_BACK, 0, node)

    def lose_the_server() -> None:
        _be_hit(node, MADE)
        node.host.ovs.server.kill()
        try:
            node.arm(point, "kill")
            os.killpg(node.allinone.pid, signal.SIGCONT)
            _be_hit(node, point)
        finally:
            node.host.ovs.start_server()
        _die(work, point)

    work.round(lambda: node.arm(MADE, "stop"), lose_the_server, whole=True)
