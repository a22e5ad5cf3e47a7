"""The netlink batch: what the agent asks for, checked and done inside the helper.

Order within a batch: pairs go, devices change, pairs come; so a name that one operation frees is there for the next.

The helper may die between any two sends, and the batch is then given to another one. So each send leaves what that can
go on from: no pair without its marks, no bridge with another MTU or address than it had.
"""

import errno
import functools
import gc
import itertools
import math
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from vethagent import exceptions, faults
from vethagent.privileged import altnames, bridges, default, encoding, ethtool, ifinfo, operations, pairs, rtnl
from vethagent.privileged.bridges import set_link
from vethagent.privileged.encoding import Request

#: Pairs or changes in one send: their messages are less than rtnl.CHUNK, with two bridges each that have to be kept as
#: they are, which makes so many messages for each.
_PAIRS, _MESSAGES = 100, 6

#: Devices are made under an ifindex that is chosen here, far above those that the kernel gives. So a message that
#: follows in the same send and says which device it means cannot hit another that has the name, if making it failed.
_indexes = itertools.count(random.randrange(1_000_000, 900_000_000))

T = TypeVar("T")

# The helper imports this before it gives up what it may need to read files.
encoding.prepare()
# What is there by now stays for good. The collector would go through all of it within the first batch, for 30 ms.
gc.freeze()


@default.entrypoint
def apply(body: list[dict[str, Any]], deadline: float = math.inf) -> list[tuple[str, int]]:
    """Do the operations; return for each ('' or the sentence that says why it was not done, ifindex or 0).

    The ifindex is that of the first device of a pair that was made.

    ``body`` is made by ``operations.dump``. HelperRefused is raised, and nothing done, if any field is wrong. From
    ``deadline`` on, of the machine's monotonic clock, nobody waits for the answer, and nothing more is done.
    """
    batch = operations.parse(body)
    with rtnl.RouteSocket() as route:
        return _Batch(route, batch, deadline).run()


@default.entrypoint
def pid() -> int:
    """Return the helper's process id."""
    return os.getpid()


