"""As much of rtnetlink as a batch needs: requests go in as the batch makes them, devices change, answers come out."""

import dataclasses
import errno
from collections.abc import Collection, Iterable
from typing import Any, Self

from vethagent.privileged import ifinfo
from vethagent.privileged.encoding import Request


class FakeKernel:
    """Stands for ``rtnl.RouteSocket``; ``sent`` are (type, ifindex, attributes) of all requests.

    ``refuse`` maps (type, ifindex or name) to an errno that is answered instead of doing it.
    """

    most = 1000

    def __init__(self, *devices: ifinfo.Device) -> None:
        self.devices = {device.ifindex: device for device in devices}
        self.sent: list[tuple[int, int, dict[str, Any]]] = []
        self.refuse: dict[tuple[int, int | str], int] = {}
        self.dumps = 0
        #: Before Linux 6.2 a device that is up keeps its name.
        self.old = False
        #: A bridge takes the smallest MTU of its ports for its own, as br_if.c does until somebody sets one.
        self.pinned: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def get(self, index: int) -> ifinfo.Device | None:
        return self.devices.get(index)

    def get_all(self, indexes: Iterable[int], wanted: Collection[int] = ifinfo.WHOLE) -> dict[int, ifinfo.Device]:
        return {index: self.devices[index] for index in indexes if index in self.devices}

    def find_all(self, names: Iterable[str]) -> list[ifinfo.Device | None]:
        by_name = {device.name: device for device in self.devices.values()}
        return [by_name.get(name) for name in names]

    def groups(self) -> set[int]:
        self.dumps += 1
        return {device.group for device in self.devices.values()}

    def request(self, messages: Iterable[Request]) -> list[ifinfo.Message]:
        return [self._answer(message) for message in messages]

    def follow(self) -> None:
        """Let bridges take the smallest MTU of their ports."""
        bridges = [device for device in self.devices.values() if device.kind == "bridge"]
        for bridge in (bridge for bridge in bridges if bridge.ifindex not in self.pinned):
            ports = [device.mtu for device in self.devices.values() if device.master == bridge.ifindex]
            self.devices[bridge.ifindex] = dataclasses.replace(bridge, mtu=min(ports, default=bridge.mtu))

    def named(self, name: str) -> ifinfo.Device:
        (found,) = (device for device in self.devices.values() if device.name == name)
        return found

    # -- within -----------------------------------------------------------------------------------------------------

    def _answer(self, message: Request) -> ifinfo.Message:
        kind, index, attributes = message.kind, message.index, dict(message.attributes)
        self.sent.append((kind, index, attributes))
        code = self.refuse.get((kind, index)) or self.refuse.get((kind, attributes.get("IFLA_IFNAME", "")), 0)
        if not code:
            do = {ifinfo.RTM_NEWLINK: self._make, ifinfo.RTM_SETLINK: self._set, ifinfo.RTM_DELLINK: self._delete}[kind]
            code = do(index, attributes, message)
            self.follow()
        return ifinfo.Message(ifinfo.NLMSG_ERROR, 0, errno=code, text=errno.errorcode[code] if code else "")

    def _make(self, index: int, attributes: dict[str, Any], message: Request) -> int:
        info = dict(attributes["IFLA_LINKINFO"]["attrs"])
        assert info["IFLA_INFO_KIND"] == "veth"
        (_, peer), *_ = info["IFLA_INFO_DATA"]["attrs"]
        other = dict(peer["attrs"])
        names = {device.name for device in self.devices.values()}
        if {attributes["IFLA_IFNAME"], other["IFLA_IFNAME"]} & names or {index, peer["index"]} & self.devices.keys():
            return errno.EEXIST
        for here, there, values in ((index, peer["index"], attributes), (peer["index"], index, other)):
            self.devices[here] = ifinfo.Device(
                here,
                values["IFLA_IFNAME"],
                kind="veth",
                peer=there,
                mac=values["IFLA_ADDRESS"],
                mtu=values["IFLA_MTU"],
            )
        return 0

    def _set(self, index: int, attributes: dict[str, Any], message: Request) -> int:
        if index not in self.devices:
            return errno.ENODEV
        if any(d.name == attributes.get("IFLA_IFNAME") for d in self.devices.values() if d.ifindex != index):
            return errno.EEXIST
        if self.old and self.devices[index].up and "IFLA_IFNAME" in attributes:
            return errno.EBUSY
        fields = {
            "IFLA_IFNAME": "name",
            "IFLA_MTU": "mtu",
            "IFLA_ADDRESS": "mac",
            "IFLA_IFALIAS": "alias",
            "IFLA_GROUP": "group",
        }
        changes: dict[str, Any] = {fields[name]: value for name, value in attributes.items() if name in fields}
        if "IFLA_MASTER" in attributes:
            changes["master"] = attributes["IFLA_MASTER"] or None
        if message.up is not None:
            changes["up"] = message.up
        self.devices[index] = dataclasses.replace(self.devices[index], **changes)
        if self.devices[index].kind == "bridge" and "mtu" in changes:
            self.pinned.add(index)
        return 0

    def _delete(self, index: int, attributes: dict[str, Any], message: Request) -> int:
        group = attributes.get("IFLA_GROUP")
        doomed = [index] if group is None else [d.ifindex for d in self.devices.values() if d.group == group]
        doomed = [each for each in doomed if each in self.devices]
        if not doomed:
            return errno.ENODEV
        for each in doomed:
            device = self.devices.pop(each, None)
            if device is not None and device.kind == "veth" and device.peer is not None:
                self.devices.pop(device.peer, None)
        return 0
