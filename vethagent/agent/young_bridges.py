"""Links that wait for a bridge, and the bridge that has just come."""

import time
from collections.abc import Iterable, Iterator, Sequence

from vethagent.agent.desired import Desired
from vethagent.agent.journal import Journal
from vethagent.model import Reason
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.steps import LinkPlan
from vethagent.privileged.operations import ChangeEnd, CreatePair, Operation

#: Seconds for which who makes a bridge is left alone with it: a few commands of a script.
PATIENCE = 0.4


class YoungBridges:
    """Has links come after what makes a Linux bridge what it is: its card, its MTU, its address.

    A bridge has the address of its ports if nobody has set one (br_stp_if.c). One that had our device first would keep
    the address that it was made with, another one after each boot, whatever card is put into it next.
    """

    def __init__(self, desired: Desired, journal: Journal, observed: Observed) -> None:
        self._desired = desired
        self._journal = journal
        self._observed = observed
        #: Until when (monotonic seconds) links are held.
        self._until: dict[str, float] = {}

    def admit(self, plans: Sequence[LinkPlan]) -> list[LinkPlan]:
        """Return the plans that may be carried out now; the others have to be made again a little later.

        A link that is new waits for nobody: who asks for it has made its bridges before.
        """
        now, ready = time.monotonic(), []
        for plan in plans:
            link_id = plan.state.link_id
            if not self._comes_with_its_bridge(plan):
                self._until.pop(link_id, None)
                ready.append(plan)
            elif now >= self._until.setdefault(link_id, now + PATIENCE):
                ready.append(plan)
        return ready

    def _comes_with_its_bridge(self, plan: LinkPlan) -> bool:
        masters = (self._observed.devices.get(index) for index in _entered(plan.operations))
        if not any(master is not None and master.follows for master in masters):
            return False
        link_id = plan.state.link_id
        return self._desired.standing(link_id).plugged or self._journal.reason(link_id) is Reason.BRIDGE_NOT_FOUND


def _entered(operations: Iterable[Operation]) -> Iterator[int]:
    """Yield the ifindexes of the bridges that devices are put into."""
    for operation in operations:
        match operation:
            case CreatePair():
                yield from (end.master for end in operation.ends if end.master)
            case ChangeEnd():
                yield operation.master or 0
