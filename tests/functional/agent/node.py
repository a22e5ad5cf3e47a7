"""A host with two bridges of each kind, a guest behind each, and ``vethagent-allinone`` on it."""

import contextlib
import functools
import http.client
import json
import os
import signal
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any

from tests.support import commands, freezing, hosts, lasting, processes, rest, tidy, traffic
from vethagent import faults

HOST = "compute"
#: Bridge -> address of the guest behind it.
GUESTS = {"br1": "192.0.2.1", "br2": "192.0.2.2", "br-eth1": "192.0.2.3", "br-eth2": "192.0.2.4"}
LINUX, OVS = ("br1", "br2"), ("br-eth1", "br-eth2")
FIRST, SECOND = "phy-br1", "eth1-br1"

#: An end of a pair is deleted: the kernel takes both down and out of their bridges, and then both are gone.
GOING, GONE = ("ADMIN_STATE", "NOT_ATTACHED"), ("DEVICE_MISSING",)

#: Parts of the names of what a bridge changes by itself.
_RESTLESS = ("timer", "topology_change", "message_age", "designated", "config_pending")
_COLUMNS = {
    "Bridge": "name,ports,external_ids,datapath_type,stp_enable,fail_mode",
    "Port": "name,interfaces,tag,external_ids,other_config",
    "Interface": "name,type,options,ofport,ifindex,mtu,mtu_request,external_ids,error",  # in this order
}

#: Seconds after which the agent gives up on what does not answer.
PATIENCE = "helper_timeout = 3\novsdb_timeout = 4\nwatchdog_timeout = 6"

Event = dict[str, Any]


