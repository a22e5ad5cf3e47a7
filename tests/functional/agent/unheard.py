"""An all-in-one whose log takes nothing goes on all the same, and says so."""

import itertools
from collections.abc import Callable

from tests.support import commands, hosts, processes, rest


def plug_and_repair(host: hosts.Host, allinone: processes.VethagentProcess) -> None:
    """Start it, have it plug a link and mend it; its health tells of the log meanwhile."""
    for bridge in ("br1", "br2"):
        host.linux_bridge(bridge)
    api = rest.Rest(host.namespace)
    allinone.start()
    api.wait_until_served()
    api.wait_for_agent(host.name)
    link = api.create({"host": host.name, "ends": [{"bridge": "br1"}, {"bridge": "br2"}]})
    device = api.wait_for_status(link["id"], "ACTIVE")["observed"][0]["device"]
    commands.wait_until(lambda: _is_told(host), what="health that says so", timeout=60)
    host.ip("link", "delete", device)
    commands.wait_until(lambda: host.device(device), what="the repair")


def wait_until_heard(host: hosts.Host, heard: Callable[[], str]) -> None:
    """Wait until its log takes lines again; ``heard`` returns those that came."""
    commands.wait_until(lambda: not _is_told(host), what="health without it", timeout=60)
    api = rest.Rest(host.namespace)
    [link] = api.links()
    up = itertools.cycle((False, True))

    def told() -> bool:
        # To look for room takes it for a moment where there is little, so a line may be lost then; the next one tells.
        answer = api.request("PATCH", f"/v1/bridge-links/{link['id']}", {"admin_state_up": next(up)})
        assert answer.status == 200, answer
        return "lines were not written" in heard()

    commands.wait_until(told, what="what was lost", interval=0.5)


def _is_told(host: hosts.Host) -> bool:
    agent = rest.Rest(host.namespace).get(f"/v1/agents/{host.name}")
    return "log" in {reason["part"] for reason in agent["health"]}
