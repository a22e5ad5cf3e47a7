import pathlib
import re
import subprocess
import sys

import pytest

from vethagent import conf as options
from vethagent.cmd import config_check

TOP = pathlib.Path(__file__).parents[3]


@pytest.mark.parametrize("path", sorted((TOP / "debian/conf").glob("*.conf")), ids=lambda path: path.name)
def test_files_of_the_package_have_no_mistake(path: pathlib.Path) -> None:
    assert config_check.check(str(path)) == []


@pytest.mark.parametrize(
    "text",
    [
        "[DEFAULT]\ntransport_url = rabbit://user:secret@host/\nhost = node1\nlog_dir = /var/log\ndebug = true",
        "[database]\nconnection = mysql+pymysql://u:p@host/vethagent?charset=utf8&plugin=dbcounter",
        "[vethagent_privileged]\nhelper_command = sudo -n privsep-helper",
        "[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\nssl = true",
        "[keystone_authtoken]\nauth_type = password\nusername = u\npassword = p\nauth_url = https://host/identity",
        "[keystone_authtoken]\nwww_authenticate_uri = https://host/identity\nmemcached_servers = host:11211",
        "[keystone_authtoken]\nauth_section = asker\n[asker]\nauth_type = password\nauth_url = https://host/identity",
        "[agent]\nstore = $state_path/other.sqlite",
        "[agent]\nstore = :memory:",
        "[DEFAULT]\ntransport_url = rabbit://u:p$$w\\$5@$host/\nlog_file = ${host}.log\nlogging_exception_prefix =",
        "[agent]\nstore = $DEFAULT.state_path/$host-${agent.concurrency}.sqlite\nbridge_mappings =",
        "[oslo_policy]\npolicy_file = policy.yaml\n[oslo_middleware]\nenable_proxy_headers_parsing = true",
    ],
)
def test_what_operators_write_is_known(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "vethagent.conf"
    path.write_text(text + "\n")
    assert config_check.check(str(path)) == []


def test_all_mistakes_are_told_each_in_a_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "vethagent.conf"
    path.write_text(
        "[DEFAULT]\ntransport = rabbit://host/\nhost = -\n[agent]\nreport_intervall = 5\nreport_interval = soon\n"
        "concurrency = fibers\n[databases]\nconnection = sqlite://\n[oslo_messaging_rabbit]\nssl = perhaps\n"
    )
    told = [str(problem) for problem in config_check.check(str(path))]
    wanted = [
        r"\[DEFAULT\] there is no option 'transport'",
        r"\[DEFAULT\] host: .*'-'",
        r"\[agent\] there is no option 'report_intervall'",
        r"\[agent\] report_interval: .*soon",
        r"\[agent\] concurrency: .*fibers",
        r"\[databases\] there is no such section",
        r"\[oslo_messaging_rabbit\] ssl: .*perhaps",
    ]
    assert len(told) == len(wanted)
    for line, pattern in zip(told, wanted, strict=True):
        assert line.startswith(f"{path}: ") and "\n" not in line
        assert re.search(pattern, line)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[DEFAULT]\ntransport_url = host", "[DEFAULT] transport_url: No scheme"),
        ("[DEFAULT]\ntransport_url =", "[DEFAULT] transport_url: it has no value"),
        ("[database]\nconnection =", "[database] connection: it has no value"),
        (
            "[DEFAULT]\ntransport_url = rabbit://u:$SECRET@host/",
            "transport_url: what follows a $ is the name of no option",
        ),
        ("[agent]\nstore = ${database.SECRET}", "[agent] store: what follows a $"),
        ("[DEFAULT]\nstate_path =", "[DEFAULT] state_path: it has no value"),
        ("[agent]\nrpc_timeout =", "[agent] rpc_timeout: it has no value"),
        ("[agent]\nstore =", "[agent] store: it has no value"),
        ("[oslo_messaging_rabbit]\nheartbeat_rate =", "[oslo_messaging_rabbit] heartbeat_rate: it has no value"),
        ("[agent]\nreport_interval = soon", "[agent] report_interval: 'soon' is no whole number"),
        ("[agent]\nconfirm_timeout = soon", "[agent] confirm_timeout: 'soon' is no number"),
        ("[DEFAULT]\ntransport_url = amqp://host", "[DEFAULT] transport_url: there is no driver 'amqp'"),
        ("[DEFAULT]\ntransport_url = kafka://host", "[DEFAULT] transport_url: No module named 'confluent_kafka'"),
        ("[DEFAULT]\ntransport_url = rabbit://u:SECRET@host:99999", "[DEFAULT] transport_url: host has no port 99999"),
        ("[DEFAULT]\ntransport_url = rabbit://u:SECRET@host:port", "[DEFAULT] transport_url: 'port' is no whole"),
        ("[oslo_messaging_notifications]\ndriver = pigeon", "driver: there is no driver 'pigeon', only log"),
        ("[database]\nconnection = u:SECRET", "[database] connection: it is no URL"),
        ("[database]\nconnection = sqlite://", "[database] connection: it names no file"),
        ("[database]\nconnection = sqlite:///:memory:", "[database] connection: it names no file"),
        ("[database]\nconnection = abacus://u:SECRET@host", "[database] connection: Can't load plugin"),
        (
            "[database]\nconnection = mysql+pymysql://u:SECRET@host:port/x",
            "[database] connection: 'port' is no whole number",
        ),
        ("[api]\nhttp_basic_roles = alice:emperor", "[api] http_basic_roles: there is no role 'emperor'"),
        ("[keystone_authtoken]\nauth_type = pigeon", "[keystone_authtoken] auth_type: there is no driver 'pigeon'"),
        (
            "[keystone_authtoken]\nauth_section = asker\n[asker]\nauth_type = pigeon",
            "[asker] auth_type: there is no driver",
        ),
        ("[keystone_authtoken]\nauth_section = none", "[keystone_authtoken] auth_section: there is no section [none]"),
    ],
)
def test_values_that_no_service_can_start_with(
    tmp_path: pathlib.Path, text: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vethagent.conf"
    path.write_text(text + "\n")
    (problem,) = config_check.check(str(path))
    assert told in str(problem) and "SECRET" not in str(problem)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[DEFAULT]\nstate_path = /none/deeper", "state_path: there is no folder /none/deeper"),
        ("[agent]\nstore = /none/x.sqlite", "[agent] store: there is no folder /none, and root alone can make it"),
        ("[agent]\nstore = /dev/null/x.sqlite", "[agent] store: /dev/null is no folder"),
        ("[vethagent_privileged]\nhelper_command = sudo -n /none/x", "helper_command: there is no file /none/x"),
        ("[agent]\nstore = /etc", "[agent] store: /etc is a folder"),
        ("[api]\ncertificate_file = /none.pem", "[api] certificate_file: there is no file /none.pem"),
        ("[api]\nkey_file = /none.pem", "[api] key_file: there is no file /none.pem"),
        ("[api]\nhttp_basic_user_file = /etc", "[api] http_basic_user_file: /etc is a folder"),
        ("[oslo_policy]\npolicy_file = /none.yaml", "[oslo_policy] policy_file: there is no file /none.yaml"),
        ("[oslo_messaging_rabbit]\nssl_ca_file = /none.pem", "ssl_ca_file: there is no file /none.pem"),
        ("[DEFAULT]\nlog_config_append = /none.conf", "log_config_append: there is no file /none.conf"),
    ],
)
def test_files_and_folders_that_are_missing_here(tmp_path: pathlib.Path, text: str, told: str) -> None:
    path = tmp_path / "vethagent.conf"
    path.write_text(text + "\n")
    (problem,) = config_check.check(str(path))
    assert told in str(problem)


