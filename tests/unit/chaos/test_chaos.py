"""Whatever happens in whatever order: at the end controller, store, kernel and OVSDB agree.

Deterministic, so that a run that fails fails again. To look further, with other examples each time::

    VETHAGENT_CHAOS=2000 tox -e py3 -- tests/unit/chaos
"""

import os
import pathlib
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.unit.chaos.world import ELSEWHERE, HOST, LINUX, OVS, SHAKY, World
from tests.unit.plumbing.damage import DAMAGE
from vethagent import exceptions
from vethagent.controller import views
from vethagent.model import BridgeLink, Mode

#: What an agent repairs. The rest makes something foreign that stays in the way.
REPAIRABLE = (
    "pull out",
    "send end 0 away",
    "send end 1 away",
    "rename end 0",
    "rename end 1",
    "swap names",
    "mtu",
    "mac",
    "down",
    "end 0 out",
    "end 1 out",
    "end 0 into br3",
    "end 1 into br3",
    "no mark on end 0",
    "no mark on end 1",
    "no marks",
    "rows lost",
    "row lost its mark",
    "row in another bridge",
    "row with another tag",
    "row with other VLANs",
    "row of another type",
    "row with another MTU",
    "row with more interfaces",
    "row with half a mark",
    "row with an error",
    "offload on",
)

