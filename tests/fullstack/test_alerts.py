"""A real Prometheus reads a real deployment, and each alert is fired by its fault, and said of the right host.

The machine's own logs are JSON here, and are looked at in the end.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.fullstack import links, uplinks
from tests.support import commands, deployment, machine, processes, prometheus, scraping

TOP = pathlib.Path(__file__).parents[2]
HOST = "watched"
#: Seconds that anything may take on a busy machine.
PATIENCE = 90
AGENT = {
    "report_interval": "1",
    "helper_timeout": "7",
    "metrics_host": "0.0.0.0",
    "bridge_mappings": "one:br1,two:br-eth1",
}


class Site:
    """The deployment, one node, and the Prometheus that looks at them."""

    def __init__(self, made: deployment.Deployment, faults: pathlib.Path, folder: pathlib.Path) -> None:
        self.made = made
        self.api = made.rest
        self._faults = faults
        self.node = made.add_node(HOST, agent=AGENT)
        self.host = self.node.host
        self.prometheus = prometheus.Prometheus(made.network, folder, f"{self.node.address}:{scraping.AGENT}")

    def arm(self, point: str, fault: str) -> None:
        """Have the agent or its helper meet a fault where it comes by next."""
        (self._faults / point).write_text(fault)

    def count(self, name: str) -> float:
        """Return what the agent has counted so far."""
        return scraping.Scraped(self.host.namespace, scraping.AGENT).find(f"vethagent_agent_{name}_total")

    @contextlib.contextmanager
    def counted(self, name: str) -> Iterator[None]:
        """Wait after the block until the agent has counted one more."""
        before = self.count(name)
        yield
        self.wait(lambda: self.count(name) > before, name)

    def set_mode(self, mode: str) -> None:
        """Set the mode of the agent and wait until it has reported it."""
        assert self.api.request("PATCH", f"/v1/agents/{HOST}", {"mode": mode}).status == 200
        self.wait(lambda: self.api.get(f"/v1/agents/{HOST}")["reported_mode"] == mode, f"mode {mode}")

    def restart(self) -> None:
        """Start another agent, and wait until Prometheus has seen that it is another one."""

        def started() -> list[float]:
            name = f'vethagent_fleet_agent_start_time_seconds{{host="{HOST}"}}'
            return self.prometheus.values(name, seconds=10)[-1:]

        before = started()
        self.node.agent.stop()
        self.node.agent.start()
        self.wait(lambda: started() not in (before, []), "another agent")

    def cast(self, *messages: tuple[object, ...]) -> None:
        """Cast past our own client."""
        command = [sys.executable, str(pathlib.Path(__file__).with_name("cast.py")), self.made.broker.url, HOST]
        commands.run(*self.made.network.command(*command), stdin=json.dumps(messages))

    def cut(self) -> None:
        """Take the link out of its Linux bridge."""
        self.host.ip("link", "set", links.FIRST, "nomaster")

    def attached(self) -> bool:
        """Whether it is in it."""
        device = self.host.device(links.FIRST)
        return device is not None and device.get("master") == "br1"

    def whole(self) -> bool:
        """Whether there is nothing but the one link, and that is as it has to be."""
        found = self.api.links()
        try:
            links.check_plugged(self.host, found[0]["id"])
        except AssertionError:
            return False
        return [link["status"] for link in found] == ["ACTIVE"]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition."""
        commands.wait_until(condition, what=what, timeout=PATIENCE, interval=0.1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    machine.prepare()
    folder = tmp_path_factory.mktemp("alerts")
    faults = folder / "faults"
    faults.mkdir()
    env = {
        "OS_CONTROLLER__AGENT_DOWN_TIME": "6",
        "OS_DEFAULT__USE_JSON": "true",
        "VETHAGENT_FAULTS": str(faults),
    }
    with deployment.Deployment(env=env) as made:
        found = Site(made, faults, folder / "prometheus")
        found.prometheus.start()
        try:
            links.plug(made, found.node)
            found.wait(found.prometheus.answers, "metrics of all jobs")
            yield found
        finally:
            found.prometheus.kill()


# -- faults: what the alert is for is so while the block runs, and is not afterwards -----------------------------------


@contextlib.contextmanager
def controller_gone(site: Site) -> Iterator[None]:
    site.made.controller.stop()
    yield
    site.made.controller.start()


@contextlib.contextmanager
def broker_out_of_reach(site: Site) -> Iterator[None]:
    site.made.network.ip("address", "delete", f"{site.made.network.address}/24", "dev", "mgmt")
    yield
    site.made.network.ip("address", "add", f"{site.made.network.address}/24", "dev", "mgmt")
    site.made.rest.wait_for_agent(HOST, timeout=PATIENCE)


@contextlib.contextmanager
def agent_stands_still(site: Site) -> Iterator[None]:
    site.node.agent.signal(signal.SIGSTOP)
    yield
    site.node.agent.signal(signal.SIGCONT)
    site.made.rest.wait_for_agent(HOST, timeout=PATIENCE)


@contextlib.contextmanager
def helper_stands_still_at_the_start(site: Site) -> Iterator[None]:
    site.node.agent.stop()
    site.host.ip("link", "delete", links.FIRST)
    site.arm("helper-looked", "hang")
    site.node.agent.start()
    yield
    site.wait(site.attached, "the repair")


@contextlib.contextmanager
def helper_stands_still(site: Site) -> Iterator[None]:
    site.arm("helper-looked", "hang")
    site.cut()
    site.wait(site.attached, "the repair")
    yield


@contextlib.contextmanager
def ovsdb_gone(site: Site) -> Iterator[None]:
    site.host.ovs.server.kill()
    yield
    site.host.ovs.start_server()


@contextlib.contextmanager
def agent_restarted_over_and_over(site: Site) -> Iterator[None]:
    for _ in range(4):
        site.restart()
    yield


@contextlib.contextmanager
def canary_without_a_bridge(site: Site) -> Iterator[None]:
    uplink = uplinks.Uplink(site.api, [HOST])
    uplink.create()
    yield
    uplink.delete()


@contextlib.contextmanager
def observed_only(site: Site) -> Iterator[None]:
    site.set_mode("observe")
    yield
    site.set_mode("enforce")


@contextlib.contextmanager
def bridge_missing(site: Site) -> Iterator[None]:
    link = site.api.create(links.wanted(HOST, ends=[{"bridge": "br1"}, {"bridge": "br-none"}]))
    yield
    site.api.delete(link["id"])
    site.api.wait_until_gone(link["id"])


@contextlib.contextmanager
def cable_cut_and_left(site: Site) -> Iterator[None]:
    with observed_only(site):
        site.cut()
        yield
    site.wait(site.attached, "the repair")


@contextlib.contextmanager
def paused_with_a_wish(site: Site) -> Iterator[None]:
    site.set_mode("paused")
    link = site.api.create(links.wanted(HOST, ends=[{"bridge": "br1"}, {"bridge": "br-none"}]))
    yield
    site.api.delete(link["id"])
    site.set_mode("enforce")
    site.api.wait_until_gone(link["id"])


@contextlib.contextmanager
def cable_cut_over_and_over(site: Site) -> Iterator[None]:
    for _ in range(12):
        site.cut()
        site.wait(site.attached, "the repair")
    yield


@contextlib.contextmanager
def cast_from_long_ago(site: Site) -> Iterator[None]:
    site.cast(("sync_bridge_links", {}, {"sent_at": time.time() - 60}))
    yield


@contextlib.contextmanager
def cast_without_sense(site: Site) -> Iterator[None]:
    site.cast(("plug_bridge_link", {"link": {"host": HOST}}))
    yield


@contextlib.contextmanager
def helper_killed_over_and_over(site: Site) -> Iterator[None]:
    for _ in range(3):
        for pid in processes.helpers(site.host):
            os.kill(pid, signal.SIGKILL)
        site.cut()
        site.wait(site.attached, "the repair by another helper")
    yield


@contextlib.contextmanager
def ovsdb_restarted_over_and_over(site: Site) -> Iterator[None]:
    for _ in range(4):
        with site.counted("ovsdb_reconnects"):
            site.host.ovs.server.kill()
            site.host.ovs.start_server()
    yield


@contextlib.contextmanager
def more_events_than_are_taken(site: Site) -> Iterator[None]:
    site.host.linux_bridge("br-noise")
    noise = "\n".join(f"link set br-noise mtu {1500 - number % 2}" for number in range(1, 5001))
    for _ in range(6):
        with site.counted("netlink_overflows"):
            site.node.agent.signal(signal.SIGSTOP)
            commands.run("ip", "-n", site.host.namespace.name, "-batch", "-", stdin=noise)
            site.node.agent.signal(signal.SIGCONT)
    yield
    site.host.ip("link", "delete", "br-noise")


@contextlib.contextmanager
def something_unforeseen(site: Site) -> Iterator[None]:
    site.arm("agent-concluded", "fail")
    site.cut()
    site.wait(site.attached, "the repair")
    yield


@contextlib.contextmanager
def networks_joined_twice(site: Site) -> Iterator[None]:
    other = site.made.add_node("other", agent=AGENT)
    ends = ("by-hand-1", "by-hand-2")
    other.host.ip("link", "add", ends[0], "up", "master", "br1", "type", "veth", "peer", "name", ends[1])
    other.host.ip("link", "set", ends[1], "up")
    other.host.ovs.vsctl("add-port", "br-eth1", ends[1])
    yield
    other.host.ip("link", "delete", ends[0])
    other.host.ovs.vsctl("del-port", "br-eth1", ends[1])


Fault = Callable[[Site], contextlib.AbstractContextManager[None]]

#: The slow repair comes before the many quick ones, and what needs a helper again before what takes one away.
FAULTS: dict[str, Fault] = {
    "VethagentHelperRestarts": helper_killed_over_and_over,
    "VethagentRepairsSlow": helper_stands_still,
    "VethagentDown": controller_gone,
    "VethagentControllerUnhealthy": broker_out_of_reach,
    "VethagentAgentSilent": agent_stands_still,
    "VethagentAgentNotReady": helper_stands_still_at_the_start,
    "VethagentAgentUnhealthy": ovsdb_gone,
    "VethagentAgentRestarts": agent_restarted_over_and_over,
    "VethagentAgentNotEnforcing": observed_only,
    "VethagentLinksInError": bridge_missing,
    "VethagentLinksDown": cable_cut_and_left,
    "VethagentLinksStuck": paused_with_a_wish,
    "VethagentDriftRepeats": cable_cut_over_and_over,
    "VethagentCastsLate": cast_from_long_ago,
    "VethagentCastsRefused": cast_without_sense,
    "VethagentOvsdbReconnects": ovsdb_restarted_over_and_over,
    "VethagentNetlinkOverflows": more_events_than_are_taken,
    "VethagentReconcilerFailures": something_unforeseen,
    "VethagentPhysicalLoop": networks_joined_twice,
    "VethagentRolloutStopped": canary_without_a_bridge,
}


#: Those whose faults take long; VETHAGENT_ALERTS=all has them too.
SLOW = {
    "VethagentRepairsSlow",
    "VethagentAgentNotReady",
    "VethagentAgentRestarts",
    "VethagentNetlinkOverflows",
    "VethagentPhysicalLoop",
}
CHOSEN = [alert for alert in FAULTS if alert not in SLOW or os.environ.get("VETHAGENT_ALERTS") == "all"]


@pytest.mark.parametrize("alert", CHOSEN)
def test_an_alert_is_fired_by_its_fault(site: Site, alert: str) -> None:
    def firing() -> list[dict[str, str]]:
        return site.prometheus.firing().get(alert, [])

    site.wait(lambda: not firing(), "an end of what was before")
    with FAULTS[alert](site):
        site.wait(firing, f"{alert}; now: {site.prometheus.firing()}")
        told = firing()
    assert {labels["host"] for labels in told if "host" in labels} <= {HOST}
    site.wait(site.whole, "a link that is as it was")


def test_each_alert_has_its_fault(site: Site) -> None:
    assert set(site.prometheus.rules) == set(FAULTS)


def test_each_line_of_a_log_is_an_object_that_names_its_link(site: Site) -> None:
    link = next(each for each in site.api.links() if each["status"] == "ACTIVE")
    for process, sentence in ((site.node.agent, "plugged: ACTIVE"), (site.made.api, "to be plugged on")):
        lines = [json.loads(line) for line in process.log.read_text().splitlines()]
        about = [line["extra"] for line in lines if sentence in line["message"]]
        assert {"link_id": link["id"], "request_id": link["request_id"]}.items() <= about[0].items()
    [row] = [site.host.ovs_row("Interface", end["device"], "external_ids") for end in link["observed"] if end["ofport"]]
    assert row["external_ids"]["vethagent-request-id"] == link["request_id"]


def test_each_panel_of_the_dashboard_has_data(site: Site) -> None:
    """What happened before in this module counts too, but is not needed."""
    panels = json.loads((TOP / "etc/grafana/vethagent.json").read_text())["panels"]
    asked = {target["expr"]: panel["title"] for panel in panels for target in panel["targets"]}
    plain = {re.sub(r"\$__rate_interval", "30s", each).replace("$host", ".*"): asked[each] for each in asked}

    def empty() -> list[str]:
        return [f"{plain[each]}: {each}" for each in plain if not site.prometheus.values(each, seconds=600)]

    site.host.linux_bridge("br-more")
    link = site.api.create(links.wanted(HOST, ends=[{"bridge": "br1"}, {"bridge": "br-more"}]))
    site.api.wait_for_status(link["id"], "ACTIVE")
    site.api.delete(link["id"])
    site.cut()
    with bridge_missing(site), contextlib.suppress(AssertionError):  # what is empty is told below
        site.wait(lambda: not empty(), "data for each panel")
    assert empty() == []
