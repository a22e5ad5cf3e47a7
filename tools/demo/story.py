"""The steps of the demo. Each is checked, and a check that does not hold ends it."""

import json
import os
import re
import subprocess
import time
from typing import Any

from tests.support import commands, namespaces, processes
from tools.demo import picture
from tools.demo.outage import Watch
from tools.demo.sandbox import HOST, Sandbox
from tools.demo.terminal import DemoFailed, Terminal

FIRST, SECOND = "phy-br1", "eth1-br1"
_ENDS = (f"br1:{FIRST}", f"br-eth1:{SECOND}")
#: The agent's shortest timer is 1 s: what is quicker came by an event.
_REPAIR_MS, _OUTAGE_MS = 500, 1000
_VETHCTL = str(processes.COMMANDS / "vethctl")


class Story:
    """One run of the demo in a sandbox."""

    def __init__(self, terminal: Terminal, sandbox: Sandbox, *, slow: bool = False) -> None:
        self._terminal = terminal
        self._slow = slow
        self._sandbox = sandbox
        self._host = sandbox.host
        self._node = sandbox.host.namespace
        self._before: tuple[list[str], list[str]] = ([], [])
        terminal.prompts |= {
            self._node.name: HOST,
            sandbox.guest1.name: "guest-1",
            sandbox.guest2.name: "guest-2",
        }

    # -- the node ------------------------------------------------------------------------------------------------

    def show_node(self) -> None:
        """Show the bridges, and that nothing joins them."""
        tell = self._terminal
        tell.step("A compute node with two bridges that nothing joins")
        tell.run(self._node, "brctl", "show")
        self._vsctl("show")
        self._ping(expected=False)
        tell.held("no answer: guest-1 is behind br1, guest-2 behind br-eth1")

    def start_embedded(self, concurrency: str) -> None:
        """Start everything as one process."""
        tell = self._terminal
        tell.step("Start vethagent: controller, API and agent in one process, embedded bus, SQLite")
        process = self._sandbox.start_allinone(concurrency)
        self._show_start(process)
        self._wait_for_agent()

    def start_with_rabbit(self, concurrency: str) -> None:
        """Start broker, controller, API and agent, each as a process of its own."""
        tell = self._terminal
        tell.step("Start a RabbitMQ, the controller and the API in a namespace of their own")
        tell.text("This takes some seconds, nearly all of them RabbitMQ's.")
        broker = self._sandbox.start_broker()
        front = self._sandbox.front
        tell.prompts[front.name] = "controller"
        tell.held(f"RabbitMQ takes connections at {broker.url}")
        controller, api = self._sandbox.make_controller(broker)
        manage = ["vethagent-manage", "--config-file", str(controller.configuration), "db", "upgrade"]
        tell.run(front, str(processes.COMMANDS / manage[0]), *manage[1:], shown=manage)
        for process in (controller, api):
            self._show_start(process)
            self._sandbox.start(process)
        self._sandbox.api.wait_until_served()
        tell.held("the API answers")
        tell.step("Start the agent on the compute node")
        self._show_start(self._sandbox.start_agent(broker, concurrency))
        self._wait_for_agent()

    # -- the link ------------------------------------------------------------------------------------------------

    def plug(self) -> dict[str, Any]:
        """Plug the link with one command and return it as the API shows it."""
        tell = self._terminal
        tell.step("Plug: join br1 and br-eth1 by one command")
        self._before = (self._host.devices(), self._host.ovs_ports("br-eth1"))
        self._vethctl("link", "create", "--host", HOST, *_ENDS, "--name", "seed", "--wait", "--timeout", "20")
        link = self._link()
        tell.check(link["status"] == "ACTIVE", "the link is ACTIVE")
        took = _took_ms(self._event(link, "plugged"))
        tell.held(f"the agent took {took:.0f} ms, from hearing of it to seeing that all is as wanted")
        return link

    def draw(self, link: dict[str, Any]) -> None:
        """Draw what the agent has seen."""
        self._terminal.step("What is there now, drawn from what the agent observed")
        self._terminal.block(picture.draw(link))

    def show_as_a_person_would_see_it(self, link: dict[str, Any]) -> None:
        """Look with the tools that every node has, and check what they say."""
        tell = self._terminal
        tell.step("The same as a person on that node sees it")
        tell.text("The ifindexes are large as vethagent chooses those of its devices itself, far above the kernel's.")
        for device in (FIRST, SECOND):
            tell.run(self._node, "ip", "-d", "link", "show", device)
        self._vsctl("show")
        self._vsctl("--columns=name,external_ids", "list", "Port", SECOND)
        first, second = self._device(FIRST), self._device(SECOND)
        row = self._host.ovs_row("Interface", SECOND, "ofport", "error")
        port = self._host.ovs_row("Port", SECOND, "external_ids")
        tell.check(first["master"] == "br1", f"{FIRST} is in br1")
        tell.check(SECOND in self._host.ovs_ports("br-eth1"), f"{SECOND} is in br-eth1")
        tell.check(row["ofport"] > 0 and not row["error"], f"{SECOND} has ofport {row['ofport']} and no error")
        marks = {first["ifalias"], second["ifalias"], f"vethagent:{port['external_ids'].get('vethagent-link-id')}"}
        tell.check(marks == {f"vethagent:{link['id']}"}, "both devices and the OVS port carry the link's id")
        tell.check(first["mtu"] == second["mtu"], f"both ends have MTU {first['mtu']}")
        peers = (self._peer(FIRST), self._peer(SECOND))
        tell.check(
            peers == (second["ifindex"], first["ifindex"]),
            f"each is the other's peer: peer_ifindex {peers[0]} is {SECOND}, peer_ifindex {peers[1]} is {FIRST}",
        )

    def pass_traffic(self) -> None:
        """Ping and move TCP from guest to guest."""
        self._terminal.step("Traffic from guest to guest")
        self._ping(expected=True)
        self._terminal.held("ping passes")
        self._iperf()

    def pull_the_cable_out(self, link: dict[str, Any]) -> None:
        """Delete a device by hand and watch the agent put it back."""
        tell = self._terminal
        tell.step("Pull the cable out by hand")
        sandbox = self._sandbox
        with Watch(sandbox.guest1, sandbox.guest2.address, log=sandbox.folder / "ping.log") as watch:
            tell.run(self._node, "ip", "link", "delete", FIRST)
            repaired = self._event(link, "repaired")
            watch.wait_for_answers(10)
        for difference in repaired["repaired"]:
            tell.block("repaired: {device} {code} (wanted {wanted}, was {observed})".format_map(difference))
        took, outage = _took_ms(repaired), watch.longest_ms()
        repair = f"the agent repaired it in {took:.0f} ms"
        gap = f"between two answers to pings were at most {outage:.0f} ms"
        if self._slow:
            tell.held(repair)
            tell.held(gap)
        else:
            tell.check(took < _REPAIR_MS, f"{repair} (less than {_REPAIR_MS})")
            tell.check(
                outage < _OUTAGE_MS,
                f"{gap} (less than {_OUTAGE_MS}, the agent's shortest timer): the agent saw it by the kernel's event",
            )
        commands.wait_until(lambda: self._link()["status"] == "ACTIVE", what="ACTIVE")
        tell.held("the link is ACTIVE again")
        self._ping(expected=True)
        self._iperf()

    def show_what_the_controller_knows(self, link: dict[str, Any]) -> None:
        """List agents, links and port events."""
        tell = self._terminal
        tell.step("What the controller knows of it")
        self._wait_until_in_step()
        self._vethctl("agent", "list")
        tell.held("the agent and the controller hold the same")
        self._vethctl("link", "list")
        self._vethctl("event", "list")
        kinds = [event["kind"] for event in self._events(link)]
        tell.check(kinds == ["plugged", "repaired"], f"the events tell the whole story: {', then '.join(kinds)}")

    def unplug(self) -> None:
        """Unplug the link and check that nothing of it is left."""
        tell = self._terminal
        tell.step("Unplug")
        self._vethctl("link", "delete", "seed", "--wait", "--timeout", "20")
        tell.run(self._node, "ip", "-br", "link", "show", "type", "veth")
        self._vsctl("list-ports", "br-eth1")
        after = (self._host.devices(), self._host.ovs_ports("br-eth1"))
        tell.check(after == self._before, "devices and ports are those of before: nothing is left")
        tell.check(not self._sandbox.api.links(), "the controller holds no link")
        self._ping(expected=False)
        tell.held("no answer any more")

    def leave_running(self, end_command: str) -> None:
        """Plug once more, and tell how to look at it and how to end it."""
        tell = self._terminal
        self.draw(self.plug())
        tell.step("It goes on running")
        node = self._node.name
        vethctl = f"sh {self._sandbox.write_vethctl()}"
        sudo = "sudo " if "SUDO_USER" in os.environ else ""
        tell.text("Look at it, as root:")
        for line in (
            f"{vethctl} link show seed",
            f"{vethctl} event list --follow",
            f"ip netns exec {node} ip -d link show {FIRST}",
            f"ip netns exec {node} ip link delete {FIRST}",
            f"ovs-vsctl --db={self._host.ovsdb} show",
            f"ip netns exec {self._sandbox.guest1.name} ping {self._sandbox.guest2.address}",
            *(f"tail -f {process.log}" for process in self._sandbox.processes),
        ):
            tell.block(f"{sudo}{line}")
        tell.text("The page, in a browser on this machine:")
        tell.block(f"http://127.0.0.1:{self._sandbox.open_door()}/ui")
        tell.text("End it:")
        tell.block(end_command)

    # -- small things --------------------------------------------------------------------------------------------

    def _show_start(self, process: processes.VethagentProcess) -> None:
        tell = self._terminal
        tell.command(process.namespace, f"{process.name} --config-file {process.configuration} &")
        tell.block(process.configuration.read_text(encoding="utf-8"))

    def _wait_for_agent(self) -> None:
        self._sandbox.api.wait_until_served()
        self._sandbox.api.wait_for_agent(HOST)
        self._wait_until_in_step()
        self._vethctl("agent", "list")
        self._terminal.held(f"the agent of {HOST} is alive and in step with the controller")

    def _wait_until_in_step(self) -> None:
        def in_step() -> bool:
            agent = self._sandbox.api.get(f"/v1/agents/{HOST}")
            return bool(agent["desired_in_step"] and agent["observed_in_step"])

        # The agent's report of its state comes some seconds after a change.
        commands.wait_until(in_step, what="agent and controller hold the same", interval=0.1)

    def _vethctl(self, *arguments: str) -> str:
        return self._terminal.run(self._sandbox.front, _VETHCTL, *arguments, shown=["vethctl", *arguments])

    def _vsctl(self, *arguments: str) -> str:
        command = ["ovs-vsctl", f"--db={self._host.ovsdb}", *arguments]
        return self._terminal.run(self._node, *command, shown=["ovs-vsctl", *arguments])

    def _link(self) -> dict[str, Any]:
        (link,) = self._sandbox.api.links("name=seed")
        return link

    def _events(self, link: dict[str, Any]) -> list[dict[str, Any]]:
        return self._sandbox.api.events(f"link_id={link['id']}")

    def _event(self, link: dict[str, Any], kind: str) -> dict[str, Any]:
        """Wait for the first event of this kind."""
        return commands.wait_until(
            lambda: [event for event in self._events(link) if event["kind"] == kind], what=f"the event {kind!r}"
        )[0]

    def _device(self, name: str) -> dict[str, Any]:
        found = self._host.device(name)
        if found is None:
            raise DemoFailed(f"there is no device {name}")
        return found

    def _peer(self, device: str) -> int:
        output = self._terminal.run(self._node, "ethtool", "-S", device, quiet=True)
        lines = [line for line in output.splitlines() if "peer_ifindex" in line]
        self._terminal.block("\n".join(lines))
        return int(re.sub(r"\D", "", lines[0]))

    def _ping(self, *, expected: bool) -> None:
        guest, address = self._sandbox.guest1, self._sandbox.guest2.address
        command = ["ping", "-c", "3" if expected else "1", "-i", "0.2", "-W", "1", address]
        self._terminal.command(guest, " ".join(command))
        # An address that did not answer is given up 3 s later, and with it each ping that has waited for it since.
        guest.ip("neighbour", "flush", "dev", "eth0")
        output = guest.run(*command, check=False)
        self._terminal.block(output)
        if (" 0% packet loss" in output) is not expected:
            raise DemoFailed("ping does not pass" if expected else "ping passes, and nothing should join the guests")

    def _iperf(self) -> None:
        tell, client, server = self._terminal, self._sandbox.guest1, self._sandbox.guest2
        command = ["iperf3", "-c", server.address, "-t", "1"]
        with _iperf_server(server) as process:
            try:
                tell.command(client, " ".join(command))
                answer = json.loads(client.run(*command, "--json", "--connect-timeout", "3000", timeout=15))
            except subprocess.TimeoutExpired:
                raise DemoFailed("TCP moves nothing") from None
            except ValueError as error:
                raise DemoFailed(f"iperf3 does not answer in JSON: {error}") from None
            finally:
                process.kill()
        received = answer["end"]["sum_received"]
        rate = received["bits_per_second"] / 1e6
        tell.check(received["bytes"] > 0, f"TCP passes: {received['bytes'] / 1e6:.0f} MB, {rate:.0f} Mbit/s")


def _took_ms(event: dict[str, Any]) -> float:
    if event["took_ms"] is None:
        raise DemoFailed(f"the event {event['kind']!r} does not tell how long it took")
    return float(event["took_ms"])


def _iperf_server(guest: namespaces.Namespace) -> "subprocess.Popen[str]":
    command = guest.command("iperf3", "-s", "--one-off", "--forceflush")
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    deadline = time.monotonic() + 10
    while "listening" not in process.stdout.readline():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise DemoFailed("iperf3 -s does not start")
    return process
