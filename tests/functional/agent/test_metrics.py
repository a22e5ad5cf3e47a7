"""What Prometheus reads of an agent, of a controller and of the fleet, while links come, break and go."""

import pathlib

from tests.functional.agent.node import FIRST, HOST, Node
from tests.support import commands, documents, scraping

CONCURRENCY = ("eventlet", "threading")


def scraped(node: Node, port: int) -> scraping.Scraped:
    return scraping.Scraped(node.host.namespace, port)


def counted(node: Node, name: str, **labels: str) -> float:
    return scraped(node, scraping.AGENT).find(f"vethagent_agent_{name}", **labels)


def test_a_life_of_a_link_is_counted(node: Node) -> None:
    def seconds(operation: str) -> float:
        return counted(node, "operation_duration_seconds_count", operation=operation)

    before = {operation: seconds(operation) for operation in ("plug", "unplug", "repair")}
    found = counted(node, "drift_found_total", code="MTU")
    repaired = counted(node, "drift_repaired_total", code="MTU")
    casts = counted(node, "casts_total")

    link = node.plug_usual()
    assert counted(node, "links", status="ACTIVE") == 1
    assert seconds("plug") > before["plug"]
    assert counted(node, "casts_total") > casts
    with node.repaired(link, "MTU"):
        node.host.ip("link", "set", FIRST, "mtu", "1000")
    assert counted(node, "drift_found_total", code="MTU") > found
    assert counted(node, "drift_repaired_total", code="MTU") > repaired
    assert seconds("repair") > before["repair"]
    node.unplug(link)
    assert counted(node, "links", status="ACTIVE") == 0
    assert seconds("unplug") > before["unplug"]


def test_the_fleet_shows_what_the_agent_reported(fragile: Node) -> None:
    fragile.plug_usual()

    def told() -> bool:
        fleet = scraped(fragile, scraping.API)
        plugged = fleet.find("vethagent_fleet_agent_port_events_total", host=HOST, kind="plugged") > 0
        return plugged and fleet.find("vethagent_fleet_agent_ready", host=HOST) == 1

    commands.wait_until(told, what="a report with the event, of an agent in step", timeout=30)
    fleet = scraped(fragile, scraping.API)
    assert fleet.value("vethagent_fleet_agent_up", host=HOST) == 1
    assert fleet.value("vethagent_fleet_links", host=HOST, status="ACTIVE", reason="") == 1
    assert fleet.value("vethagent_fleet_agent_report_age_seconds", host=HOST) < 75
    assert fleet.value("vethagent_fleet_agent_netlink_overflows_total", host=HOST) >= 0


def test_names_and_help_are_as_prometheus_wants_them(node: Node) -> None:
    node.plug_usual()
    for port in (scraping.AGENT, scraping.CONTROLLER, scraping.API):
        scraped(node, port).check()
    agent, controller = scraped(node, scraping.AGENT), scraped(node, scraping.CONTROLLER)
    for part in ("bus", "ovsdb", "privsep", "store", "reconciler"):
        assert agent.value("vethagent_agent_healthy", part=part) == 1
    assert agent.value("vethagent_agent_report_age_seconds") >= 0
    assert controller.value("vethagent_controller_healthy", part="bus") == 1
    assert controller.value("vethagent_controller_healthy", part="database") == 1
    assert controller.value("vethagent_controller_call_duration_seconds_count", method="report_state", result="ok") > 0


def test_a_process_tells_what_its_threads_do_and_goes_on(node: Node) -> None:
    before = node.allinone.log.stat().st_size

    def told() -> bool:
        text = node.allinone.log.read_bytes()[before:]
        return all(word in text for word in (b"Guru Meditation", b"Threads", b"Configuration", b"report_interval"))

    for command in documents.run_here(__file__):
        node.type(command.text.replace("PID", str(_worker(node.allinone.pid))))
    commands.wait_until(told, what="the report")
    node.plug_usual()
    assert b"rabbit://" not in node.allinone.log.read_bytes()[before:]


def _worker(pid: int) -> int:
    """Return the process that works: on native threads it is a child of the one that was started."""
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if "vethagent-allinone" in pathlib.Path(f"/proc/{child}/cmdline").read_text().split("\0")[1]:
            return int(child)
    return pid
