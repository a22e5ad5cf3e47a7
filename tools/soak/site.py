"""One host of the soak: links that nobody touches, one that is sabotaged, and some that come and go."""

import contextlib
import http.client
import pathlib
import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from tests.support import asked, commands, deployment, firewall, rabbit, rest, traffic, whole
from tools.soak import strangers, verdict
from tools.soak.record import Record
from tools.soak.watch import PATIENCE, Watch
from vethagent import model
from vethagent.agent.standing import Standing
from vethagent.agent.store import Store
from vethagent.plumbing import naming

KERNEL, SWITCH = "through the kernel", "through Open vSwitch"
#: The devices of the link that is sabotaged.
VICTIM = ("phy-br1", "eth1-br1")
#: Seconds between two pings. The userspace datapath is in the thread of ovs-vswitchd that does all else, and stands
#: still while that waits for the kernel or its database; the socket of a port keeps some 270 packets meanwhile. On a
#: machine with ten times as much to do as it can it waited for the kernel's lock of all devices for up to 48 s.
_UNHURRIED = 0.2
#: What is waited for is to come soon.
_OPTIONS = {"report_interval": "3", "helper_timeout": "3"}
#: Linux bridges whose links to ``br-eth2`` come and go, and so do all of these.
_RESTLESS = ("c1", "c2", "c3")
#: Linux bridges in which nothing is but for the time of an act.
SPARE = ("d1", "d2")


