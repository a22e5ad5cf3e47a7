"""A whole deployment: RabbitMQ, controller and API in one namespace, and hosts with their agents around it."""

import pathlib
import subprocess
from collections.abc import Mapping

from tests.support import commands, daemons, hosts, management, processes, rabbit, rest, tidy


class Node:
    """A host, its bridges ``br1`` (Linux) and ``br-eth1`` (Open vSwitch), a guest behind each, and its agent."""

    def __init__(self, host: hosts.Host, agent: processes.VethagentProcess, address: str) -> None:
        """``address`` is that of the host in the management network."""
        self.host = host
        self.address = address
        self.name = host.name
        self.agent = agent
        host.linux_bridge("br1")
        host.ovs_bridge("br-eth1")
        self.guest1 = host.guest("br1", "192.0.2.1/24")
        self.guest2 = host.guest("br-eth1", "192.0.2.2/24")


class Deployment(tidy.Tidy):
    """Broker, controller, API, and nodes that are added to them; all have ``env`` in their environment."""

    def __init__(self, *, name: str | None = None, env: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._env = dict(env or {})
        self.daemons: list[daemons.Daemon] = []
        with self._building():
            folder = self._make_folder("deployment")
            self.database = folder / "controller.sqlite"
            self.network = self._cleanup.enter_context(management.ManagementNetwork(name=name))
            self.broker = rabbit.RabbitMQ(self.network, folder, address=self.network.address)
            self.broker.start()
            self._cleanup.callback(self.broker.kill)
            options = processes.bus_options(self.broker.url, host="controller", state_path=folder)
            self.controller = self._process("controller", folder, options)
            self.run("vethagent-manage", "--config-file", str(self.controller.configuration), "db", "upgrade")
            self.api = self._process("api", folder, options)
            self.controller.start()
            self.api.start()
            self.rest = rest.Rest(self.network)
            self.rest.wait_until_served()

    def add_node(
        self,
        name: str,
        *,
        concurrency: str = "eventlet",
        as_service_user: bool = False,
        ca: pathlib.Path | None = None,
        agent: Mapping[str, str] | None = None,
    ) -> Node:
        """Return a new node whose agent has reported; ``remove_node`` or the end of the deployment removes it.

        With ``ca`` it speaks TLS with the broker, whose certificate has to be of that authority; ``agent`` are options
        of the group of that name.
        """
        host = self._cleanup.enter_context(hosts.Host(name))
        address = self.network.join(host)
        url = self.broker.tls_url if ca else self.broker.url
        process = processes.make_agent(
            host,
            url=url,
            concurrency=concurrency,
            as_service_user=as_service_user,
            ca=ca,
            agent=agent,
            env=self._env,
        )
        node = Node(host, process, address)
        self.daemons.append(process)
        process.start()
        self.rest.wait_for_agent(name)
        return node

    def remove_node(self, node: Node) -> None:
        """End a node and remove it; closing it once more does nothing."""
        self.daemons.remove(node.agent)
        node.host.close()

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an installed command beside the controller; with ``check`` it has to succeed."""
        command = self.network.command(str(processes.COMMANDS / program), *arguments)
        return commands.run(*command, check=check, timeout=60)

    def _process(self, kind: str, folder: pathlib.Path, options: processes.Options) -> processes.VethagentProcess:
        process = processes.VethagentProcess(
            kind, namespace=self.network, folder=folder, options=options, env=self._env
        )
        self.daemons.append(process)
        self._cleanup.callback(process.kill)
        return process
