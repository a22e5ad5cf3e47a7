"""Which of several links comes first that would close a loop together, none of which is there yet."""

from collections.abc import Callable, Iterable

from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.steps import LinkPlan


class Places:
    """Between bridges, of links that will be made a little later: these keep them before others."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        #: The bridges that links are to join, as they were planned last, and of these what is kept.
        self._joined: dict[str, tuple[str, str]] = {}
        self._kept: dict[str, tuple[str, str] | None] = {}

    def planned(
        self,
        link_ids: set[str],
        rank: Callable[[str], tuple[bool, str]],
        plan: Callable[[str, Topology], LinkPlan | None],
    ) -> list[LinkPlan]:
        """Plan these links in the order of ``rank``, in which one that is planned has a place before those after it.

        Others have their places all the same, and each event would plan all of them. They are planned too only if one
        that is new, or elsewhere than before, may have the place of one of them.
        """
        topology, plans = Topology(self._observed), list[LinkPlan]()
        for link_id in sorted(link_ids | self._kept.keys(), key=rank):
            if link_id not in link_ids:
                if place := self._joined.get(link_id):
                    topology.join(link_id, *place)
            elif found := plan(link_id, topology):
                plans.append(found)
        new = topology.joined.items() - self._joined.items()
        if self._kept.keys() - link_ids and any(topology.way(*place, without={link_id}) for link_id, place in new):
            return self.planned(link_ids | self._kept.keys(), rank, plan)
        self._joined = topology.joined
        return plans

    def keep(self, link_ids: Iterable[str]) -> None:
        """Have links keep their places until they are planned again."""
        self._kept.update((link_id, self._joined.get(link_id)) for link_id in link_ids)

    def keep_all(self) -> None:
        """Have all keep them that were planned last, as nothing is done."""
        self._kept |= self._joined

    def leave(self, link_id: str) -> bool:
        """Keep nothing for a link; return whether one was kept for it that it does not need any more."""
        place = self._kept.pop(link_id, None)
        return place is not None and place != self._joined.get(link_id)