class Site(asked.Asked):
    """A host with its agent. One thread acts on it."""

    def __init__(self, made: deployment.Deployment, name: str, *, concurrency: str, record: Record) -> None:
        api = rest.PatientRest(made.network, patience=PATIENCE)
        super().__init__(api, made.add_node(name, concurrency=concurrency, agent=_OPTIONS))
        self._record = record
        #: Whether somebody keeps it from the bus, so that nobody is to wait for its reports.
        self.cut_off = False
        self.restless = (*_RESTLESS, "br-eth2")
        for bridge in ("br2", "calm1", "calm2", *SPARE, *_RESTLESS):
            self.host.linux_bridge(bridge)
        for bridge in ("br-eth2", "calm3"):
            self.host.ovs_bridge(bridge)
        addresses = {"br2": "192.0.2.3", "calm1": "198.51.100.1", "calm2": "198.51.100.2", "calm3": "198.51.100.3"}
        self.guests = {bridge: self.host.guest(bridge, f"{address}/24") for bridge, address in addresses.items()}
        self.watches = {
            way: Watch(way, self.guests["calm1"], self.guests[target], record, interval=interval, hint=hint)
            for way, target, interval, hint in (
                (KERNEL, "calm2", 0.01, str),
                (SWITCH, "calm3", _UNHURRIED, self._standstills),
            )
        }
        #: As they were wanted in generations that are over.
        self.past: list[rest.Link] = []
        self._calm: dict[str, int] = {}
        self.strangers = strangers.Strangers(self.host)
        self.begin()

    def settle(self) -> None:
        """Plug what stays, and begin to watch."""
        for bridge in ("calm2", "calm3"):
            self.plug(bridge, [{"bridge": "calm1"}, {"bridge": bridge}])
        self.take_stock()
        ends = zip(("br1", "br-eth1"), VICTIM, strict=True)
        self.plug("victim", [{"bridge": bridge, "device": device} for bridge, device in ends])
        self.strangers.begin()
        for watch in self.watches.values():
            watch.begin()

    def wait_until_confirmed(self) -> None:
        """Wait until nothing of what stays would be taken back if the host lost the bus."""
        self.wait_for(self._unproven, "the end of all trials")

    def _unproven(self) -> list[str]:
        with contextlib.closing(Store(str(self.store))) as store:
            standings = store.standings()
        proven = {link_id for link_id, (_, standing) in standings.items() if standing is Standing.PROVEN}
        return [name for name, link in self.links.items() if link["id"] not in proven]

    def take_stock(self) -> None:
        """Take the devices of links that nobody touches for those of the beginning."""
        self._calm = self._indexes()

    # -- links that come and go -------------------------------------------------------------------------------------

    def churn(self, rng: random.Random) -> str:
        """Create, change or delete one of the links that come and go, and wait for it; return which it was."""
        bridge = rng.choice(_RESTLESS)
        if bridge not in self.links:
            ends: list[rest.Link] = [{"bridge": bridge}, {"bridge": "br-eth2", "tag": rng.choice([None, 7])}]
            named = rng.random() < 0.5
            if named:
                ends[0]["device"], ends[1]["device"] = f"one-{bridge}", f"two-{bridge}"
            if named and rng.random() < 0.3:
                self._adopt(bridge, ends)
                return "link created that adopts a pair"
            self.plug(bridge, ends)
            return "link created"
        if rng.random() < 0.5:
            self._change(bridge, mtu=rng.choice([1400, 1450, 1500]))
            return "link changed"
        self.unplug(bridge)
        return "link deleted"

    def remove_all(self) -> None:
        """Unplug everything, and wait until it is gone."""
        for name in list(self.links):
            self.unplug(name)

    def _adopt(self, bridge: str, ends: list[rest.Link]) -> None:
        """Somebody has made the pair by hand, which becomes the link as it is."""
        names = [end["device"] for end in ends]
        for number, end in enumerate(ends):
            end["mac"] = f"0e:00:00:00:{_RESTLESS.index(bridge):02x}:{number:02x}"
        first, second = (f"name {end['device']} address {end['mac']}" for end in ends)
        self.batch(f"link add {first} type veth peer {second}")
        self.host.run("ethtool", "--offload", names[0], "tx", "off")
        self.batch(f"link set {names[0]} master {bridge} up", f"link set {names[1]} up")
        tag = [] if ends[1]["tag"] is None else [f"tag={ends[1]['tag']}"]
        self.host.vsctl("add-port", "br-eth2", names[1], *tag)
        before = self._indexes(*names)
        self.plug(bridge, ends, adopt=True)
        assert self._indexes(*names) == before, f"{names} were made anew"

    def plug(self, name: str, ends: list[rest.Link], **options: object) -> None:
        """Ask for a link and wait for it."""
        answer = self.ask(name, ends, **options)
        assert answer.status == http.client.CREATED, answer
        self.wait_until_whole(name)

    def ask(self, name: str, ends: list[rest.Link], **options: object) -> rest.Answer:
        """Ask for a link, which may be refused."""
        # With an id it is the same link if it has to be asked for again, as the API was killed.
        wanted = {"id": str(uuid.uuid4()), "host": self.host.name, "ends": ends, **options}
        answer = self.api.request("POST", "/v1/bridge-links", wanted)
        if answer.status == http.client.OK:
            answer = answer._replace(status=http.client.CREATED)  # by the request that was not answered
        if answer.status == http.client.CREATED:
            self.links[name] = answer.body
            self._record.link("created")
        return answer

    def _change(self, name: str, **fields: object) -> None:
        self._patch(name, **fields)
        self.wait_until_whole(name)

    def _patch(self, name: str, **fields: object) -> None:
        self.past.append(self.links[name])
        answer = self.api.request("PATCH", f"/v1/bridge-links/{self.links[name]['id']}", fields)
        assert answer.status == 200, answer
        self.links[name] = answer.body
        self._record.link("changed")

    def unplug(self, name: str) -> None:
        """Delete a link and wait for the end of it."""
        link = self.links.pop(name)
        self.past.append(link)
        self.api.delete(link["id"])
        self._record.link("deleted")
        self.wait_for(lambda: sorted({link["id"]} & whole.Snapshot(self.host).marked()), f"the end of {name}")
        # Its names are free when the controller has heard of it, which may take longer.
        self.api.wait_until_gone(link["id"], timeout=PATIENCE)

    def forget(self, name: str) -> None:
        """Have the controller forget a link, whatever its agent says."""
        link = self.links.pop(name)
        self.past.append(link)
        answer = self.api.request("DELETE", f"/v1/bridge-links/{link['id']}?force=true")
        assert answer.status in (http.client.ACCEPTED, http.client.NOT_FOUND), answer
        self._record.link("deleted")

    def ask_again(self) -> None:
        """Have what was taken back plugged again by a change, as somebody does who has looked into it."""

        def defects() -> list[str]:
            for shown in self.api.links(f"host={self.host.name}"):
                if shown["reason"] == "CONNECTIVITY_LOST" and shown["observed_generation"] == shown["generation"]:
                    (name,) = (name for name, link in self.links.items() if link["id"] == shown["id"])
                    self._patch(name, mtu=1450 if shown["mtu"] == 1400 else 1400)
            return self.defects()

        self.wait_for(defects, "what was taken back")

    # -- what else is done to it ------------------------------------------------------------------------------------

    def set_mode(self, mode: str) -> None:
        """Set the mode of the agent and wait until it is so."""
        path = f"/v1/agents/{self.host.name}"
        answer = self.api.request("PATCH", path, {"mode": mode})
        assert answer.status == 200, answer
        self.wait_for(lambda: [] if self.api.get(path)["reported_mode"] == mode else [path], f"mode {mode}")

    def delete_bridge(self, bridge: str) -> None:
        """Delete a bridge that comes and goes."""
        if bridge in self.host.ovs_bridges:
            self.host.vsctl("del-br", bridge)
        else:
            self.host.ip("link", "delete", bridge)

    def make_bridge(self, bridge: str) -> None:
        """Make a bridge that was deleted."""
        (self.host.ovs_bridge if bridge in self.host.ovs_bridges else self.host.linux_bridge)(bridge)

    @contextlib.contextmanager
    def unwatched(self, *ways: str) -> Iterator[None]:
        """What passes on these ways does not count while the block lasts.

        The userspace datapath passes nothing while ovs-vswitchd is not there or waits for its database.
        """
        for way in ways:
            self.watches[way].end()
        yield
        for way in ways:
            self.watches[way].begin()

    @contextlib.contextmanager
    def without_bus(self) -> Iterator[None]:
        """While the block lasts all packets from and to the broker are dropped on the host."""
        self.cut_off = True
        with firewall.unreached(self.host.namespace, rabbit.PORT):
            yield

    def wait_until_heard(self) -> None:
        """Wait for a report of the agent, which the bus was taken from."""
        before = self._reported_at()
        self.wait_for(lambda: ["no report"] if self._reported_at() == before else [], "a report")
        self.cut_off = False

    def _reported_at(self) -> str:
        return str(self.api.get(f"/v1/agents/{self.host.name}")["reported_at"])

    @property
    def store(self) -> pathlib.Path:
        """The file in which the agent keeps what is wanted."""
        return self.node.agent.folder / "agent.sqlite"

    # -- how it is --------------------------------------------------------------------------------------------------

    def wait_until_whole(self, *names: str) -> None:
        """Wait until kernel and OVSDB show links as they are wanted."""
        self.wait_for(lambda: self.defects(*names), " and ".join(names) or "all links")

    def wait_until_carries(self) -> None:
        """Wait until the link that is sabotaged is as it is wanted, and packets pass over it."""
        self.wait_until_whole("victim")
        traffic.wait_for_ping(self.node.guest1, self.node.guest2.address, timeout=PATIENCE)

    def wait_until_clean(self) -> None:
        """Wait until nothing is there that should not be."""
        self.wait_for(self.surplus, "nothing that is left over")

    def wait_for_error(self, name: str, reason: str) -> rest.Link:
        """Wait until the controller knows why a link is not as it is wanted; return it."""
        seen: rest.Link = {}

        def differs() -> list[str]:
            seen.update(self.api.get(f"/v1/bridge-links/{self.links[name]['id']}"))
            told = (seen["status"], seen["reason"])
            return [] if told == ("ERROR", reason) else [str(told)]

        self.wait_for(differs, reason)
        return seen

    def marks(self, name: str) -> set[str]:
        """Return the id of a link if there is anything of it on the host."""
        return {str(self.links[name]["id"])} & whole.Snapshot(self.host).marked()

    def device_settings(self, *names: str) -> list[dict[str, Any]]:
        """Return what tells whether somebody has changed a device."""
        devices = whole.Snapshot(self.host).devices
        keys = ("ifname", "ifindex", "address", "mtu", "master", "ifalias", "txqlen", "group", "link")
        return [{key: devices[name].get(key) for key in keys} for name in names]

    def wait_until_told(self) -> None:
        """Wait until the controller knows that the link that is sabotaged is not as it is wanted."""
        path = f"/v1/bridge-links/{self.links['victim']['id']}"
        self.wait_for(lambda: [] if self.api.get(path)["differences"] else [path], "what is wrong with it")

    def flapped(self) -> list[str]:
        """Return which devices of links that nobody touches are not those that were there at the beginning."""
        now = self._indexes()
        others = [name for name, index in self._calm.items() if now.get(name) != index]
        return [f"{self.host.name}: {name} is another one" for name in others]

    def misnumbered(self) -> list[str]:
        """Return which port events were lost or counted twice: each agent numbers its own, from 1 on."""
        events, after = [], 0
        while page := self.api.events(f"host={self.host.name}&limit=1000&after={after}"):
            events += page
            after = page[-1]["id"]
        return [f"{self.host.name}: {sentence}" for sentence in verdict.misnumbered([each["seq"] for each in events])]

    def _indexes(self, *names: str) -> dict[str, int]:
        """Return the ifindexes of devices, of those of the links that nobody touches if there are no names."""
        calm = (self.links[name] for name in ("calm2", "calm3") if not names)
        links = [model.BridgeLink.model_validate(link) for link in calm]
        wanted = names or [end.device for link in links for end in naming.wanted_ends(link)]
        devices = whole.Snapshot(self.host).devices
        return {name: devices[name]["ifindex"] for name in wanted if name in devices}

    def _standstills(self) -> str:
        """Return what ovs-vswitchd tells of times in which it stood still, as when the kernel made it wait."""
        lines = self.host.ovs.switch.log.read_text(errors="replace").splitlines()
        found = [line for line in lines if "Unreasonably long" in line]
        return "".join(f"; ovs-vswitchd: {line}" for line in found[-3:])

    def started_at(self) -> str:
        """Return when the agent was started that was heard last."""
        return str(self.api.get(f"/v1/agents/{self.host.name}")["started_at"])

    def wait_for_another_agent(self, started_at: str) -> None:
        """Wait until an agent is heard and in step that was started at another time."""

        def is_another() -> bool:
            assert not self._record.aborted.is_set(), "given up"
            return bool(self.api.wait_for_agent(self.host.name, timeout=PATIENCE)["started_at"] != started_at)

        commands.wait_until(is_another, what=f"another agent on {self.host.name}", timeout=PATIENCE)

    def wait_for(self, defects: Callable[[], list[str]], what: str) -> None:
        """Wait until there are no defects of ``what`` any more."""
        seen: list[str] = []

        def none() -> bool:
            assert not self._record.aborted.is_set(), "given up"
            seen[:] = defects()
            return not seen

        try:
            commands.wait_until(none, what=f"{what} on {self.host.name}", timeout=PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}: {'; '.join(seen)}") from None