def test_folders_that_the_service_makes(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "vethagent.conf"
    tmp_path.chmod(0o777)
    path.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state/deeper\n[agent]\nstore = {tmp_path}/x/y.sqlite\n")
    assert config_check.check(str(path)) == []


def test_a_section_for_keystone_may_be_in_another_file(tmp_path: pathlib.Path) -> None:
    one, two = tmp_path / "vethagent.conf", tmp_path / "vethagent-api.conf"
    one.write_text("[asker]\nauth_type = password\nauth_urll = https://host/identity\n")
    two.write_text("[keystone_authtoken]\nauth_section = asker\n")
    (problem,) = config_check.check(str(one), str(two))
    assert str(problem) == f"{one}: [asker] there is no option 'auth_urll'"


@pytest.mark.parametrize(
    ("text", "told"), [(None, "No such file"), ("[agent\n", "must end with"), ("alone\n", "alone")]
)
def test_a_file_that_cannot_be_read(tmp_path: pathlib.Path, text: str | None, told: str) -> None:
    path = tmp_path / "vethagent.conf"
    if text is not None:
        path.write_text(text)
    (problem,) = config_check.check(str(path))
    assert told in str(problem)


def test_samples_list_no_option_that_is_not_checked() -> None:
    for path in (TOP / "etc/vethagent").glob("*-config-generator.conf"):
        listed = set(re.findall(r"^namespace = (\S+)$", path.read_text(), re.MULTILINE))
        known = set(config_check.NAMESPACES) | {"vethagent.agent", "vethagent.api", "vethagent.controller"}
        assert listed <= known, path.name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[api]\nprot = 1\n[controller]\nagent_down_time = soon\n[database]\nconection = x\n", []),
        ("[keystone_authtoken]\nauth_section = service\n[service]\nusername = u\n[oslo_policy]\nx = y\n", []),
        ("[api]\nauth_strategy = keystone\n[keystone_authtoken]\nauth_urll = x\n", []),
        ("[agent]\nprot = 1\n[agnet]\nport = 1\n", ["[agent] there is no option 'prot'", "[agnet] there is no such"]),
        ("transport = x\n[oslo_messaging_rabbit]\nssl = perhaps\n", ["[DEFAULT] there is no option", "ssl: "]),
    ],
)
def test_a_process_looks_at_what_it_reads(tmp_path: pathlib.Path, text: str, told: list[str]) -> None:
    path = tmp_path / "vethagent.conf"
    path.write_text(f"[DEFAULT]\n{text}")
    problems = [str(problem) for problem in config_check.check_for([str(path)], options.list_agent_opts())]
    assert len(problems) == len(told)
    assert all(part in problem for part, problem in zip(told, problems, strict=True))


