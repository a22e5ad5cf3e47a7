"""Plans into effect: one privileged call and one OVSDB transaction for each part of a batch."""

import contextlib
import dataclasses
import errno
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from vethagent import exceptions, faults, logs
from vethagent.model import Reason
from vethagent.plumbing.ovs import Ovs
from vethagent.plumbing.steps import AttachPort, LinkPlan
from vethagent.privileged import operations
from vethagent.privileged.recovery import Outcome

LOG = logging.getLogger(__name__)

#: Plans of one part at most that makes pairs, or that waits for ovs-vswitchd between two steps. A process that is to
#: end waits for no more than a part. With smaller ones kernel and ovs-vswitchd would work at the same time, but most of
#: what either does about a device needs the one lock of rtnetlink; and after each transaction, and each time that the
#: kernel tells of devices, ovs-vswitchd looks at all of its ports, those of this batch too.
PART = 200
#: Plans of one part that does neither: pairs that go together are looked up, and wait for the kernel, once.
TOGETHER = 500

#: In what the kernel says of a device that is not there any more.
_NO_DEVICE = os.strerror(errno.ENODEV)

#: Told of a part of the way, ``kernel_at`` or ``ovsdb_at``, and of links that have it behind them.
Passed = Callable[[Literal["kernel_at", "ovsdb_at"], Iterable[str]], None]


