"""A whole deployment: RabbitMQ, controller and API in one namespace, and hosts with their agents around it."""

import pathlib
import subprocess
from collections.abc import Callable, Mapping

from tests.support import (
    commands,
    daemons,
    databases,
    hosts,
    management,
    namespaces,
    processes,
    rabbit,
    rest,
    scraping,
    tidy,
)

#: Makes a database server in a namespace, with its files in a folder.
Server = Callable[[namespaces.Namespace, pathlib.Path], databases.DatabaseServer]
#: Between the ports of two processes of a kind.
_APART = 10


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
    """Broker, controllers, APIs, and nodes that are added to them; all have ``env`` in their environment."""

    def __init__(
        self,
        *,
        name: str | None = None,
        env: Mapping[str, str] | None = None,
        copies: int = 1,
        server: Server | None = None,
        quorum: bool = False,
        options: processes.Options | None = None,
    ) -> None:
        """There are ``copies`` controllers and as many APIs, with ``options``, over SQLite or a database ``server``.

        With ``quorum`` queues are those of that kind.
        """
        super().__init__()
        #: Of what is started from now on.
        self.env = dict(env or {})
        self._quorum = quorum
        self.daemons: list[daemons.Daemon] = []
        with self._building():
            folder = self._make_folder("deployment")
            self.database = folder / "controller.sqlite"
            self.network = self._cleanup.enter_context(management.ManagementNetwork(name=name))
            self.broker = rabbit.RabbitMQ(self.network, folder, address=self.network.address)
            self.broker.start()
            self._cleanup.callback(self.broker.kill)
            self.server = None if server is None else self._serve(server, folder / "database")
            self.options = self._options(folder) | {name: dict(group) for name, group in (options or {}).items()}
            self.controllers = [self._copy("controller", folder, number) for number in range(copies)]
            self.apis = [self._copy("api", folder, number) for number in range(copies)]
            self.controller, self.api = self.controllers[0], self.apis[0]
            self.run("vethagent-manage", "--config-file", str(self.controller.configuration), "db", "upgrade")
            for process in (*self.controllers, *self.apis):
                process.start()
            self.rests = [rest.Rest(self.network, rest.PORT - _APART * number) for number in range(copies)]
            self.rest = self.rests[0]
            for api in self.rests:
                api.wait_until_served()

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
        node = self._make_node(name, concurrency=concurrency, as_service_user=as_service_user, ca=ca, agent=agent)
        self.rest.wait_for_agent(name)
        return node

    def add_nodes(self, names: Mapping[str, str], *, agent: Mapping[str, str] | None = None) -> list[Node]:
        """Return new nodes, whose agents start side by side, on the kind of threads that is given for each name."""
        nodes = [
            self._make_node(name, concurrency=concurrency, as_service_user=False, ca=None, agent=agent)
            for name, concurrency in names.items()
        ]
        for node in nodes:
            self.rest.wait_for_agent(node.name, timeout=60)
        return nodes

    def _make_node(
        self,
        name: str,
        *,
        concurrency: str,
        as_service_user: bool,
        ca: pathlib.Path | None,
        agent: Mapping[str, str] | None,
    ) -> Node:
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
            env=self.env,
            quorum=self._quorum,
        )
        node = Node(host, process, address)
        self.daemons.append(process)
        process.start()
        return node

    def remove_node(self, node: Node) -> None:
        """End a node and remove it; closing it once more does nothing."""
        self.daemons.remove(node.agent)
        node.host.close()

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an installed command beside the controller; with ``check`` it has to succeed."""
        command = self.network.command(str(processes.COMMANDS / program), *arguments)
        return commands.run(*command, check=check, timeout=60, env=self.env)

    def is_listening(self, number: int) -> bool:
        """Return whether the controller of this number hears agents."""
        try:
            scraped = scraping.Scraped(self.network, scraping.CONTROLLER - _APART * number)
        except OSError:
            return False
        return scraped.find("vethagent_controller_healthy", part="bus") == 1

    def _serve(self, make: Server, folder: pathlib.Path) -> databases.DatabaseServer:
        server = make(self.network, folder)
        self._cleanup.callback(server.kill)
        server.start()
        return server

    def _options(self, folder: pathlib.Path) -> dict[str, dict[str, str]]:
        """Return what controllers and APIs have in common."""
        options = processes.bus_options(self.broker.url, host="controller", state_path=folder, quorum=self._quorum)
        return options if self.server is None else options | {"database": {"connection": self.server.create()}}

    def _copy(self, kind: str, folder: pathlib.Path, number: int) -> processes.VethagentProcess:
        """Make one of the controllers or APIs; all but the first have names and ports of their own."""
        options = dict(self.options)
        if number:
            folder = processes.make_folder(folder / f"{kind}{number}")
            own = {
                "DEFAULT": {"host": f"{kind}{number}"},
                "controller": {"metrics_port": str(scraping.CONTROLLER - _APART * number)},
                "api": {"port": str(rest.PORT - _APART * number)},
            }
            options |= {group: options.get(group, {}) | values for group, values in own.items()}
        process = processes.VethagentProcess(kind, namespace=self.network, folder=folder, options=options, env=self.env)
        self.daemons.append(process)
        self._cleanup.callback(process.kill)
        return process