@pytest.mark.parametrize("where", ["[keystone_authtoken]", "[keystone_authtoken]\nauth_section = asker\n[asker]"])
@pytest.mark.parametrize(("strategy", "count"), [("keystone", 1), ("noauth", 0)])
def test_the_api_looks_at_what_keystone_takes(tmp_path: pathlib.Path, strategy: str, count: int, where: str) -> None:
    path = tmp_path / "vethagent.conf"
    path.write_text(f"[api]\nauth_strategy = {strategy}\n{where}\nauth_urll = x\nusername = u\n")
    problems = list(config_check.check_for([str(path)], options.list_api_opts()))
    assert [problem.text for problem in problems] == ["there is no option 'auth_urll'"] * count


def test_all_sections_are_known() -> None:
    ours = {group for group, _ in options.list_opts()}
    assert config_check._known(config_check.NAMESPACES).keys() - ours == config_check.SECTIONS
    libraries = {library for loaded in config_check.LIBRARIES.values() for library in loaded}
    assert libraries | {"vethagent", "keystonemiddleware.auth_token"} == set(config_check.NAMESPACES)
    assert config_check.LIBRARIES.keys() == ours


def manage(home: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vethagent.cmd.manage", *arguments],
        cwd=TOP,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_command(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".vethagent").mkdir()
    own = tmp_path / ".vethagent/vethagent-agent.conf"
    own.write_text("[agent]\nreport_interval = 0\n")
    both = tmp_path / ".vethagent/vethagent.conf"
    both.write_text("[controller]\nagent_down_tme = 3\n")
    done = manage(tmp_path, "config", "check")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 2
    assert f"{own}: [agent] report_interval" in done.stderr and f"{both}: [controller]" in done.stderr
    own.write_text("[agent]\nreport_interval = 5\n")
    done = manage(tmp_path, "config", "check", str(own))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"no mistake found in {own}\n", "")


@pytest.mark.parametrize("option", ["--config-file", "--config-dir"])
def test_command_looks_at_what_an_option_names(tmp_path: pathlib.Path, option: str) -> None:
    named = tmp_path / "folder/own.conf"
    named.parent.mkdir()
    named.write_text("[controller]\nagent_down_tme = 3\n")
    done = manage(tmp_path, option, str(named if option == "--config-file" else named.parent), "config", "check")
    assert done.returncode == 1 and f"{named}: [controller] there is no option" in done.stderr
