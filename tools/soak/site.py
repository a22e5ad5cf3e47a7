"""One host of the soak: links that nobody touches, one that is sabotaged, and some that come and go."""

import random
from collections.abc import Callable

from tests.support import asked, commands, deployment, rest, whole
from tools.soak.record import Record
from tools.soak.watch import PATIENCE, Watch

KERNEL, SWITCH = "through the kernel", "through Open vSwitch"
#: The devices of the link that is sabotaged.
VICTIM = ("phy-br1", "eth1-br1")
#: Seconds between two pings. The userspace datapath is in the thread of ovs-vswitchd that does all else, and stands
#: still while that waits for the kernel or its database; the socket of a port keeps some 270 packets meanwhile.
_UNHURRIED = 0.05
#: What is waited for is to come soon.
_OPTIONS = {"report_interval": "3", "helper_timeout": "3"}
#: Linux bridges whose links to ``br-eth2`` come and go.
_RESTLESS = ("c1", "c2", "c3")


class Site(asked.Asked):
    """A host with its agent. One thread acts on it."""

    def __init__(self, made: deployment.Deployment, name: str, *, concurrency: str, record: Record) -> None:
        super().__init__(made.rest, made.add_node(name, concurrency=concurrency, agent=_OPTIONS))
        self._record = record
        for bridge in ("br2", "calm1", "calm2", *_RESTLESS):
            self.host.linux_bridge(bridge)
        for bridge in ("br-eth2", "calm3"):
            self.host.ovs_bridge(bridge)
        addresses = {"br2": "192.0.2.3", "calm1": "198.51.100.1", "calm2": "198.51.100.2", "calm3": "198.51.100.3"}
        self.guests = {bridge: self.host.guest(bridge, f"{address}/24") for bridge, address in addresses.items()}
        self.watches = {
            way: Watch(way, self.guests["calm1"], self.guests[target], record, interval=interval)
            for way, target, interval in ((KERNEL, "calm2", 0.01), (SWITCH, "calm3", _UNHURRIED))
        }
        #: As they were wanted in generations that are over.
        self.past: list[rest.Link] = []
        self.begin()

    def settle(self) -> None:
        """Plug what stays, and begin to watch."""
        for bridge in ("calm2", "calm3"):
            self._plug(bridge, [{"bridge": "calm1"}, {"bridge": bridge}])
        ends = zip(("br1", "br-eth1"), VICTIM, strict=True)
        self._plug("victim", [{"bridge": bridge, "device": device} for bridge, device in ends])
        for watch in self.watches.values():
            watch.begin()

    # -- links that come and go -------------------------------------------------------------------------------------

    def churn(self, rng: random.Random) -> str:
        """Create, change or delete one of the links that come and go, and wait for it; return which it was."""
        bridge = rng.choice(_RESTLESS)
        if bridge not in self.links:
            ends: list[rest.Link] = [{"bridge": bridge}, {"bridge": "br-eth2", "tag": rng.choice([None, 7])}]
            if rng.random() < 0.5:
                ends[0]["device"], ends[1]["device"] = f"one-{bridge}", f"two-{bridge}"
            self._plug(bridge, ends)
            return "link created"
        if rng.random() < 0.5:
            self._change(bridge, mtu=rng.choice([1400, 1450, 1500]))
            return "link changed"
        self._unplug(bridge)
        return "link deleted"

    def remove_all(self) -> None:
        """Unplug everything, and wait until it is gone."""
        for name in list(self.links):
            self._unplug(name)

    def _plug(self, name: str, ends: list[rest.Link]) -> None:
        self.links[name] = self.api.create({"host": self.host.name, "ends": ends})
        self.wait_until_whole(name)

    def _change(self, name: str, **fields: object) -> None:
        self.past.append(self.links[name])
        answer = self.api.request("PATCH", f"/v1/bridge-links/{self.links[name]['id']}", fields)
        assert answer.status == 200, answer
        self.links[name] = answer.body
        self.wait_until_whole(name)

    def _unplug(self, name: str) -> None:
        link = self.links.pop(name)
        self.past.append(link)
        self.api.delete(link["id"])
        self._wait(lambda: sorted({link["id"]} & whole.Snapshot(self.host).marked()), f"the end of {name}")
        # Its names are free when the controller has heard of it, which may take longer.
        self.api.wait_until_gone(link["id"], timeout=PATIENCE)

    # -- how it is --------------------------------------------------------------------------------------------------

    def wait_until_whole(self, *names: str) -> None:
        """Wait until kernel and OVSDB show links as they are wanted."""
        self._wait(lambda: self.defects(*names), " and ".join(names) or "all links")

    def wait_for_another_agent(self, started_at: str) -> None:
        """Wait until an agent is heard and in step that was started at another time."""

        def is_another() -> bool:
            assert not self._record.aborted.is_set(), "given up"
            return bool(self.api.wait_for_agent(self.host.name, timeout=PATIENCE)["started_at"] != started_at)

        commands.wait_until(is_another, what=f"another agent on {self.host.name}", timeout=PATIENCE)

    def _wait(self, defects: Callable[[], list[str]], what: str) -> None:
        seen: list[str] = []

        def none() -> bool:
            assert not self._record.aborted.is_set(), "given up"
            seen[:] = defects()
            return not seen

        try:
            commands.wait_until(none, what=f"{what} on {self.host.name}", timeout=PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}: {'; '.join(seen)}") from None
