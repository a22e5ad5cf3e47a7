"""Processes of vethagent, as the commands that are installed start them."""

import configparser
import contextlib
import os
import pathlib
import signal
import sys
from collections.abc import Iterable, Mapping

from tests.support import commands, daemons, hosts, namespaces, service_user

#: A configuration file: group, option, value.
Options = Mapping[str, Mapping[str, str]]

#: The folder of the commands, that of the interpreter which runs the tests.
COMMANDS = pathlib.Path(sys.prefix) / "bin"


class VethagentProcess(daemons.Daemon):
    """``vethagent-KIND`` with a configuration file of its own, as root or as the service user."""

    def __init__(
        self,
        kind: str,
        *,
        namespace: namespaces.Namespace,
        folder: pathlib.Path,
        options: Options,
        as_service_user: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.configuration = write_options(folder / f"vethagent-{kind}.conf", options)
        command = [str(COMMANDS / f"vethagent-{kind}"), "--config-file", str(self.configuration)]
        if as_service_user:
            command = service_user.command(*command)
        log = folder / f"vethagent-{kind}.log"
        super().__init__(command, name=f"vethagent-{kind}", namespace=namespace, log=log, env=env)


def write_options(path: pathlib.Path, options: Options) -> pathlib.Path:
    """Write a configuration file and return its path."""
    parser = configparser.RawConfigParser(default_section="")
    parser.read_dict({group: values for group, values in options.items() if values})
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)
    return path


def bus_options(
    url: str, *, host: str, state_path: pathlib.Path, ca: pathlib.Path | None = None, quorum: bool = False
) -> dict[str, dict[str, str]]:
    """Return what every process reads: its name, its folder and the way to the bus.

    That is over TLS if there is a ``ca``; with ``quorum`` queues are those of that kind.
    """
    tls = {"ssl": "true", "ssl_ca_file": str(ca)} if ca else {}
    queues = {"rabbit_quorum_queue": "true"} if quorum else {}
    return {
        "DEFAULT": {"host": host, "state_path": str(state_path), "transport_url": url},
        "oslo_messaging_rabbit": tls | queues,
    }


def agent_options(host: hosts.Host, *, concurrency: str) -> dict[str, dict[str, str]]:
    """Return what an agent on ``host`` reads beside that."""
    return {"agent": {"concurrency": concurrency, "ovsdb_connection": host.ovsdb}}


def make_agent(
    host: hosts.Host,
    *,
    url: str,
    concurrency: str = "eventlet",
    as_service_user: bool = False,
    ca: pathlib.Path | None = None,
    agent: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    quorum: bool = False,
) -> VethagentProcess:
    """Return an agent for ``host``, not started yet; ``agent`` are options of that name's group."""
    folder = make_folder(host.folder / "agent", as_service_user=as_service_user)
    if as_service_user:
        host.ovs.let_in(service_user.UID, service_user.GID)
    return VethagentProcess(
        "agent",
        namespace=host.namespace,
        folder=folder,
        options={
            **bus_options(url, host=host.name, state_path=folder, ca=ca, quorum=quorum),
            "agent": agent_options(host, concurrency=concurrency)["agent"] | dict(agent or {}),
        },
        as_service_user=as_service_user,
        env=env,
    )


def make_allinone(
    host: hosts.Host, *, concurrency: str = "eventlet", env: Mapping[str, str] | None = None
) -> VethagentProcess:
    """Return controller, API and agent of ``host`` in one process, not started yet."""
    folder = make_folder(host.folder / "allinone")
    return VethagentProcess(
        "allinone",
        namespace=host.namespace,
        folder=folder,
        env=env,
        options={
            **bus_options("fake://", host=host.name, state_path=folder),
            **agent_options(host, concurrency=concurrency),
        },
    )


def helpers(host: hosts.Host) -> list[int]:
    """Return the pids of the privileged helpers on ``host``."""
    found = []
    for pid in commands.run("ip", "netns", "pids", host.namespace.name).stdout.split():
        with contextlib.suppress(OSError):
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if any(word.endswith("privsep-helper") for word in command):
                found.append(int(pid))
    return found


def signal_helpers(host: hosts.Host, number: signal.Signals) -> None:
    """Send a signal to the privileged helpers on ``host``; one may have ended meanwhile."""
    signal_all(helpers(host), number)


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes, of which one may have ended meanwhile."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def make_folder(folder: pathlib.Path, *, as_service_user: bool = False) -> pathlib.Path:
    """Make a folder that the process may write to."""
    folder.mkdir()
    if as_service_user:
        service_user.give(folder)
    return folder