_MORE = int(os.environ.get("VETHAGENT_CHAOS", "0"))
_SETTINGS = settings(
    max_examples=_MORE or 12,
    stateful_step_count=40,
    derandomize=not _MORE,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A link, of which there is a good chance that it is at odds with another one."""
    ends = []
    for bridge in draw(st.permutations([*LINUX, *OVS]))[:2]:
        tag = draw(st.sampled_from([None, 100])) if bridge in OVS else None
        ends.append({"bridge": bridge, "device": draw(st.sampled_from([None, "x1", "x2", "x3"])), "tag": tag})
    assume(ends[0]["device"] is None or ends[0]["device"] != ends[1]["device"])
    return {
        "host": HOST,
        "ends": ends,
        "mtu": draw(st.sampled_from([None, 1400])),
        "allow_loop": draw(st.booleans()),
        "adopt": draw(st.sampled_from([False, False, True])),
    }


changes = st.one_of(
    st.fixed_dictionaries({"mtu": st.sampled_from([None, 1300, 1500])}),
    st.fixed_dictionaries({"admin_state_up": st.booleans()}),
    bodies().map(lambda body: {"ends": body["ends"]}),
)


class Chaos(RuleBasedStateMachine):
    """The model is the database: what people asked for. What follows is compared with it in ``teardown``."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.world = World(path)
        self.copy = self.world.controller.copy()
        self.store = self.world.agent.copy()
        self.is_older = False

    def _links(self) -> list[views.Link]:
        return [link for link in self.world.controller.wanted() if link.status != "PENDING_DELETE"]

    def _any(self, number: int) -> views.Link:
        links = self._links()
        assume(links)
        return links[number % len(links)]

    # -- people -----------------------------------------------------------------------------------------------------

    @rule(body=bodies())
    def plug(self, body: dict[str, Any]) -> None:
        self.world.create(**body)

    @rule(body=bodies())
    def plug_elsewhere(self, body: dict[str, Any]) -> None:
        self.world.create(**body | {"host": ELSEWHERE})

    @rule(number=st.integers(0, 9), fields=changes)
    def change(self, number: int, fields: dict[str, Any]) -> None:
        self.world.change(self._any(number).id, **fields)

    @rule(number=st.integers(0, 9), force=st.booleans())
    def unplug(self, number: int, force: bool) -> None:
        self.world.delete(self._any(number).id, force=force)

    @rule(mode=st.sampled_from(Mode))
    def set_mode(self, mode: Mode) -> None:
        self.world.set_mode(mode)

    @rule(number=st.integers(0, 9), name=st.sampled_from(REPAIRABLE))
    def sabotage(self, number: int, name: str) -> None:
        link = self._any(number)
        fields = {field: getattr(link, field) for field in BridgeLink.model_fields if field != "version"}
        assume("br3" not in name or any(d.name == "br3" for d in self.world.host.kernel.devices.values()))
        DAMAGE[name](self.world.host, BridgeLink.model_validate(fields))

    @rule(name=st.sampled_from(SHAKY))
    def remove_bridge(self, name: str) -> None:
        self.world.remove_bridge(name)

    @rule()
    def add_bridges(self) -> None:
        self.world.add_bridges()

    # -- the database -----------------------------------------------------------------------------------------------

    @rule()
    def back_up(self) -> None:
        self.copy = self.world.controller.copy()

    @rule()
    def put_back(self) -> None:
        """What was cast since is of a time that never was, and no generation tells."""
        self.world.controller.put_back(self.copy)
        self.world.bus.casts.clear()

    # -- the store --------------------------------------------------------------------------------------------------

    @rule()
    def back_up_store(self) -> None:
        self.store = self.world.agent.copy()

    @rule()
    def put_store_back(self) -> None:
        """It lacks what was wanted since, and that some links went; casts of all that may still be under way."""
        self.world.agent.put_back(self.store)
        self.is_older = True

    # -- the bus ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.world.bus.casts)
    @rule(back=st.integers(0, 3))
    def deliver_newest(self, back: int) -> None:
        casts = self.world.bus.casts
        self.world.deliver(casts[-1 - back % len(casts)])

    @precondition(lambda self: self.world.bus.casts)
    @rule(number=st.integers(0, 99))
    def deliver_any(self, number: int) -> None:
        """Late, again, out of order, from an older generation, or for another host."""
        casts = self.world.bus.casts
        self.world.deliver(casts[number % len(casts)])

    @rule(away=st.booleans())
    def turn_bus(self, away: bool) -> None:
        self.world.bus.away = away

    @rule(lose=st.sampled_from(["", "", "request", "answer"]))
    def beat(self, lose: str) -> None:
        self.world.bus.lose = lose
        self.world.agent.beat()

    @rule(lose=st.sampled_from(["", "", "request", "answer"]))
    def send(self, lose: str) -> None:
        self.world.bus.lose = lose
        self.world.agent.send()

    @precondition(lambda self: self.world.bus.calls)
    @rule(back=st.integers(0, 3))
    def hear_again(self, back: int) -> None:
        """What an agent has said arrives once more, late, perhaps after the first words of the next one."""
        self.world.bus.hear_again(back)

    @rule(away=st.booleans())
    def turn_ovsdb(self, away: bool) -> None:
        self.world.turn_ovsdb(away=away)

    # -- the host ---------------------------------------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        self.world.agent.round()

    @rule()
    def happen(self) -> None:
        self.world.agent.happen()

    @rule(seconds=st.sampled_from([1, 5, 30, 90]))
    def later(self, seconds: int) -> None:
        self.world.later(seconds)

    @rule()
    def restart(self) -> None:
        self.world.agent.boot()

    @rule()
    def reboot(self) -> None:
        self.world.reboot()

    @rule(dead=st.booleans())
    def turn_helper(self, dead: bool) -> None:
        self.world.agent.helper_error = exceptions.HelperUnavailable("dead") if dead else None

    # -- the end ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            self.world.calm_down()
            self.world.check()
            self._deliver_all_again()
            if not self.is_older:  # else a link that it knows nothing of comes for a moment
                self.world.check_nothing_went_back()
            self.world.calm_down()
            self.world.check()
            for link in self._links():
                self.world.delete(link.id, force=False)
            self.world.calm_down()
            self.world.check()
            assert self.world.controller.wanted() == []
        finally:
            self.world.close()

    def _deliver_all_again(self) -> None:
        casts = list(self.world.bus.casts)
        random.Random(0).shuffle(casts)
        for cast in casts:
            self.world.deliver(cast)


@pytest.mark.timeout(0 if _MORE else 600)
def test_after_any_chaos_all_agree(template: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def chaos() -> Chaos:
        path = tmp_path / "controller.sqlite"
        path.write_bytes(template.read_bytes())
        return Chaos(path)

    run_state_machine_as_test(chaos, settings=_SETTINGS)  # type: ignore[arg-type]
