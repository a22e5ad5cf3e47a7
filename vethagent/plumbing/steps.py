"""The steps from observed to desired: those of the kernel are the helper's operations, those of OVSDB are here."""

import dataclasses
from collections.abc import Callable, Iterator

from vethagent import model
from vethagent.privileged.operations import AdoptPair, ChangeEnd, CreatePair, DeletePair, Operation


@dataclasses.dataclass(frozen=True, slots=True)
class DetachPort:
    """Take an owned port out of its OVS bridge; the row goes with it.

    ``marked`` is False for a row for a device of the link that carries no mark: somebody made it, or took the mark off.
    """

    bridge: str
    device: str
    link_id: str
    marked: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class KeepBridge:
    """Have an OVS bridge keep what it has, ``mtu`` (bytes) and ``mac``, before a device in it gets another."""

    bridge: str
    mtu: int | None
    mac: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class AttachPort:
    """Put a device into an OVS bridge, marked; an owned port that is there already is set as wanted.

    ``keep_mtu`` (bytes) and ``keep_mac`` are what the bridge has, if by itself it would take them from the device.
    """

    bridge: str
    device: str
    link_id: str
    tag: int | None
    keep_mtu: int | None = None
    keep_mac: str | None = None
    request_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class LinkPlan:
    """What is to be done for one link, and how it is now.

    ``mtu`` is what both ends are to have, in bytes, None if that is not known; ``rival`` another link of ours that has
    a name which this one is to have.

    Applied in this order: ``detach`` and ``keep``, ``operations``, ``attach``. With ``settle`` ovs-vswitchd has to have
    seen the detach before the attach: made again under the same name within one look, a port on a userspace datapath
    shows the new ifindex and carries nothing. If OVSDB does not do its part ``shut`` is done in place of what is left.
    """

    state: model.LinkState
    detach: tuple[DetachPort, ...] = ()
    operations: tuple[Operation, ...] = ()
    attach: tuple[AttachPort, ...] = ()
    settle: bool = False
    mtu: int | None = None
    keep: tuple[KeepBridge, ...] = ()
    rival: str | None = None
    shut: tuple[Operation, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.operations or self.needs_ovs)

    @property
    def needs_ovs(self) -> bool:
        """Whether something is done in OVSDB."""
        return bool(self.detach or self.keep or self.attach)

    @property
    def creates(self) -> tuple[CreatePair, ...]:
        """The operations that make pairs."""
        return tuple(operation for operation in self.operations if isinstance(operation, CreatePair))

    @property
    def makes(self) -> bool:
        """Whether a pair is made."""
        return bool(self.creates)

    def sentences(self, names: Callable[[int], str | None] = lambda ifindex: None) -> tuple[str, ...]:
        """Return the steps in order, each for a person to read; ``names`` knows devices by their ifindex."""

        def named(ifindex: int) -> str:
            return names(ifindex) or f"the device with ifindex {ifindex}"

        first = [f"take port {step.device} out of OVS bridge {step.bridge}" for step in self.detach]
        first += [f"have OVS bridge {step.bridge} keep its MTU and MAC address" for step in self.keep]
        then = [_sentence(operation, named) for operation in self.operations]
        last = [
            f"put {step.device} into OVS bridge {step.bridge}" + (f", tag {step.tag}" if step.tag else "")
            for step in self.attach
        ]
        return tuple(first + then + last)


def _sentence(operation: Operation, named: Callable[[int], str]) -> str:
    match operation:
        case CreatePair():
            ends = " and ".join(
                f"{end.name} (MTU {end.mtu}, {'up' if end.up else 'down'}"
                + (f", into {named(end.master)}" if end.master else "")
                + ("" if end.tx_checksum else ", TX checksum offload off")
                + ")"
                for end in operation.ends
            )
            return f"make the veth pair {ends}"
        case ChangeEnd():
            return f"{named(operation.ifindex)}: {', '.join(_changes(operation, named)) or 'set the mark'}"
        case AdoptPair():
            first, second = map(named, operation.ifindexes)
            return f"mark the veth pair {first} and {second} as this link's"
        case DeletePair():
            return f"delete the veth pair of {named(operation.ifindex)}"


def _changes(operation: ChangeEnd, named: Callable[[int], str]) -> Iterator[str]:
    if operation.name is not None:
        yield f"name it {operation.name}"
    if operation.mac is not None:
        yield f"set MAC {operation.mac}"
    if operation.mtu is not None:
        yield f"set MTU {operation.mtu}"
    if operation.master is not None:
        yield f"put it into {named(operation.master)}" if operation.master else "take it out of its bridge"
    if operation.up is not None:
        yield "set it up" if operation.up else "set it down"
    if operation.tx_checksum is not None:
        yield f"turn TX checksum offload {'on' if operation.tx_checksum else 'off'}"
    if operation.gro is not None:
        yield f"turn GRO {'on' if operation.gro else 'off'}"
