"""A process dies or stands still between two steps of a batch: at the end all is as wanted, and nothing else is left.

Every point in the code is walked on both kinds of threads, in a batch that plugs, unplugs, changes and repairs links.
"""

import contextlib
import http.client
import threading
from collections.abc import Iterator

from tests.functional.agent.node import HOST, LINUX, OVS, Node, condition
from tests.support import commands, freezing, rest

#: Bridges of their own: a pair without an OVS end comes and goes too, and two links are there to be harmed.
SPARE = ("lb0", "lb1", "lb2", "lb3", "lb4")
#: What the helper was asked for in a part of the batch is done.
OPERATED = "agent-operated"


class Work:
    """Links, and rounds of which each is one batch of all that can happen to a link."""

    def __init__(self, node: Node) -> None:
        self.node = node
        for bridge in SPARE:
            node.host.linux_bridge(bridge)
        self._number = 0
        # Not after the first plug: for a moment of it a bridge has the address of its port.
        self._before = self._foreign()
        self._links = self._plug()
        self._changing = node.create("br2", "br-eth2", mtu=1400)
        self._harmed = [node.create(bridge, "br-eth1") for bridge in SPARE[3:]]
        self.finish([])

    def begin(self) -> list[rest.Link]:
        """Ask for a batch and harm two links, while the agent is paused; return the links that are to go."""
        node = self.node
        self._number += 1
        going = self._links
        node.set_mode("paused")
        for link in going:
            node.api.delete(link["id"])
        self._links = self._plug()
        tag = self._number % 4000 + 1
        ends = [{"bridge": "br2"}, {"bridge": "br-eth2", "tag": tag}]
        # From and to what the bridges have themselves, which have to keep it.
        mtu = 1500 if self._number % 3 == 1 else 1300 + self._number
        self._changing = node.patch(self._changing, ends=ends, mtu=mtu)
        damaged, pulled = (link["observed"] for link in self._harmed)
        node.host.vsctl("del-port", damaged[1]["device"])
        node.batch(f"link set {damaged[1]['device']} down mtu 1000", f"link delete {pulled[0]['device']}")
        condition(lambda: node.api.get(f"/v1/agents/{HOST}")["desired_in_step"], True, "all of it arrived")
        return going

    def finish(self, going: list[rest.Link]) -> None:
        """Wait until all of a batch is done, and check everything."""
        node = self.node
        node.set_mode("enforce")  # it may have died before it heard of it
        for link in going:
            node.api.wait_until_gone(link["id"], timeout=60)
        self._links = [node.wait_until_told(link) for link in self._links]
        self._changing = node.wait_until_told(self._changing)
        commands.wait_until(self._are_mended, what="the repair")
        wanted = [*self._links, self._changing, *self._harmed]
        for link in wanted:
            node.check(link)
        assert node.marks() == {link["id"] for link in wanted}
        assert self._foreign() == self._before

    def _plug(self) -> list[rest.Link]:
        """Return two new links; with those of the last and of the next round they close no loop."""
        odd = self._number % 2
        return [self.node.create("br1", OVS[odd]), self.node.create("lb0", SPARE[1 + odd])]

    def _are_mended(self) -> bool:
        try:
            self._harmed = [self.node.wait_until_told(link) for link in self._harmed]
            for link in self._harmed:
                self.node.check(link)
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


class Batch:
    """A batch under way, and what befalls those who do it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._started_at = node.started_at()

    def strike(self, name: str, fault: str) -> None:
        """Let an agent that was stopped go on until ``fault`` has befallen who comes to a point next."""
        self.node.arm(name, fault)
        self.go_on()
        self.be_struck(name)

    def be_struck(self, name: str) -> None:
        """Wait until somebody has come to a point."""
        condition(lambda: self.node.is_armed(name), False, f"{name} armed")

    def go_on(self) -> None:
        """Let an agent that was stopped go on."""
        freezing.go_on(self.node.allinone.pid)

    def live_again(self) -> None:
        """Wait for the death of the agent, and until another one is in step."""
        if self.node.concurrency == "eventlet":
            self.node.wait_for_death()
            self.node.start()
        else:
            self.node.wait_for_another(self._started_at)  # then the process has a parent, which sees to that


@contextlib.contextmanager
def under_way(work: Work, faults: dict[str, str]) -> Iterator[Batch]:
    """Have a batch done, with these ``faults`` by the points at which they strike; in the end check everything."""
    node = work.node
    going = work.begin()
    batch = Batch(node)

    def enforce() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may be struck before it has answered
            node.api.request("PATCH", f"/v1/agents/{HOST}", {"mode": "enforce"})

    for name, fault in faults.items():
        node.arm(name, fault)
    request = threading.Thread(target=enforce)
    request.start()
    try:
        for name in faults:
            batch.be_struck(name)
        yield batch
    finally:
        request.join()
    work.finish(going)
