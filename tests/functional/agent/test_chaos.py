"""Whatever is done to a host in whatever order: at the end controller, store, kernel and OVSDB agree.

The same examples each time. To look further, with others, which are longer and know more that may happen::

    VETHAGENT_CHAOS=20 tox -e functional -- tests/functional/agent/test_chaos.py
"""

import dataclasses
import os
import pathlib
import signal
import types
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.functional.agent import sabotage
from tests.functional.agent.node import FIRST, HOST, SECOND, Node
from tests.support import asked, commands, copies, processes, rest
from tools.soak import verdict
from tools.soak.watch import PATIENCE
from vethagent import constants

_MORE = int(os.environ.get("VETHAGENT_CHAOS", "0"))
CONCURRENCY = ("eventlet", "threading") if _MORE else ("eventlet",)

#: The ends of each link that may be wanted; they close no loop, wherever the ends of the victim are put.
LATE = "br3"
#: Bridges that are made again, of each kind, each with the guest's device in it.
AGAIN = {"br2": "tap2", "br-eth2": "tap4"}
ENDS: dict[str, list[dict[str, Any]]] = {
    "victim": [{"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}],
    "restless": [{"bridge": "br2"}, {"bridge": "br-eth2"}],
    "linux": [{"bridge": "br1"}, {"bridge": LATE}],
}
#: Which of the links that there are, or are not.
PICKS = st.integers(0, len(ENDS) - 1)

_SETTINGS = settings(
    # The first one is the simplest there is: what begins, and a few steps of one or two kinds.
    max_examples=_MORE or 3,
    stateful_step_count=40 if _MORE else 8,
    derandomize=not _MORE,
    deadline=None,
    database=None,
    # To make an example smaller that fails takes many more runs.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclasses.dataclass(frozen=True)
class Backup:
    """Copies of the store and of the controller's database, and what was asked for until then."""

    store: bytes
    database: bytes
    links: Mapping[str, rest.Link]
    gone: Mapping[str, str]
    mode: str


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
        self.mode = "enforce"
        self.backup: Backup | None = None
        #: What takes seconds and was done.
        self._slow: set[str] = set()

    def _may(self, what: str) -> bool:
        """Return whether there is time for what takes seconds: in CI once in an example."""
        return bool(_MORE) or what not in self._slow

    @initialize()
    def begin(self) -> None:
        """Else the few steps of CI may be such that nothing is there to be harmed."""
        self._plug("victim", None)

    # -- what is wanted ---------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.asked.links) < len(ENDS))
    @rule(pick=PICKS, mtu=st.sampled_from([None, 1400]))
    def plug(self, pick: int, mtu: int | None) -> None:
        self._plug(_picked(pick, ENDS.keys() - self.asked.links.keys()), mtu)

    def _plug(self, name: str, mtu: int | None) -> None:
        if name in self.gone:  # until then its names are taken
            self._set_mode("enforce")
            self.node.api.wait_until_gone(self.gone.pop(name), timeout=PATIENCE)
        self._say(f"plug {name}")
        self.asked.links[name] = self.node.create(*ENDS[name], mtu=mtu)

    @precondition(lambda self: self.asked.links)
    @rule(pick=PICKS)
    def unplug(self, pick: int) -> None:
        self._unplug(_picked(pick, self.asked.links))

    def _unplug(self, name: str) -> None:
        link = self.asked.links.pop(name)
        self._say(f"unplug {name}")
        self.node.api.delete(link["id"])
        self.gone[name] = link["id"]

    @precondition(lambda self: self.asked.links)
    @rule(pick=PICKS, mtu=st.sampled_from([1350, 1500]), tag=st.sampled_from([None, 7]))
    def change(self, pick: int, mtu: int, tag: int | None) -> None:
        name = _picked(pick, self.asked.links)
        self._say(f"change {name}")
        first, second = ENDS[name]
        ends = [first, second if name == "linux" else {**second, "tag": tag}]
        self.asked.links[name] = self.node.patch(self.asked.links[name], mtu=mtu, ends=ends)

    # -- what happens to it -----------------------------------------------------------------------------------------

    @precondition(lambda self: "victim" in self.asked.links and self.mode == "enforce")
    @rule(harm=st.sampled_from(sabotage.ALL))
    def harm(self, harm: sabotage.Sabotage) -> None:
        # Two at once may take all marks off, and then nothing tells whose the pair is.
        commands.wait_until(lambda: not self.asked.defects("victim"), what="the link", timeout=PATIENCE)
        self._say(harm.name)
        harm.act(self.node)

    @precondition(lambda self: self._may("helper"))
    @rule(name=st.sampled_from(["SIGKILL", "SIGSTOP"]))
    def strike_the_helper(self, name: str) -> None:
        self._say(f"helper {name}")
        self._slow.add("helper")
        processes.signal_helpers(self.node.host, signal.Signals[name])

    @precondition(lambda self: self._may("restart"))
    @rule(kill=st.booleans())
    def restart(self, kill: bool) -> None:
        self._say("crash" if kill else "restart")
        self._slow.add("restart")
        if kill:
            self._crash()
        else:
            assert self.node.allinone.stop() == 0
        self._start()

    @precondition(lambda self: self._may("Open vSwitch"))
    @rule(server=st.booleans())
    def restart_open_vswitch(self, server: bool) -> None:
        self._say("ovsdb-server killed" if server else "ovs-vswitchd killed")
        self._slow.add("Open vSwitch")
        ovs = self.node.host.ovs
        ovs.switch.kill()
        if server:
            ovs.server.kill()
            ovs.start_server()
        ovs.switch.start()

    # -- in long examples only --------------------------------------------------------------------------------------

    @precondition(lambda self: bool(_MORE))
    @rule(mode=st.sampled_from(["enforce", "observe", "paused"]))
    def set_mode(self, mode: str) -> None:
        self._set_mode(mode)

    def _set_mode(self, mode: str) -> None:
        if mode != self.mode:
            self._say(mode)
            assert self.node.api.request("PATCH", f"/v1/agents/{HOST}", {"mode": mode}).status == 200
            self.mode = mode

    @precondition(lambda self: bool(_MORE))
    @rule(bridge=st.sampled_from(sorted(AGAIN)))
    def make_bridge_again(self, bridge: str) -> None:
        self._say(f"{bridge} made again")
        host = self.node.host
        if bridge in host.ovs_bridges:
            host.vsctl("del-br", bridge)
            host.ovs_bridge(bridge)
            host.vsctl("add-port", bridge, AGAIN[bridge])
        else:
            host.ip("link", "delete", bridge)
            host.linux_bridge(bridge)
            host.ip("link", "set", AGAIN[bridge], "master", bridge)

    @precondition(lambda self: bool(_MORE))
    @rule()
    def reboot(self) -> None:
        """All veths of ours are gone, what is in OVSDB is not."""
        self._say("reboot")
        self._crash()
        rows = self.node.host.ovs_rows("Port")
        # A port that has lost its mark, and then its device, is somebody else's.
        if all(constants.OVS_LINK_ID in row["external_ids"] for name, row in rows.items() if name in (FIRST, SECOND)):
            for device in self.node.marked_devices():
                self.node.host.run("ip", "link", "delete", device, check=False)  # it may have gone with its peer
        self._start()

    @precondition(lambda self: bool(_MORE))
    @rule()
    def back_up(self) -> None:
        self._say("backup")
        store, database = (copies.take(self._file(name)) for name in ("agent", "controller"))
        self.backup = Backup(store, database, dict(self.asked.links), dict(self.gone), self.mode)

    @precondition(lambda self: self.backup is not None)
    @rule(what=st.sampled_from(["store", "database", "both", "store lost"]))
    def put_back(self, what: str) -> None:
        """What was asked for since is forgotten with the database."""
        assert self.backup is not None
        self._say(f"older copy: {what}")
        self._crash()
        if what != "database":
            copies.put_back(self._file("agent"), None if what == "store lost" else self.backup.store)
        if what in ("database", "both"):
            copies.put_back(self._file("controller"), self.backup.database)
            self.asked.links, self.gone = dict(self.backup.links), dict(self.backup.gone)
            self.mode = self.backup.mode
        self._start()

    def _file(self, name: str) -> pathlib.Path:
        return self.node.allinone.folder / f"{name}.sqlite"

    def _crash(self) -> None:
        # One that is stopped does not notice that its agent is gone.
        processes.signal_helpers(self.node.host, signal.SIGCONT)
        self.node.crash()

    def _start(self) -> None:
        self.node.allinone.start()
        self.node.api.wait_until_served()

    def _say(self, what: str) -> None:
        self.done.append(what)

    # -- the end ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            self._set_mode("enforce")
            self._agree()
            for name in list(self.asked.links):
                self._unplug(name)
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


def _picked(pick: int, names: Collection[str]) -> str:
    return sorted(names)[pick % len(names)]


@pytest.mark.timeout(0 if _MORE else 600)
def test_after_any_chaos_all_agree(fragile: Node) -> None:
    fragile.host.linux_bridge(LATE)
    run_state_machine_as_test(lambda: Chaos(fragile), settings=_SETTINGS)  # type: ignore[arg-type]