class Helper(Protocol):
    """Whoever does the privileged part."""

    def apply(self, batch_operations: list[operations.Operation]) -> list[Outcome]:
        """Do a batch; return the outcome of each operation."""


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why the plan of one link could not be carried out.

    If ``silent`` what was begun may come about all the same. ``vanished``: a device of it has just gone.
    """

    reason: Reason
    message: str
    silent: bool = False
    vanished: bool = False


class Applied(NamedTuple):
    """What could not be carried out, and of which links nothing was begun as the process is to end."""

    failures: dict[str, Failure]
    left: set[str]


@dataclasses.dataclass(slots=True)
class _Part:
    """Plans that are carried out together; ``made`` are pairs by ifindex, ``wait`` is for those being attached."""

    plans: Sequence[LinkPlan]
    failures: dict[str, Failure] = dataclasses.field(default_factory=dict)
    made: dict[str, int] = dataclasses.field(default_factory=dict)
    attaching: Sequence[LinkPlan] = ()
    wait: Callable[[], None] | None = None

    @property
    def left(self) -> list[LinkPlan]:
        """Those that have not failed."""
        return _without(self.plans, self.failures)


class Applier:
    """Carries plans out. A link that fails does not hold up the others, and what was begun of it is taken back."""

    def __init__(self, helper: Helper, ovs: Ovs) -> None:
        self._helper = helper
        self._ovs = ovs

    def apply(
        self,
        plans: Sequence[LinkPlan],
        *,
        stopping: Callable[[], bool] = lambda: False,
        passed: Passed = lambda part, link_ids: None,
    ) -> Applied:
        """Carry out ``plans``, of as many different links, in parts; none is begun any more once it is ``stopping``.

        ``passed`` is told which links the kernel, and OVSDB, are done with.
        Each part is done to its end. As within a part, names are freed first and taken last.
        """
        failures = self._hopeless(plans)
        # Those that wait for ovs-vswitchd between two steps hold up none of the others.
        todo = sorted(_without(plans, failures), key=_kind)
        last = _Part([])
        while todo and not stopping():
            part = _Part(_first(todo))
            self._detach([plan for plan in part.plans if plan.detach or plan.keep], part.failures)
            passed("ovsdb_at", [_id(plan) for plan in part.left if plan.detach])
            self._operate([plan for plan in part.left if plan.operations], part.failures, part.made)
            self._settle([plan for plan in part.left if plan.settle], part)
            passed("kernel_at", [_id(plan) for plan in part.left if plan.operations])
            ended = self._end(last, passed)
            failed = part.failures | ended
            failures |= failed | _alike(todo[len(part.plans) :], failed)
            part.failures |= _alike([plan for plan in part.left if plan.attach], ended)
            self._begin(part)
            todo = _without(todo[len(part.plans) :], failures)
            last = part
        failures |= self._end(last, passed)
        self._shut([plan for plan in plans if plan.shut and _id(plan) in failures], failures)
        return Applied(failures, set(map(_id, todo)))

    def _hopeless(self, plans: Sequence[LinkPlan]) -> dict[str, Failure]:
        """Return those that cannot be carried out now, by link id."""
        # Else a pair would be made, and deleted again when its port cannot be, with each try.
        if not self._ovs.connected:
            away = Failure(Reason.OVSDB_UNAVAILABLE, "Open vSwitch's database is not connected")
            return {_id(plan): away for plan in plans if plan.needs_ovs}
        stuck = Failure(Reason.OVSDB_UNAVAILABLE, "ovs-vswitchd does not act, and may still hold the device")
        return {_id(plan): stuck for plan in plans if self._ovs.is_stuck(step.device for step in plan.attach)}

    def _begin(self, part: "_Part") -> None:
        """Begin to attach what is left of a part; ``_end`` waits for that, and begins anew what could not be begun."""
        part.attaching = [plan for plan in part.left if plan.attach]
        if part.attaching:
            with contextlib.suppress(exceptions.OvsdbUnavailable, exceptions.OvsdbRefused):
                part.wait = self._ovs.begin(attach=_attachments(part.attaching))

    def _end(self, part: "_Part", passed: Passed) -> dict[str, Failure]:
        """Wait until a part is done, take back what was made in vain, and return all that failed in it."""
        self._attach(part.attaching, part.failures, part.wait)
        passed("ovsdb_at", [_id(plan) for plan in _without(part.attaching, part.failures)])
        if half_made := {link_id: index for link_id, index in part.made.items() if link_id in part.failures}:
            faults.point("agent-half-made")
            self._take_back(half_made)
            faults.point("agent-taken-back")
        return part.failures

    def _detach(self, plans: Sequence[LinkPlan], failures: dict[str, Failure]) -> None:
        try:
            steps = [step for plan in plans for step in plan.detach]
            keep = [step for plan in plans for step in plan.keep]
            if steps or keep:
                self._ovs.commit(detach=steps, keep=keep)
                faults.point("agent-detached")
        except exceptions.OvsdbUnavailable as error:
            failures.update((_id(plan), _unavailable(error)) for plan in plans)
        except exceptions.OvsdbRefused as error:
            self._one_by_one(self._detach, plans, failures, Failure(Reason.OVSDB_REFUSED, str(error)))

    def _attach(
        self, plans: Sequence[LinkPlan], failures: dict[str, Failure], wait: Callable[[], None] | None = None
    ) -> None:
        """Attach, or ``wait`` if that was begun."""
        if not plans:
            return
        try:
            wait = wait or self._ovs.begin(attach=_attachments(plans))
            wait()
            faults.point("agent-attached")
        except exceptions.OvsdbUnavailable as error:
            failures.update((_id(plan), _unavailable(error)) for plan in plans)
        except exceptions.OvsdbRefused as error:
            self._one_by_one(self._attach, plans, failures, Failure(Reason.OVSDB_REFUSED, str(error)))

    def _operate(self, plans: Sequence[LinkPlan], failures: dict[str, Failure], made: dict[str, int]) -> None:
        steps = [step for plan in plans for step in plan.operations]
        if not steps:
            return
        try:
            outcomes = self._helper.apply(steps)
        except exceptions.HelperUnavailable as error:
            silent = Failure(Reason.HELPER_UNAVAILABLE, str(error), silent=True)
            failures.update((_id(plan), silent) for plan in plans)
        except exceptions.HelperRefused as error:
            if len(plans) == 1:
                failures[_id(plans[0])] = Failure(Reason.HELPER_REFUSED, str(error))
            else:
                for plan in plans:
                    self._operate([plan], failures, made)
        else:
            faults.point("agent-operated")
            for step, outcome in zip(steps, outcomes, strict=True):
                if outcome.error:
                    taken = outcome.error.startswith(operations.NAME_TAKEN)
                    reason = Reason.NAME_CONFLICT if taken else Reason.NETLINK_ERROR
                    failures[step.link_id] = Failure(reason, outcome.error, vanished=_NO_DEVICE in outcome.error)
                elif outcome.ifindex:
                    made[step.link_id] = outcome.ifindex

    def _settle(self, plans: Sequence[LinkPlan], part: "_Part") -> None:
        """Wait until ovs-vswitchd has let go of what was detached; the kernel has made the new pairs meanwhile.

        It sets the flags of a device that is gone by its name (netdev_linux_update_flags in lib/netdev-linux.c), which
        takes the new one down. To make it once more brings it up.
        """
        if not plans:
            return
        try:
            self._ovs.settle([step.device for plan in plans for step in plan.detach])
        except exceptions.OvsdbUnavailable as error:
            part.failures.update((_id(plan), _unavailable(error)) for plan in plans)
            return
        again = [dataclasses.replace(plan, operations=plan.creates) for plan in plans if plan.makes]
        self._operate(again, part.failures, part.made)

    def _one_by_one(
        self,
        part: "PlanPart",
        plans: Sequence[LinkPlan],
        failures: dict[str, Failure],
        failure: Failure,
    ) -> None:
        """Find out which of ``plans`` the server refuses: it takes all steps of a transaction or none."""
        if len(plans) == 1:
            failures[_id(plans[0])] = failure
        else:
            for plan in plans:
                part([plan], failures)

    def _shut(self, plans: Sequence[LinkPlan], failures: dict[str, Failure]) -> None:
        """Have nothing pass meanwhile over links that are to be otherwise in OVSDB, which is away."""
        away = [plan for plan in plans if failures[_id(plan)].reason is Reason.OVSDB_UNAVAILABLE]
        self._operate([dataclasses.replace(plan, operations=plan.shut) for plan in away], {}, {})

    def _take_back(self, half_made: dict[str, int]) -> None:
        """Delete pairs that could be attached on one side only."""
        steps: list[operations.Operation] = [
            operations.DeletePair(link_id=link_id, ifindex=index) for link_id, index in half_made.items()
        ]
        try:
            outcomes = self._helper.apply(steps)
        except (exceptions.HelperUnavailable, exceptions.HelperRefused) as error:
            LOG.error("%d half made links could not be taken back: %s", len(steps), error)
            return
        for step, outcome in zip(steps, outcomes, strict=True):
            if outcome.error:
                about = logs.about(links=[step.link_id])
                LOG.error("Half made link %s could not be taken back: %s", step.link_id, outcome.error, extra=about)


class PlanPart(Protocol):
    """One of the parts that a plan is carried out in."""

    def __call__(self, plans: Sequence[LinkPlan], failures: dict[str, Failure]) -> None:
        """Carry out the part for ``plans``; put what fails into ``failures``."""


def _id(plan: LinkPlan) -> str:
    return plan.state.link_id


def _first(todo: Sequence[LinkPlan]) -> Sequence[LinkPlan]:
    """Return the plans that are carried out next, together: all of a kind."""
    kind = _kind(todo[0])
    most = PART if any(kind) else TOGETHER
    return list(itertools.takewhile(lambda plan: _kind(plan) == kind, todo[:most]))


def _kind(plan: LinkPlan) -> tuple[bool, bool]:
    """Return what those that wait for ovs-vswitchd, and then those that make pairs, come last by."""
    return plan.settle, plan.makes


def _unavailable(error: exceptions.OvsdbUnavailable) -> Failure:
    return Failure(Reason.OVSDB_UNAVAILABLE, str(error), silent=isinstance(error, exceptions.OvsdbSilent))


def _attachments(plans: Iterable[LinkPlan]) -> list[AttachPort]:
    return [step for plan in plans for step in plan.attach]


def _without(plans: Sequence[LinkPlan], failures: dict[str, Failure]) -> list[LinkPlan]:
    return [plan for plan in plans if _id(plan) not in failures]


def _alike(plans: Sequence[LinkPlan], failed: dict[str, Failure]) -> dict[str, Failure]:
    """Return the plans that need what did not answer in an earlier part: nobody waits for that once more."""
    away = {failure.reason: dataclasses.replace(failure, silent=False) for failure in failed.values()}
    helper, ovsdb = away.get(Reason.HELPER_UNAVAILABLE), away.get(Reason.OVSDB_UNAVAILABLE)
    return {
        _id(plan): failure
        for plan in plans
        if (failure := (plan.operations and helper) or (plan.needs_ovs and ovsdb) or None)
    }