class _Batch:
    """One batch under way; ``errors`` is by the operation's place in it."""

    def __init__(
        self, route: rtnl.RouteSocket, batch: Sequence[operations.Operation], deadline: float = math.inf
    ) -> None:
        self._route = route
        self._batch = batch
        self._deadline = deadline
        self._errors: dict[int, str] = {}
        self._made: dict[int, int] = {}
        #: Of pairs that are there, by the operation's place.
        self._indexes: dict[int, tuple[int, int]] = {}
        self._devices: dict[int, ifinfo.Device] = {}
        self._bridges = bridges.Bridges(route, self._devices)

    def run(self) -> list[tuple[str, int]]:
        self._look()
        self._check()
        self._step("helper-looked")
        self._delete()
        self._step("helper-deleted")
        self._change()
        self._step("helper-changed")
        self._create()
        self._step("helper-created")
        self._bridges.restore()
        self._step("helper-done")
        return [(self._errors.get(place, ""), self._made.get(place, 0)) for place in range(len(self._batch))]

    def _step(self, name: str) -> None:
        """Pass a place between two steps; one who was stopped there for too long has been given up by the agent."""
        faults.point(name)
        if time.monotonic() >= self._deadline:
            raise exceptions.HelperUnavailable("the batch came to an end too late")

    # -- before anything is done ---------------------------------------------------------------------------------

    def _look(self) -> None:
        # Those that matter and no others: a dump takes longer the more links there are already.
        self._devices |= self._route.get_all(set(itertools.chain.from_iterable(map(_mentioned, self._batch))))
        # An end without a mark is ours if its peer is: that one has to be looked at too.
        unmarked = [device for device in self._devices.values() if device.kind == "veth" and not device.alias]
        peers = {device.peer for device in unmarked if device.peer and device.peer not in self._devices}
        self._devices |= self._route.get_all(peers)

    def _check(self) -> None:
        """Refuse what is not ours."""
        for place, operation in enumerate(self._batch):
            if error := self._refusal(operation):
                self._errors[place] = error
            else:
                self._bridges.note(operation)

    def _refusal(self, operation: operations.Operation) -> str:
        for index in _masters(operation):
            master = self._devices.get(index)
            if master is None or master.kind != "bridge":
                return f"ifindex {index} is not a Linux bridge"
        match operation:
            case operations.ChangeEnd() | operations.DeletePair():
                device = self._devices.get(operation.ifindex)
                if device is None:
                    gone = isinstance(operation, operations.DeletePair)
                    return "" if gone else f"ifindex {operation.ifindex} is gone"
                return "" if self._owned(device, operation.alias) else f"{device.name} is not a veth of this link"
            case operations.AdoptPair():
                return self._adoption_refusal(operation)
        return ""

    def _owned(self, device: ifinfo.Device, alias: str) -> bool:
        if device.kind != "veth":
            return False
        if device.alias:
            return device.alias == alias
        peer = self._devices.get(device.peer) if device.peer else None
        return peer is not None and peer.peer == device.ifindex and peer.kind == "veth" and peer.alias == alias

    def _adoption_refusal(self, operation: operations.AdoptPair) -> str:
        first, second = (self._devices.get(index) for index in operation.ifindexes)
        if first is None or second is None:
            return "a device of the pair is gone"
        if {first.kind, second.kind} != {"veth"} or first.peer != second.ifindex or second.peer != first.ifindex:
            return f"{first.name} and {second.name} are not a veth pair"
        if any(device.alias not in ("", operation.alias) for device in (first, second)):
            return f"{first.name} or {second.name} carries another mark"
        return ""

    # -- the work ------------------------------------------------------------------------------------------------

    def _todo(self, kind: type[T]) -> list[tuple[int, T]]:
        return [
            (place, operation)
            for place, operation in enumerate(self._batch)
            if isinstance(operation, kind) and place not in self._errors
        ]

    def _delete(self) -> None:
        present = [(p, op) for p, op in self._todo(operations.DeletePair) if op.ifindex in self._devices]
        if len(present) > 1 and (group := self._free_group()):
            # One by one the kernel waits for an RCU grace period each, 17 ms; a group is one message and one wait.
            self._each(present, lambda _, op: [set_link(op.ifindex, [("IFLA_GROUP", group)])])
            self._step("helper-grouped")
            message = rtnl.link_message(ifinfo.RTM_DELLINK, attributes=[("IFLA_GROUP", group)])
            left = [each for _, op in present for each in self._bridges.left(op.ifindex)]
            answer = self._route.request([message, *left])[0]
            if answer.errno:
                self._errors.update((place, answer.text) for place, _ in present)
            return
        delete = functools.partial(rtnl.link_message, ifinfo.RTM_DELLINK)
        self._each(present, lambda _, op: [delete(index=op.ifindex), *self._bridges.left(op.ifindex)])

    def _free_group(self) -> int:
        """Return the number of a device group that no device is in; everything in the group will be deleted."""
        taken = self._route.groups()
        group = random.randrange(1 << 16, 1 << 31)
        return group if group not in taken else 0

    def _change(self) -> None:
        adopts = self._todo(operations.AdoptPair)
        self._each(adopts, lambda _, op: [set_link(index, [("IFLA_IFALIAS", op.alias)]) for index in op.ifindexes])
        self._step("helper-adopted")
        changes = self._todo(operations.ChangeEnd)
        release = altnames.release(self._route, [change for _, change in changes])
        refused = self._rename(changes, release)
        self._step("helper-renamed")
        self._each(changes, lambda _, op: self._change_messages(op, down_first=op.ifindex in refused))
        self._step("helper-set")
        for place, change in changes:
            if change.name is not None and place in self._errors:
                others = altnames.taken(self._route, [change.name], by_others_than=change.ifindex)
                self._errors[place] = others or self._errors[place]
        for place, change in self._todo(operations.ChangeEnd):
            if (change.tx_checksum, change.gro) != (None, None):
                name = change.name or self._devices[change.ifindex].name
                self._offload(place, change.ifindex, name, change.tx_checksum, change.gro)

    def _rename(
        self, changes: Sequence[tuple[int, operations.ChangeEnd]], release: dict[int, list[Request]]
    ) -> set[int]:
        """Rename devices as they are; return the ifindexes of those that have to be down for it, before Linux 6.2."""
        renamed = [(change.ifindex, change.name) for _, change in changes if change.name is not None]
        self._route.request(itertools.chain.from_iterable(release.values()))
        answers = self._route.request(set_link(index, [("IFLA_IFNAME", name)]) for index, name in renamed)
        return {index for (index, _), answer in zip(renamed, answers, strict=True) if answer.errno == errno.EBUSY}

    def _create(self) -> None:
        """Make pairs, then have them carry.

        Down and in no bridge first, as whoever listens is then told less of what is changed of a device: with the
        offload off before there are a fifth fewer messages, each of which Open vSwitch, the agent and others take in.
        """
        creates = self._todo(operations.CreatePair)
        for part in self._sends(creates):
            self._make(part)
        made = [(place, operation) for place, operation in creates if place in self._indexes]
        for place, operation in made:
            first, second = zip(operation.ends, self._indexes[place], strict=True)
            for (end, index), (other, opposite) in ((first, second), (second, first)):
                if not end.tx_checksum:
                    self._step("helper-made")
                    self._offload(place, index, end.name, False)
                    # The other end is in a userspace datapath then. Before Linux 5.13 GRO is on at a new device.
                    self._offload(place, opposite, other.name, None, gro=False)
        self._step("helper-offloaded")
        whole = [(place, operation) for place, operation in made if place not in self._errors]
        self._bridges.look_again(index for _, operation in whole for index in _masters(operation))
        for part in self._sends(whole):
            self._each(part, lambda place, op: self._attach_messages(op, self._indexes[place]))
            self._step("helper-attached")
        undo = [place for place, _ in made if place in self._errors]
        self._made = {place: self._indexes[place][0] for place, _ in made if place not in self._errors}
        self._route.request(rtnl.link_message(ifinfo.RTM_DELLINK, index=self._indexes[place][0]) for place in undo)

    def _sends(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """Yield as many of these at a time as have room in one send."""
        most = max(1, min(_PAIRS, self._route.most // _MESSAGES))
        for start in range(0, len(items), most):
            yield items[start : start + most]

    def _make(self, creates: Sequence[tuple[int, operations.CreatePair]]) -> None:
        # No send ends between the messages of one pair: if the helper does, none is left without a mark.
        indexes = {place: (next(_indexes), next(_indexes)) for place, _ in creates}
        ipv6 = pairs.has_ipv6()
        messages = {place: pairs.making(operation, indexes[place], ipv6=ipv6) for place, operation in creates}
        answers = iter(self._route.request(itertools.chain.from_iterable(messages.values())))
        self._step("helper-sent")
        told = {place: list(itertools.islice(answers, len(messages[place]))) for place, _ in creates}
        by_place = dict(creates)
        taken = [(place, operation) for place, operation in creates if told[place][0].errno == errno.EEXIST]
        self._indexes |= (there := self._made_before(taken))
        for place in told.keys() - there.keys():
            made, *marked = told[place]
            if made.errno:
                names = [end.name for end in by_place[place].ends] if made.errno == errno.EEXIST else []
                self._errors[place] = altnames.taken(self._route, names) or made.text
                continue
            self._indexes[place] = indexes[place]
            if any(answer.errno == errno.EAFNOSUPPORT for answer in marked):
                marked = self._route.request(pairs.marking(by_place[place], indexes[place], ipv6=False))
            if failed := next((answer for answer in marked if answer.errno), None):
                self._errors[place] = failed.text

    def _made_before(self, creates: Sequence[tuple[int, operations.CreatePair]]) -> dict[int, tuple[int, int]]:
        """Return by place the ifindexes of those pairs that are there with all their marks.

        A helper that then died has made them, or the same operation in another batch.
        """
        found = iter(self._route.find_all(end.name for _, operation in creates for end in operation.ends))
        made: dict[int, tuple[int, int]] = {}
        for place, operation in creates:
            first, second = next(found), next(found)
            if first is None or second is None or (first.peer, second.peer) != (second.ifindex, first.ifindex):
                continue
            if all(device.kind == "veth" and device.alias == operation.alias for device in (first, second)):
                made[place] = first.ifindex, second.ifindex
        return made

    def _attach_messages(self, create: operations.CreatePair, indexes: tuple[int, int]) -> list[Request]:
        """Return what puts a pair into its bridges, and up, and what keeps these as they are."""
        messages = []
        for end, index in zip(create.ends, indexes, strict=True):
            attach = set_link(index, _master(end), up=end.up)
            messages += self._bridges.keeping(end.master, end.mtu, end.mac, [attach]) if end.master else [attach]
        return messages

    def _change_messages(self, change: operations.ChangeEnd, *, down_first: bool) -> list[Request]:
        device = self._devices[change.ifindex]
        master = device.master if change.master is None else change.master
        joins = change.master or change.mac or (change.mtu and not change.bridge_follows)
        messages = _change_messages(change, down_first=down_first)
        if change.master is not None and change.master != device.master and not bridges.may_be_followed(change, device):
            messages += self._bridges.left(change.ifindex, both=False)
        if not (master and joins):
            return messages
        return self._bridges.keeping(master, change.mtu or device.mtu, change.mac or device.mac, messages)

    def _each(self, items: Sequence[tuple[int, T]], messages: Callable[[int, T], Sequence[Request]]) -> None:
        for part in self._sends(items):  # none ends between what a change does to a bridge and what undoes that
            sent = [(place, message) for place, operation in part for message in messages(place, operation)]
            answers = self._route.request(message for _, message in sent)
            for (place, _), answer in zip(sent, answers, strict=True):
                if answer.errno:
                    self._errors.setdefault(place, answer.text)

    def _offload(self, place: int, index: int, name: str, tx_checksum: bool | None, gro: bool | None = None) -> None:
        try:
            ethtool.change(index, name, tx_checksum=tx_checksum, gro=gro)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise  # another helper has descriptors
            self._errors[place] = f"offload of {name}: {error.strerror}"


def _mentioned(operation: operations.Operation) -> Iterable[int]:
    match operation:
        case operations.ChangeEnd() | operations.DeletePair():
            yield operation.ifindex
        case operations.AdoptPair():
            yield from operation.ifindexes
    yield from _masters(operation)


def _masters(operation: operations.Operation) -> Iterable[int]:
    match operation:
        case operations.CreatePair():
            yield from (end.master for end in operation.ends if end.master)
        case operations.ChangeEnd():
            yield from (operation.master,) if operation.master else ()


def _change_messages(change: operations.ChangeEnd, *, down_first: bool) -> list[Request]:
    wanted = (
        ("IFLA_IFNAME", change.name),
        ("IFLA_MTU", change.mtu),
        ("IFLA_ADDRESS", change.mac),
        ("IFLA_MASTER", change.master),
        ("IFLA_IFALIAS", change.alias),
    )
    attributes = [(name, value) for name, value in wanted if value is not None]
    message = set_link(change.ifindex, attributes, up=change.up)
    if not down_first:
        return [message]
    # It comes up again even if it did not get the name.
    up = set_link(change.ifindex, [], up=change.up is not False)
    return [set_link(change.ifindex, [], up=False), message, up]


def _master(end: operations.NewEnd) -> list[tuple[str, Any]]:
    return [("IFLA_MASTER", end.master)] if end.master else []
