"""Which links are on trial, and what probes of the ways out of the host say of them. Pure.

A batch that lets packets pass where none passed before may cut the host off. So it has to be known which ways are there
before it, and for a while after it they have to be there still. One batch at a time: until a probe has found the ways
again the next one waits, so if they are lost it is known by which. It waits too until they have returned after a batch
was taken back, or have had as long for that as they may be lost: before, nothing can be lost by it. Batches that follow
each other at once count as one: they are what many casts in a row become. All times are monotonic seconds.

An agent may stand still: it is stopped, its machine is suspended, or others take all of its time. Then nobody looks,
and an answer that has come meanwhile is found too late. Such time is none in which a way was lost.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

#: Names of ways, such as that to the bus.
Ways = frozenset[str]
#: Link id -> generation.
Links = dict[str, int]

#: Seconds for which a probe tells how it is now.
_FRESH = 2.0
#: So many probes in a row find less than before: one that is late or lost is no proof.
_MISSES = 3
_INTERVAL = 1.0
#: A probe that ends by so many intervals later than it should comes from an agent that stood still.
_LATE = 2
#: Seconds for which a batch is left alone before its probe, unless another batch waits for that.
_LULL = 0.05
#: Seconds from its first batch in which others may join a trial, as long as no probe was made of it.
_JOIN = 0.5


class Probe(NamedTuple):
    """What was found between ``begun`` and ``ended``; of the ways in ``unknown`` it could not be found out.

    ``patience`` are the seconds for which answers are waited for.
    """

    begun: float
    ended: float
    reached: Ways
    unknown: Ways = frozenset()
    patience: float = 0.0


class Verdict(NamedTuple):
    """Links that have passed their trial, and links that have to be taken back, with the ways that are ``lost``."""

    confirmed: Links
    condemned: Links
    lost: Ways


@dataclasses.dataclass(slots=True)
class _Trial:
    """The links of one batch, or of some; ``needs`` are the ways that were there before the first, at ``begun``.

    Without links it is what is left of such that were taken back: their ways may return by that.

    Each may be lost for ``timeout``. For ``quiet`` seconds after ``since`` nothing passes yet, so nothing is lost.
    """

    links: Links
    needs: Ways
    begun: float
    since: float
    timeout: float
    quiet: float = 0.0
    carrying: set[str] = dataclasses.field(default_factory=set)
    probed: bool = False
    answered: bool = False
    last_probe: float = float("-inf")
    misses: int = 0
    lost_for: float = 0.0
    lost: Ways = frozenset()
    forgiven: bool = False

    def found(self) -> None:
        """Its ways were there."""
        self.answered, self.forgiven = True, False
        self.misses, self.lost_for = 0, 0.0

    def missed(self, lost: Ways, seconds: float, *, stood_still: bool) -> None:
        """Ways of it have been ``lost`` for so many seconds more.

        If the agent ``stood_still`` before, it begins anew, but only once: one that hardly has its turn, perhaps by
        what it has plugged, has to come to an end too.
        """
        if stood_still and not self.forgiven:
            self.forgiven = True
            self.misses, self.lost_for = 0, 0.0
        self.misses += 1
        self.lost_for += seconds
        self.lost = lost


class Trials:
    """All that are under way."""

    def __init__(self, timeout: float, bus: str) -> None:
        """``timeout``: for so long a batch is watched, and a way may be lost; ``bus`` is the name of the first way."""
        self._timeout = timeout
        self._bus = bus
        #: Probes in a row that missed the bus while nothing was lost by a trial.
        self._missed = 0
        self._interval = min(_INTERVAL, timeout / 5)
        self._open: list[_Trial] = []
        self._last = Probe(float("-inf"), float("-inf"), frozenset())

    def baseline(self, now: float) -> Ways | None:
        """Return the ways that are there now, None if a probe has to tell first, or a trial has to end."""
        if young := self._young(now):
            return young.needs
        if self.pending or now - self._last.ended > _FRESH:
            return None
        if self._bus not in self._last.reached and self._missed < _MISSES:
            return None
        return self._last.reached

    @property
    def pending(self) -> bool:
        """Whether of some trial it is not known yet that the ways are there still."""
        return any(trial.misses or not trial.answered for trial in self._open)

    def forget(self) -> None:
        """What the last probes have found is not how it is for the next batch."""
        self._missed = 0
        self._last = self._last._replace(ended=float("-inf"))

    def begin(self, links: Mapping[str, int], needs: Ways, now: float, *, timeout: float = 0.0) -> None:
        """These links are being plugged, and ``needs`` was the baseline.

        With a longer ``timeout`` than that of all a way may be lost so long.
        """
        young = self._young(now)
        if young is not None and young.needs == needs:
            young.links.update(links)
            young.since = now
        else:
            self._open.append(_Trial(dict(links), needs, now, now, max(timeout, self._timeout)))

    def _young(self, now: float) -> _Trial | None:
        """Return the trial that others may join."""
        unprobed = [trial for trial in self._open if not trial.probed and now - trial.begun <= _JOIN]
        return unprobed[-1] if unprobed and not any(trial.misses for trial in self._open) else None

    def carries(self, link_id: str, generation: int, now: float, *, quiet: float = 0.0) -> bool:
        """Return whether a link is on trial; it has to be watched from now on, and longer if it is ``quiet`` first.

        Another ``generation`` than that which was begun with goes on with the trial.
        """
        for trial in self._open:
            if link_id in trial.links:
                trial.links[link_id] = generation
                trial.quiet = max(trial.quiet, quiet)
                if link_id not in trial.carrying:
                    trial.carrying.add(link_id)
                    trial.since, trial.probed, trial.answered = now, False, False
                return True
        return False

    def __contains__(self, link_id: str) -> bool:
        """Return whether a link is on trial."""
        return any(link_id in trial.links for trial in self._open)

    def drop(self, link_id: str) -> None:
        """A link is not on trial any more."""
        ended = [trial for trial in self._open if trial.links.pop(link_id, None) is not None and not trial.links]
        self._open = [trial for trial in self._open if trial not in ended]

    def probed(self, probe: Probe) -> None:
        """Take in what a probe has found. What could not be found out is not held against anybody."""
        last, self._last = self._last, probe
        for trial in self._open:
            if probe.begun < trial.since:
                continue
            trial.probed, trial.last_probe = True, probe.begun
            lost = trial.needs - probe.reached - probe.unknown
            if not lost:
                trial.found()
            else:
                seconds = probe.ended - (last.ended if trial.misses else probe.begun)
                stood_still = seconds > probe.patience + (1 + _LATE) * self._interval
                trial.missed(lost, self._interval if stood_still else seconds, stood_still=stood_still)
        before = self._missed if probe.begun - last.ended <= _FRESH else 0
        # With no trial, which comes to an end, it counts: a host that can never ask would wait for ever.
        unknown = bool(self._open) and self._bus in probe.unknown
        self._missed = 0 if self._bus in probe.reached or self.pending or unknown else before + 1

    def verdict(self) -> Verdict:
        """End the trials that are over.

        Of those that lost their ways the one goes first that never had them again. If all had, as what the host knows
        of its neighbours holds for a moment more, it is the last one; if that does not help, all others.
        """
        passed = [
            trial
            for trial in self._open
            if trial.answered and not trial.misses and trial.last_probe >= trial.since + trial.quiet + self._timeout
        ]
        ripe = [trial for trial in self._open if trial.misses >= _MISSES and trial.lost_for >= trial.timeout]
        silent = [trial for trial in self._open if trial.links and not trial.answered]
        in_vain = any(not trial.links and not trial.answered for trial in self._open)
        last = max((trial.since for trial in ripe if trial.links), default=0.0)
        likely = silent or [trial for trial in ripe if in_vain or trial.since == last]
        doomed = [trial for trial in ripe if trial in likely or not trial.links]
        self._open = [trial for trial in self._open if trial not in passed and trial not in doomed]
        if needs := [trial.needs for trial in doomed if trial.links]:
            for trial in self._open:  # it may have been no fault of theirs: they get their time once more
                trial.lost_for = 0.0
            now = self._last.ended
            self._open.append(_Trial({}, frozenset().union(*needs), now, now, self._timeout, probed=True))
        confirmed = {key: trial.links[key] for trial in passed for key in trial.carrying & trial.links.keys()}
        condemned = {key: number for trial in doomed for key, number in trial.links.items()}
        return Verdict(confirmed, condemned, frozenset().union(*(trial.lost for trial in doomed if trial.links)))

    def next_probe(self, *, hurry: bool = False) -> float | None:
        """Return when the trials need a probe, None if there are none; with ``hurry`` others wait for what it finds."""
        if not self._open:
            return None
        fresh = [trial.since for trial in self._open if not trial.probed]
        if not fresh:
            return self._last.begun + self._interval
        return min(fresh) if hurry else min(fresh) + _LULL