class Node(tidy.Tidy):
    """``concurrency`` is what the process runs its threads on."""

    def __init__(self, concurrency: str = "eventlet", *, report_interval: int = 30) -> None:
        super().__init__()
        self.concurrency = concurrency
        with self._building():
            self.host = self._cleanup.enter_context(hosts.Host(HOST))
            for bridge in LINUX:
                self.host.linux_bridge(bridge)
            for bridge in OVS:
                self.host.ovs_bridge(bridge)
            self.guests = {bridge: self.host.guest(bridge, f"{address}/24") for bridge, address in GUESTS.items()}
            self._settled = frozenset(self.host.devices())
            self._faults = self.host.folder / "faults"
            self._faults.mkdir()
            env = {faults.VARIABLE: str(self._faults)}
            self.allinone = processes.make_allinone(self.host, concurrency=concurrency, env=env)
            with self.allinone.configuration.open("a") as file:
                file.write(f"[agent]\nreport_interval = {report_interval}\n{PATIENCE}\n")
            self.api = rest.Rest(self.host.namespace)
            self.start()

    def start(self) -> None:
        """Start the process and wait until its agent is in step."""
        self.allinone.start()
        self.api.wait_until_served()
        self.api.wait_for_agent(HOST)

    def crash(self) -> None:
        """Kill the process, and wait for the end of those that it started: they notice."""
        self.allinone.signal(signal.SIGKILL)
        self.wait_for_death()

    def wait_for_death(self) -> None:
        """Wait until the process has been killed, and for the end of those that it started."""
        assert self.allinone.process.wait(60) == -signal.SIGKILL
        condition(self.helpers, [], "the helpers")
        condition(self._is_served, False, "the API")

    def _is_served(self) -> bool:
        try:
            self.api.request("GET", "/")
        except OSError:
            return False
        return True

    @property
    def environment(self) -> dict[str, str]:
        """What somebody on the host has in his environment: our commands and its Open vSwitch are at hand."""
        return {**os.environ, **self.host.ovs.env, "PATH": f"{processes.COMMANDS}:{os.environ['PATH']}"}

    def type(self, text: str) -> str:
        """Return what a line for a shell prints on the host."""
        return commands.run(*self.host.namespace.command("sh", "-c", text), env=self.environment).stdout

    # -- faults --------------------------------------------------------------------------------------------------

    def arm(self, point: str, fault: str) -> None:
        """Have the next one that comes to a point killed or stopped there."""
        armed = self._faults / f".{point}"
        armed.write_text(fault)
        armed.rename(self._faults / point)

    def disarm(self, point: str) -> None:
        """Have nobody meet a fault at a point any more."""
        (self._faults / point).unlink(missing_ok=True)

    def started_at(self) -> str:
        """Return when the agent was started that was heard last."""
        return str(self.api.get(f"/v1/agents/{HOST}")["started_at"])

    def wait_for_another(self, started_at: str) -> None:
        """Wait until an agent is in step that was started at another time."""

        def is_another() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return bool(self.api.wait_for_agent(HOST)["started_at"] != started_at)
            return False

        commands.wait_until(is_another, what="another agent", timeout=30)

    def is_armed(self, point: str) -> bool:
        """Return whether nobody has come to a point that was armed."""
        return (self._faults / point).exists()

    # -- links ---------------------------------------------------------------------------------------------------

    def create(self, first: str | dict[str, Any], second: str | dict[str, Any], **fields: Any) -> rest.Link:
        """Ask for a link between two bridges; an end is a bridge's name or the whole end."""
        ends = [{"bridge": end} if isinstance(end, str) else end for end in (first, second)]
        return self.api.create({"host": HOST, "ends": ends, **fields})

    def plug(self, first: str | dict[str, Any], second: str | dict[str, Any], **fields: Any) -> rest.Link:
        """Return a link between two bridges when it is ACTIVE."""
        return self.wait(self.create(first, second, **fields), "ACTIVE")

    def plug_usual(self, **fields: Any) -> rest.Link:
        """Return the link of a Linux bridge and an OVS bridge with names of its own, ACTIVE."""
        ends = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}
        return self.plug(*ends, **fields)

    def wait(self, link: rest.Link, status: str, reason: str | None = None) -> rest.Link:
        """Return ``link`` when it has ``status``, and ``reason`` if one is given, in the generation that is wanted."""

        def reached() -> rest.Link | None:
            seen.update(self.api.get(f"/v1/bridge-links/{link['id']}"))
            current = seen["observed_generation"] == seen["generation"]
            return seen if current and seen["status"] == status and reason in (None, seen["reason"]) else None

        seen: rest.Link = {}
        try:
            commands.wait_until(reached, what=status)
        except AssertionError as error:
            raise AssertionError(f"not {status}/{reason}: {seen}, events: {self.events(link)}") from error
        return seen

    def patch(self, link: rest.Link, **fields: Any) -> rest.Link:
        """Change a link."""
        answer = self.api.request("PATCH", f"/v1/bridge-links/{link['id']}", fields)
        assert answer.status == 200, answer
        changed: rest.Link = answer.body
        return changed

    def unplug(self, link: rest.Link) -> None:
        """Delete a link and wait until it is gone."""
        self.api.delete(link["id"])
        self.api.wait_until_gone(link["id"])

    def set_mode(self, mode: str) -> None:
        """Set the mode of the agent and wait until it has reported it."""
        assert self.api.request("PATCH", f"/v1/agents/{HOST}", {"mode": mode}).status == 200
        condition(lambda: self.api.get(f"/v1/agents/{HOST}")["reported_mode"], mode, "the mode")

    def wait_for_report(self) -> None:
        """Wait for the end of a whole report that has not begun yet; the next one may be under way."""
        for _ in range(2):
            seen = self._reported_at()
            commands.wait_until(functools.partial(self._reported_after, seen), what="a state report")

    def _reported_at(self) -> str:
        return str(self.api.get(f"/v1/agents/{HOST}")["reported_at"])

    def _reported_after(self, seen: str) -> bool:
        return self._reported_at() != seen

    # -- events --------------------------------------------------------------------------------------------------

    def events(self, link: rest.Link, after: int = 0) -> list[Event]:
        """Return the port events of a link."""
        return self.api.events(f"link_id={link['id']}&after={after}")

    def last_event(self, link: rest.Link) -> int:
        """Return the number of a link's newest event, 0 if there is none."""
        return max((int(event["id"]) for event in self.events(link)), default=0)

    def wait_for_event(self, link: rest.Link, kind: str, after: int) -> Event:
        """Return the first event of a kind after the one with a number."""

        def found() -> Event | None:
            return next((event for event in self.events(link, after) if event["kind"] == kind), None)

        try:
            event = commands.wait_until(found, what=kind)
        except AssertionError as error:
            seen = self.api.get(f"/v1/bridge-links/{link['id']}")
            raise AssertionError(f"no event {kind!r}: {self.events(link, after)}, now {seen}") from error
        assert event is not None
        return event

    @contextlib.contextmanager
    def repaired(self, link: rest.Link, *codes: str, passing: Collection[str] = ()) -> Iterator[None]:
        """What the block does to ``link`` is repaired and told, after which the link is whole.

        At least one of ``codes`` is told, and beside them at most ``passing``: the kernel does some things in steps,
        and the agent may see it between two of them.
        """
        before = self.last_event(link)
        yield
        told: set[str] = set()

        def is_told() -> bool:
            told.update(found["code"] for event in self.events(link, before) for found in event["repaired"])
            return bool(told & set(codes))

        try:
            commands.wait_until(is_told, what=f"the repair of {codes}")
            self.check_repaired(link)
        except AssertionError as error:
            raise AssertionError(f"{error}\nevents: {self.events(link, before)}") from error
        assert is_told()
        assert told <= {*codes, *passing}, f"told are {sorted(told)}"
        assert [event["message"] for event in self.events(link, before) if event["reason"] == "NETLINK_ERROR"] == []

    @contextlib.contextmanager
    def remade(self, link: rest.Link, *, passing: Collection[str] = ()) -> Iterator[None]:
        """What the block does ends the pair of ``link``: it is made anew, and told of each device is one of GONE."""
        before = self.last_event(link)
        with self.repaired(link, *GONE, passing=(*GOING, *passing)):
            yield
        told = [found for event in self.events(link, before) for found in event["repaired"]]
        assert {d["device"] for d in told if d["code"] in GONE} == {end["device"] for end in link["observed"]}

    # -- what is on the host -------------------------------------------------------------------------------------

    def check(self, link: rest.Link) -> None:
        """Check in kernel and OVSDB that both ends of a link are as the controller shows them, and carry traffic."""
        first, second = (self.host.device(end["device"]) for end in link["observed"])
        assert first is not None
        assert second is not None
        assert (first["link"], second["link"]) == (second["ifname"], first["ifname"])
        assert first["mtu"] == second["mtu"]
        for device, end, wanted in zip((first, second), link["observed"], link["ends"], strict=True):
            assert device["ifalias"] == f"vethagent:{link['id']}"
            assert device["operstate"] == "UP"
            assert (device["ifindex"], device["address"], device["mtu"]) == (end["ifindex"], end["mac"], end["mtu"])
            assert end["attached_to"] == wanted["bridge"]
            if end["kind"] == "linux":
                assert device.get("master") == end["bridge"]
            else:
                self._check_row(link, end, wanted["tag"])
        assert link["differences"] == []

    def check_repaired(self, link: rest.Link) -> None:
        """Check a link of which the last event may still be under way."""
        self.check(self.wait_until_told(link))

    def wait_until_told(self, link: rest.Link) -> rest.Link:
        """Return a link when it is ACTIVE and shown with the devices that are there."""

        def is_told() -> rest.Link | None:
            shown = self.wait(link, "ACTIVE")
            return shown if self.indexes(shown) == [end["ifindex"] for end in shown["observed"]] else None

        told = commands.wait_until(is_told, what="the last event")
        assert told is not None
        return told

    def _check_row(self, link: rest.Link, end: dict[str, Any], tag: int | None) -> None:
        assert end["device"] in self.host.ovs_ports(end["bridge"])
        port = self.host.ovs_row("Port", end["device"], "tag", "external_ids")
        assert port == {"tag": [] if tag is None else tag, "external_ids": {"vethagent-link-id": link["id"]}}
        row = self.host.ovs_row("Interface", end["device"], "ofport", "error", "ifindex", "external_ids")
        assert row["ofport"] > 0
        assert row["error"] == []
        assert row["ifindex"] == end["ifindex"]
        assert row["external_ids"]["vethagent-link-id"] == link["id"]
        assert row["external_ids"]["vethagent-request-id"].startswith("req-")

    def carries(self, first: str = "br1", second: str = "br-eth1") -> None:
        """Check that ping and TCP pass between the guests behind two bridges; TCP needs good checksums both ways."""
        traffic.wait_for_ping(self.guests[first], GUESTS[second])
        assert traffic.transfer(self.guests[first], self.guests[second], size=300_000)

    def picture(self) -> dict[str, Any]:
        """Return all that ip(8) and ovs-vsctl(8) show of the host and that does not change by itself."""
        commands.wait_until(lambda: all(map(_is_settled, self._devices())), what="the state of each device")
        devices = map(_ready, self._devices())
        found: dict[str, Any] = {device["ifname"]: lasting.without(device, _RESTLESS) for device in devices}
        for table, columns in _COLUMNS.items():
            rows = json.loads(self.host.vsctl("--format=json", f"--columns={columns}", "list", table))["data"]
            # A patch port without a peer has an error at every other look of ovs-vswitchd 3.1, whatever has changed.
            found[table] = sorted((row[:-1] if row[1] == "patch" else row for row in rows), key=str)
        return found

    def indexes(self, link: rest.Link) -> list[int]:
        """Return the ifindexes of a link's devices."""
        found = [self.host.device(end["device"]) for end in link["observed"]]
        return [device["ifindex"] for device in found if device is not None]

    def helpers(self) -> list[int]:
        """Return the pids of the privileged helpers on the host."""
        return processes.helpers(self.host)

    def batch(self, *lines: str) -> None:
        """Do lines of ip(8) in one go, faster than anything can answer."""
        commands.run("ip", "-n", self.host.namespace.name, "-batch", "-", stdin="\n".join(lines))

    def unseen(self) -> contextlib.AbstractContextManager[None]:
        """What the block does is seen at once, after it: the process stands still meanwhile."""
        return freezing.stopped(self.allinone.pid)

    def mtu(self, device: str) -> int:
        """Return the MTU of a device."""
        found = self.host.device(device)
        assert found is not None, f"there is no {device}"
        return int(found["mtu"])

    def _devices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.host.ip("-d", "-j", "link", "show"))
        return found

    # -- from one test to the next -------------------------------------------------------------------------------

    def clean(self) -> None:
        """Unplug everything; AssertionError if a trace of it is left. Then remove what the test itself has made."""
        for link in self.api.links():
            self.api.delete(link["id"])
        try:
            commands.wait_until(lambda: not self.api.links(), what="the end of all links")
            assert self.marked_devices() == []
            assert [name for name, row_mark in self._row_marks() if _is_link_id(row_mark)] == []
        finally:
            self._remove_others()

    def marked_devices(self) -> list[str]:
        """Return the names of the devices that carry the mark of a link."""
        return [device["ifname"] for device in self._devices() if _is_mark(device.get("ifalias", ""))]

    def marks(self) -> set[str]:
        """Return the ids of the links whose marks kernel and OVSDB show."""
        aliases = {str(device.get("ifalias", "")) for device in self._devices()}
        return self.port_marks() | {alias.removeprefix("vethagent:") for alias in aliases if _is_mark(alias)}

    def port_marks(self) -> set[str]:
        """Return the ids of the links that OVSDB shows."""
        return {row_mark for _, row_mark in self._row_marks() if _is_link_id(row_mark)}

    def _row_marks(self) -> list[tuple[str, str]]:
        rows = json.loads(self.host.vsctl("--format=json", "--columns=name,external_ids", "list", "Port"))["data"]
        return [(name, dict(ids[1]).get("vethagent-link-id", "")) for name, ids in rows]

    def _remove_others(self) -> None:
        ours = self._settled
        for bridge in self.host.vsctl("list-br").split():
            if bridge not in ours:
                self.host.vsctl("del-br", bridge)
                continue
            for port in self.host.ovs_ports(bridge):
                if port not in ours:
                    self.host.vsctl("--if-exists", "del-port", port)
        for device in self.host.devices():
            if device not in ours:
                self.host.run("ip", "link", "delete", device, check=False)


def condition(read: Callable[[], object], wanted: object, what: str) -> None:
    """Wait until ``read`` returns ``wanted``."""
    commands.wait_until(lambda: read() == wanted, what=f"{what}: {wanted!r}")


def _is_settled(device: dict[str, Any]) -> bool:
    """Return whether the kernel has drawn the state from the carrier, which it does up to a second later."""
    flags = device["flags"]
    return "UP" not in flags or ("LOWER_UP" in flags) == (device["operstate"] in ("UP", "UNKNOWN"))


def _ready(device: dict[str, Any]) -> dict[str, Any]:
    """Return as UP a device whose driver never told so: a tap that one and the same switch has held all along."""
    return {**device, "operstate": "UP"} if device["operstate"] == "UNKNOWN" else device


def _is_mark(alias: str) -> bool:
    return alias.startswith("vethagent:") and _is_link_id(alias.removeprefix("vethagent:"))


def _is_link_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
