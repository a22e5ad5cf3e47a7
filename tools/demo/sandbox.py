"""Where the demo happens: namespaces and one folder, all with fixed names, so that they are found and ended later."""

import fcntl
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys

from tests.support import daemons, hosts, management, namespaces, processes, rabbit, rest

PREFIX = "vethagent-demo-"
FOLDER = pathlib.Path("/run/vethagent-demo")
#: XDG_CACHE_HOME of all that the demo starts.
CACHE = FOLDER / "cache"
HOST = "compute-1"


class SandboxError(Exception):
    """The sandbox cannot be had, or not be removed; the text says why."""


class Busy(SandboxError):
    """Another demo runs on this machine."""


class Sandbox:
    """A compute node with two bridges and two guests, and the processes of vethagent around it."""

    def __init__(self) -> None:
        FOLDER.mkdir(mode=0o755, exist_ok=True)
        self._lock = _lock()
        remove()
        FOLDER.mkdir(mode=0o755)
        self._lock = _lock()
        self.processes: list[daemons.Daemon] = []
        folder = FOLDER / HOST
        folder.mkdir()
        self.host = hosts.Host(HOST, namespace=PREFIX + HOST, folder=folder)
        self.host.linux_bridge("br1")
        self.host.ovs_bridge("br-eth1")
        self.guest1 = self.host.guest("br1", "192.0.2.1/24", namespace=f"{PREFIX}guest-1")
        self.guest2 = self.host.guest("br-eth1", "192.0.2.2/24", namespace=f"{PREFIX}guest-2")
        #: Where API and vethctl are.
        self.front: namespaces.Namespace = self.host.namespace

    @property
    def folder(self) -> pathlib.Path:
        """The folder of all its files."""
        return FOLDER

    @property
    def api(self) -> rest.Rest:
        """The REST API."""
        return rest.Rest(self.front)

    def start_allinone(self, concurrency: str) -> processes.VethagentProcess:
        """Start controller, API and agent as one process."""
        process = processes.make_allinone(self.host, concurrency=concurrency)
        return self._started(process)

    def start_broker(self) -> rabbit.RabbitMQ:
        """Start a RabbitMQ in a namespace of its own, with a cable to the compute node."""
        network = management.ManagementNetwork(name=f"{PREFIX}controller")
        network.join(self.host)
        self.front = network
        folder = FOLDER / "controller"
        folder.mkdir()
        broker = rabbit.RabbitMQ(network, folder, address=network.address)
        self.processes.append(broker.daemon)
        broker.start()
        return broker

    def make_controller(self, broker: rabbit.RabbitMQ) -> list[processes.VethagentProcess]:
        """Return controller and API, not started: their database has to be made first."""
        folder = FOLDER / "controller"
        options = processes.bus_options(broker.url, host="controller", state_path=folder)
        return [
            processes.VethagentProcess(kind, namespace=self.front, folder=folder, options=options)
            for kind in ("controller", "api")
        ]

    def start(self, process: processes.VethagentProcess) -> None:
        """Start one process; it is among those whose logs are shown if something fails."""
        self._started(process)

    def start_agent(self, broker: rabbit.RabbitMQ, concurrency: str) -> processes.VethagentProcess:
        """Start the agent of the compute node."""
        return self._started(processes.make_agent(self.host, url=broker.url, concurrency=concurrency))

    def write_vethctl(self) -> pathlib.Path:
        """Write a shell script that runs vethctl where the API is and leaves no file elsewhere; return its path."""
        environment = ("PYTHONDONTWRITEBYTECODE=1", f"XDG_CACHE_HOME={CACHE}")
        command = self.front.command("env", *environment, str(processes.COMMANDS / "vethctl"))
        script = FOLDER / "vethctl"
        script.write_text(f'exec {shlex.join(command)} "$@"\n', encoding="utf-8")
        return script

    def open_door(self) -> int:
        """Have connections to a port of this machine's loopback go to the API; return the port.

        That is the port of the API itself if nobody has it.
        """
        try:
            listening = socket.create_server(("127.0.0.1", rest.PORT))
        except OSError:
            listening = socket.create_server(("127.0.0.1", 0))
        with listening:
            # A socket belongs to the namespace that it was made in, whoever has it later.
            descriptor = listening.fileno()
            subprocess.Popen(
                self.front.command(sys.executable, "-m", "tools.demo.door", str(descriptor)),
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            port: int = listening.getsockname()[1]
            return port

    def logs(self) -> str:
        """Return the last lines of each process's log."""
        return "\n".join(f"--- {process.log}\n{process.tail(25)}" for process in self.processes)

    def _started(self, process: processes.VethagentProcess) -> processes.VethagentProcess:
        self.processes.append(process)
        process.start()
        return process


def remains() -> list[str]:
    """Return what there is of a demo on this machine: names of namespaces and the folder."""
    found = [name for name in namespaces.existing() if name.startswith(PREFIX)]
    return found + ([str(FOLDER)] if FOLDER.exists() else [])


def remove() -> None:
    """End everything of a demo and remove it, whoever started it; SandboxError if something stays."""
    for name in namespaces.existing():
        if name.startswith(PREFIX):
            namespaces.remove(name)
    shutil.rmtree(FOLDER, ignore_errors=True)
    if left := remains():
        raise SandboxError(f"could not be removed: {', '.join(left)}")


def end() -> bool:
    """Remove what --keep has left; return whether there was anything. Busy if a demo still runs."""
    if not remains():
        return False
    if FOLDER.exists():
        _lock()
    remove()
    return True


def _lock() -> int:
    """Hold the folder for as long as this process lives; raise Busy if another one does."""
    descriptor = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Busy(f"a demo runs on this machine already (it holds {FOLDER})") from None
    return descriptor
