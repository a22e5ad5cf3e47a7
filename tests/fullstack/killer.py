"""Somebody who kills processes at random."""

import random
import time
from collections.abc import Callable, Sequence

from tests.support import commands, daemons, deployment

#: Seconds for which a process is away, and between its return and the next death.
_AWAY, _PAUSE = (0.0, 1.5), (0.0, 2.0)
_PATIENCE = 120.0


class Killer:
    """Kills a controller, an API and an agent, and then whatever it likes; one at a time, and starts it again."""

    def __init__(self, made: deployment.Deployment, nodes: Sequence[deployment.Node], *, seed: str) -> None:
        self._made = made
        self._nodes = nodes
        self._rng = random.Random(seed)
        self._kinds = {"controller": self._controller, "api": self._api, "agent": self._agent}
        self._first = self._rng.sample(sorted(self._kinds), len(self._kinds))
        #: Names of those that died, in order.
        self.dead: list[str] = []

    @property
    def satisfied(self) -> bool:
        """Whether one of each kind has died."""
        return not self._first

    def act(self) -> None:
        """Kill one, and start it again."""
        kind = self._first[0] if self._first else self._rng.choice(sorted(self._kinds))
        victim, name, is_back = self._kinds[kind]()
        victim.kill()
        self.dead.append(name)
        time.sleep(self._rng.uniform(*_AWAY))
        victim.start()
        commands.wait_until(is_back, what=f"{name}, killed and started again", timeout=_PATIENCE, interval=0.1)
        self._first = self._first[1:]

    def pause(self) -> float:
        """Return how many seconds the next act is away."""
        return self._rng.uniform(*_PAUSE)

    def _controller(self) -> "_Victim":
        number = self._rng.randrange(len(self._made.controllers))
        return self._made.controllers[number], f"controller {number}", lambda: self._made.is_listening(number)

    def _api(self) -> "_Victim":
        number = self._rng.randrange(len(self._made.apis))
        return self._made.apis[number], f"API {number}", self._made.rests[number].is_served

    def _agent(self) -> "_Victim":
        node = self._rng.choice(self._nodes)
        return node.agent, f"agent {node.name}", lambda: node.agent.running


#: Process, name, and whether it works again.
_Victim = tuple[daemons.Daemon, str, Callable[[], bool]]
