"""All that is done to one host; each act waits until all is whole again, and says what it was."""

import random
from collections.abc import Iterator

from tools.soak import agents, cables, links, switches
from tools.soak.acting import Act

#: Seconds between two acts.
_PAUSE = (0.05, 0.5)

ACTS = (
    Act(10, links.harm),
    Act(6, links.churn),
    Act(1, links.harm_more),
    Act(0.5, links.make_anew),
    Act(0.5, links.only_observe),
    Act(0.5, links.pause),
    Act(0.7, links.leave_orphan),
    Act(0.7, links.close_loop),
    Act(0.7, links.adopt_another),
    Act(1, agents.kill),
    Act(0.3, agents.reload),
    Act(1, agents.kill_helper),
    Act(0.5, agents.stop_helper),
    Act(0.5, agents.stop),
    Act(0.4, agents.flood),
    Act(0.4, agents.reboot),
    Act(0.7, agents.damage_store),
    Act(0.4, agents.put_back_store),
    Act(0.3, agents.lose_store),
    Act(0.4, agents.force),
    Act(0.7, cables.cut_off),
    Act(1, switches.rebuild_bridge),
    Act(0.4, switches.kill_switch),
    Act(0.4, switches.kill_server),
    Act(0.3, switches.kill_both),
    Act(0.4, switches.stop_either),
)


def drawn(rng: random.Random) -> Iterator[tuple[float, Act, random.Random]]:
    """Yield pauses, what is done after each, and what it draws from by itself.

    Nothing depends on what comes of it, so the same seed draws the same acts.
    """
    while True:
        pause = rng.uniform(*_PAUSE)
        chosen = rng.choices(ACTS, [each.weight for each in ACTS])[0]
        yield pause, chosen, random.Random(rng.random())
