"""The devstack plugin, in every phase, with stand-ins for devstack's functions (``stand_ins.sh``)."""

import dataclasses
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

TOP = pathlib.Path(__file__).parents[3]
PLUGIN = TOP / "devstack"
STAND_INS = pathlib.Path(__file__).with_name("stand_ins.sh")

CONTROLLER = {"ENABLED_SERVICES": "rabbit,mysql,keystone", "DATABASE_TYPE": "mysql"} | {
    "RABBIT_HOST": "192.0.2.11",
    "RABBIT_PASSWORD": "secret",
}
WITHOUT_KEYSTONE = CONTROLLER | {"ENABLED_SERVICES": "rabbit,mysql"}
COMPUTE = {"ENABLED_SERVICES": "vethagent-agent", "RABBIT_HOST": "192.0.2.11", "RABBIT_PASSWORD": "secret"}
NODES = {"controller": CONTROLLER, "without keystone": WITHOUT_KEYSTONE, "compute": COMPUTE}

Call = list[str]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run of the plugin did: its status, and the calls of stand-ins, each the name and the arguments."""

    status: int
    output: str
    calls: list[Call]
    sandbox: pathlib.Path

    def of(self, name: str) -> list[Call]:
        return [call[1:] for call in self.calls if call[0] == name]

    def phases(self) -> dict[str, list[Call]]:
        """Return the calls of each phase; of one that was run several times, those of the last."""
        current: list[Call] = []
        found = {"settings": current}
        for call in self.calls:
            if call[0] == "phase":
                current = found[" ".join(call[1:])] = []
            else:
                current.append(call)
        return found

    def configuration(self) -> dict[tuple[str, str], str]:
        file = str(self.sandbox / "etc/vethagent/vethagent.conf")
        return {(section, option): value for path, section, option, value in self.of("iniset") if path == file}

    def commands(self) -> dict[str, str]:
        return {call[0]: call[1] for call in self.of("run_process")}

    def root(self, path: str) -> str:
        return (self.sandbox / "root" / path).read_text()


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Run:
    def run_it(environment: dict[str, str], *runs: str) -> Outcome:
        (tmp_path / "calls").unlink(missing_ok=True)
        done = subprocess.run(
            ["bash", str(STAND_INS), str(tmp_path), *runs],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"} | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = (tmp_path / "calls").read_text().splitlines()
        return Outcome(done.returncode, done.stderr, [line.split("\t") for line in lines], tmp_path)

    return run_it


@pytest.fixture(params=list(NODES.values()), ids=list(NODES))
def node(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    yield request.param


def test_shell_style() -> None:
    files = [PLUGIN / "settings", PLUGIN / "plugin.sh", PLUGIN / "lib/vethagent"]
    done = subprocess.run(
        [sys.executable, "-m", "bashate.bashate", "--error", ".", "--ignore", "E006", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_all_phases_twice(run: Run, node: dict[str, str]) -> None:
    done = run(node, "stack", "unstack", "clean", "stack", "stack", "unstack", "unstack", "clean", "clean")
    assert done.status == 0, done.output
    assert not done.output


def test_controller_gets_all_services(run: Run) -> None:
    assert list(run(CONTROLLER, "stack").commands()) == ["vethagent-controller", "vethagent-api", "vethagent-agent"]


@pytest.mark.parametrize(
    ("enabled", "wanted"),
    [
        ("rabbit,mysql", {"vethagent-controller", "vethagent-api", "vethagent-agent"}),
        ("n-cpu,placement-client", {"vethagent-agent"}),
        ("vethagent-agent", {"vethagent-agent"}),
        ("rabbit,mysql,vethagent-controller,vethagent-api", {"vethagent-controller", "vethagent-api"}),
    ],
)
def test_services_of_a_node(run: Run, enabled: str, wanted: set[str]) -> None:
    done = run(CONTROLLER | {"ENABLED_SERVICES": enabled}, "stack")
    assert done.status == 0, done.output
    # devstack's run_process does nothing for a service that is not enabled, so what is waited for tells.
    waited = "\n".join(" ".join(call) for call in done.of("test_with_retry") + done.of("wait_for_service"))
    told = {
        "vethagent-controller": "listening for agents",
        "vethagent-agent": "in step",
        "vethagent-api": "/healthcheck",
    }
    assert {service for service, text in told.items() if text in waited} == wanted


def test_services_start_after_local_conf_was_merged(run: Run, node: dict[str, str]) -> None:
    phases = run(node, "stack").phases()
    started = [phase for phase, calls in phases.items() if any(call[0] == "run_process" for call in calls)]
    configured = [phase for phase, calls in phases.items() if any(call[0] == "iniset" for call in calls)]
    assert (configured, started) == (["stack post-config"], ["stack extra"])
    assert phases["stack pre-install"] == phases["stack test-config"] == []


def test_commands_are_what_systemd_takes(run: Run, node: dict[str, str]) -> None:
    for command in run(node, "stack").commands().values():
        assert command.startswith("/")
        assert not re.search(r"[|&;<>$`'\"]|sudo|uwsgi", command)


def test_with_keystone(run: Run) -> None:
    done = run(CONTROLLER, "stack")
    file = str(done.sandbox / "etc/vethagent/vethagent.conf")
    assert done.of("configure_keystone_authtoken_middleware") == [[file, "vethagent"]]
    assert done.of("create_service_user") == [["vethagent"]]
    assert done.of("get_or_create_service")[0][:2] == ["vethagent", "vethagent"]
    assert done.of("get_or_create_endpoint") == [["vethagent", "RegionOne", "http://192.0.2.11:9798"]]
    conf = done.configuration()
    assert (conf["api", "auth_strategy"], conf["api", "host"], conf["api", "port"]) == ("keystone", "::", "9798")


def test_behind_a_tls_proxy(run: Run) -> None:
    done = run(CONTROLLER | {"ENABLED_SERVICES": "rabbit,mysql,keystone,tls-proxy"}, "stack")
    assert done.of("get_or_create_endpoint") == [["vethagent", "RegionOne", "https://192.0.2.11:9798"]]
    assert done.of("start_tls_proxy") == [["vethagent-api", "*", "9798", "127.0.0.1", "19798"]]
    conf = done.configuration()
    assert (conf["api", "host"], conf["api", "port"]) == ("127.0.0.1", "19798")
    assert conf["oslo_middleware", "enable_proxy_headers_parsing"] == "True"


def test_without_keystone_the_api_stays_on_its_host(run: Run) -> None:
    environment = WITHOUT_KEYSTONE | {"ENABLED_SERVICES": "rabbit,mysql,tls-proxy"}
    done = run(environment, "stack")
    assert done.status == 0, done.output
    conf = done.configuration()
    assert (conf["api", "auth_strategy"], conf["api", "host"], conf["api", "port"]) == ("noauth", "127.0.0.1", "9798")
    for name in ("create_service_user", "get_or_create_endpoint", "start_tls_proxy"):
        assert done.of(name) == []
    assert done.of("wait_for_service") == [["60", "http://127.0.0.1:9798/healthcheck"]]


def test_database_belongs_to_the_controller(run: Run) -> None:
    done = run(CONTROLLER, "stack")
    assert done.configuration()["database", "connection"].endswith("/vethagent?charset=utf8&plugin=dbcounter")
    made = [call for call in done.phases()["stack extra"] if call[0] in ("recreate_database", "run_process")]
    assert made[0] == ["recreate_database", "vethagent"]
    compute = run(COMPUTE, "stack")
    assert compute.of("recreate_database") == [] and ("database", "connection") not in compute.configuration()
    assert not any(section in ("database", "api") for section, _ in compute.configuration())


def test_tables_are_made_before_anything_starts(run: Run) -> None:
    calls = [call[0] for call in run(CONTROLLER, "stack").calls]
    made = next(number for number, call in enumerate(calls) if call.endswith("db upgrade"))
    assert calls.index("recreate_database") < made < calls.index("run_process")


def test_without_a_database_server_it_is_a_file(run: Run) -> None:
    done = run({name: value for name, value in CONTROLLER.items() if name != "DATABASE_TYPE"}, "stack")
    assert done.status == 0, done.output
    assert ("database", "connection") not in done.configuration() and done.of("recreate_database") == []


def test_store_of_an_earlier_run_is_forgotten(run: Run) -> None:
    store = run(COMPUTE, "stack").sandbox / "data/vethagent/agent.sqlite"
    store.touch()
    run(COMPUTE, "unstack", "stack")
    assert not store.exists()


def test_without_a_broker_there_is_one_clear_line(run: Run) -> None:
    done = run({"ENABLED_SERVICES": "vethagent-agent"}, "stack")
    assert done.status == 1
    assert "RABBIT_HOST and RABBIT_PASSWORD" in done.of("die")[0][-1]


def test_helper_is_started_by_sudo_and_nothing_else_is(run: Run) -> None:
    done = run(COMPUTE, "stack")
    conf = str(done.sandbox / "etc/vethagent/vethagent.conf")
    helper = str(done.sandbox / "venv/bin/privsep-helper")
    command = done.configuration()["vethagent_privileged", "helper_command"]
    assert command == f"sudo -n {helper} --config-file {conf} --nouse-syslog --nouse-journal"
    rule = done.root("etc/sudoers.d/vethagent-agent").splitlines()[-1]
    user, _, rest = rule.partition(" ALL = (root) NOPASSWD: ")
    allowed, _, arguments = rest.partition(" ")
    assert user and allowed == helper
    context = "--privsep_context vethagent.privileged.batch.default --privsep_sock_path /tmp/tmpab_9xyz0/privsep.sock"
    assert re.search(arguments, f"{command.partition('privsep-helper ')[2]} {context}")
    assert not re.search(arguments, f"--config-file {conf.replace('.', 'x')} {context}")
    installed = next(call for call in done.of("sudo") if call[0] == "install" and call[-1].startswith("/etc/sudoers.d"))
    assert "0440" in installed
    assert ["visudo", "--check"] in [call[:2] for call in done.of("sudo")]


def test_socket_of_the_database_is_the_stack_users(run: Run) -> None:
    done = run(COMPUTE | {"OVN_BUILD_FROM_SOURCE": "True"}, "stack")
    assert done.configuration()["agent", "ovsdb_connection"] == "unix:/run/vethagent/ovsdb.sock"
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    assert f"d /run/vethagent 2750 root {group} -\n" in done.root("etc/tmpfiles.d/vethagent-ovsdb.conf")
    unit = done.root("etc/systemd/system/vethagent-ovsdb.service")
    assert "PartOf=devstack@ovsdb-server.service\n" in unit and "=ovsdb-server.service" not in unit


@pytest.mark.parametrize("enabled", ["vethagent-agent", "vethagent-agent,neutron"])
def test_neutron_starts_open_vswitch_itself(run: Run, enabled: str) -> None:
    started = run(COMPUTE | {"ENABLED_SERVICES": enabled}, "stack").of("start_service")
    assert started == ([] if "neutron" in enabled else [["openvswitch-switch"]])


def test_unstack_stops_and_removes_what_the_agent_made(run: Run) -> None:
    done = run(CONTROLLER, "unstack")
    assert done.of("stop_process") == [["vethagent-agent"], ["vethagent-api"], ["vethagent-controller"]]
    commands = [" ".join(call) for call in done.of("sudo")]
    ports = [command for command in commands if "del-port" in command]
    assert [command.rpartition(" ")[2] for command in ports] == ["eth1-br1", "eth2-br2"]
    assert [command for command in commands if command.startswith("ip ")] == ["ip link delete dev phy-br1"]


def test_clean_leaves_nothing(run: Run) -> None:
    done = run(CONTROLLER, "stack", "unstack", "clean")
    calls = done.phases()["clean"]
    removed = {path for call in calls if call[:2] == ["sudo", "rm"] for path in call[3:]}
    made = {call[-1] for call in done.of("sudo") if call[0] in ("tee", "install")}
    made = {path for path in made if not path.startswith("/tmp/tmp.")}
    assert made <= removed, made - removed
    assert ["sudo", "systemctl", "disable", "--now", "vethagent-ovsdb.service"] in calls
