"""Links that are reconciled on a simulated host, and what their plans say."""

from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import Reason, Status
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.plan import plan_link
from vethagent.plumbing.steps import LinkPlan

LINUX = {"bridge": "br3", "device": "eth1-br1"}
KERNEL_OVS = {"bridge": "br-eth2", "device": "phy-br1"}


def bridged() -> Host:
    """Return a host with the Linux bridges br1 and br3, and br-eth1 and br-eth2 of Open vSwitch, looked at."""
    host = Host()
    for name in ("br1", "br3"):
        host.add_linux_bridge(name)
    for name in ("br-eth1", "br-eth2"):
        host.add_ovs_bridge(name)
    host.look()
    return host


def settle(host: Host, *wanted: model.BridgeLink) -> list[LinkPlan]:
    """Reconcile links as an agent does, with the MTU that was settled before; return the last plans."""
    settled: dict[str, int | None] = {}
    for _ in range(6):
        topology = Topology(host.observed)
        plans = [plan_link(each, host.observed, topology, settled_mtu=settled.get(each.id)) for each in wanted]
        settled = {plan.state.link_id: plan.mtu for plan in plans}
        if all(plan.empty for plan in plans):
            return plans
        assert host.carry_out(*plans) == {}
    raise AssertionError("no end in sight")


def reason(plan: LinkPlan) -> tuple[str, str]:
    return plan.state.status, plan.state.reason


def codes(plan: LinkPlan) -> set[tuple[str, str]]:
    return {(difference.code, difference.device) for difference in plan.state.differences}


def refused(plan: LinkPlan, why: Reason) -> str:
    assert plan.empty and plan.state.reason is why
    assert plan.state.status is Status.ERROR
    return plan.state.message


ACTIVE = (Status.ACTIVE, Reason.NONE)
