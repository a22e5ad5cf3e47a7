"""Whatever is done to a host in whatever order: at the end controller, store, kernel and OVSDB agree.

The same examples each time. To look further, with others::

    VETHAGENT_CHAOS=20 tox -e functional -- tests/functional/agent/test_chaos.py
"""

import contextlib
import os
import signal
import types
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.functional.agent import sabotage
from tests.functional.agent.node import FIRST, HOST, SECOND, Node
from tests.support import asked, commands
from tools.soak import verdict
from tools.soak.watch import PATIENCE

_MORE = int(os.environ.get("VETHAGENT_CHAOS", "0"))
CONCURRENCY = ("eventlet", "threading") if _MORE else ("eventlet",)

#: The ends of each link that may be wanted; they close no loop, wherever the ends of the victim are put.
LATE = "br3"
ENDS: dict[str, list[dict[str, Any]]] = {
    "victim": [{"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}],
    "restless": [{"bridge": "br2"}, {"bridge": "br-eth2"}],
    "linux": [{"bridge": "br1"}, {"bridge": LATE}],
}
NAMES = st.sampled_from(sorted(ENDS))

_SETTINGS = settings(
    max_examples=_MORE or 1,
    stateful_step_count=40 if _MORE else 6,
    derandomize=not _MORE,
    deadline=None,
    database=None,
    # To make an example smaller that fails takes many more runs.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Chaos(RuleBasedStateMachine):
    """``asked`` is the model: what was asked for last. Nothing is waited for but what the next step needs."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node
        parts = types.SimpleNamespace(host=node.host, agent=node.allinone)
        self.asked = asked.Asked(node.api, parts)  # type: ignore[arg-type]
        self.asked.begin()
        self.gone: dict[str, str] = {}
        self.done: list[str] = []

    # -- what is wanted ---------------------------------------------------------------------------------------------

    @rule(name=NAMES, mtu=st.sampled_from([None, 1400]))
    def plug(self, name: str, mtu: int | None) -> None:
        if name in self.asked.links:
            return
        if name in self.gone:  # until then its names are taken
            self.node.api.wait_until_gone(self.gone.pop(name), timeout=PATIENCE)
        self._say(f"plug {name}")
        self.asked.links[name] = self.node.create(*ENDS[name], mtu=mtu)

    @rule(name=NAMES)
    def unplug(self, name: str) -> None:
        if link := self.asked.links.pop(name, None):
            self._say(f"unplug {name}")
            self.node.api.delete(link["id"])
            self.gone[name] = link["id"]

    @rule(name=NAMES, mtu=st.sampled_from([1350, 1500]), tag=st.sampled_from([None, 7]))
    def change(self, name: str, mtu: int, tag: int | None) -> None:
        if name in self.asked.links:
            self._say(f"change {name}")
            first, second = ENDS[name]
            ends = [first, second if name == "linux" else {**second, "tag": tag}]
            self.asked.links[name] = self.node.patch(self.asked.links[name], mtu=mtu, ends=ends)

    # -- what happens to it -----------------------------------------------------------------------------------------

    @precondition(lambda self: "victim" in self.asked.links)
    @rule(harm=st.sampled_from(sabotage.ALL))
    def harm(self, harm: sabotage.Sabotage) -> None:
        # Two at once may take all marks off, and then nothing tells whose the pair is.
        commands.wait_until(lambda: not self.asked.defects("victim"), what="the link", timeout=PATIENCE)
        self._say(harm.name)
        harm.act(self.node)

    @rule(name=st.sampled_from(["SIGKILL", "SIGSTOP"]))
    def strike_the_helper(self, name: str) -> None:
        self._say(f"helper {name}")
        for pid in self.node.helpers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.Signals[name])

    @rule(kill=st.booleans())
    def restart(self, kill: bool) -> None:
        self._say("crash" if kill else "restart")
        if kill:
            self.node.crash()
        else:
            assert self.node.allinone.stop() == 0
        self.node.allinone.start()
        self.node.api.wait_until_served()

    @rule(server=st.booleans())
    def restart_open_vswitch(self, server: bool) -> None:
        self._say("ovsdb-server killed" if server else "ovs-vswitchd killed")
        ovs = self.node.host.ovs
        ovs.switch.kill()
        if server:
            ovs.server.kill()
            ovs.start_server()
        ovs.switch.start()

    def _say(self, what: str) -> None:
        self.done.append(what)

    # -- the end ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            self._agree()
            for name in list(self.asked.links):
                self.unplug(name)
            for link_id in self.gone.values():
                self.node.api.wait_until_gone(link_id, timeout=PATIENCE)
            self._agree()
        except AssertionError as error:
            raise AssertionError(f"after {self.done}: {error}") from error

    def _agree(self) -> None:
        verdict.wait_until_calm(self.asked)
        commands.wait_until(
            lambda: not verdict.disagreements(self.asked), what=f"agreement on {HOST}", timeout=PATIENCE
        )


@pytest.mark.timeout(0 if _MORE else 600)
def test_after_any_chaos_all_agree(fragile: Node) -> None:
    fragile.host.linux_bridge(LATE)
    run_state_machine_as_test(lambda: Chaos(fragile), settings=_SETTINGS)  # type: ignore[arg-type]
