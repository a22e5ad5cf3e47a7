"""What is wrong is told in one line, by each entry point."""

import pathlib

import pytest

from tests.unit.cmd.conftest import Run
from vethagent.cmd import common


@pytest.mark.parametrize(
    ("command", "text", "match"),
    [
        (["api"], "", "controller.sqlite: the database has no tables yet: run 'vethagent-manage db upgrade'"),
        (["controller"], "", "run 'vethagent-manage db upgrade'"),
        (["api"], "[api]\nport = 99999\n", "port"),
        (["api"], "[api]\nprot = 1\n", "[api] there is no option 'prot'"),
        (["api"], "hots = c1\n", "[DEFAULT] there is no option 'hots'"),
        (["api"], "[aip]\nport = 1\n", "[aip] there is no such section"),
        (["controller"], "[database]\nconection = sqlite://\n", "[database] there is no option 'conection'"),
        (["agent"], "[oslo_messaging_rabbit]\nssl = perhaps\n", "[oslo_messaging_rabbit] ssl"),
        (["agent"], "[agent]\novsdb_connection = nonsense\n", "[agent] ovsdb_connection"),
        (["agent"], "[agent]\novsdb_connection = tcp:\n", "[agent] ovsdb_connection"),
        (["agent"], "[DEFAULT]\ntransport_url = rabbit://broker:99999/\n", "broker has no port 99999"),
        (
            ["controller"],
            "[database]\nconnection = mysql+pymysql://u:$p@h/d\n",
            "[database] connection: what follows a $",
        ),
        (["agent"], "[DEFAULT]\nexecutor_thread_pool_size = 0\n", "[DEFAULT] executor_thread_pool_size"),
        (["controller"], "[DEFAULT]\nrpc_thread_pool_size = -1\n", "[DEFAULT] executor_thread_pool_size"),
        (["agent"], "[DEFAULT]\ndebug = perhaps\n", "debug"),
        (["agent"], "[DEFAULT]\nlog_dir = /proc/none\n", "/proc/none"),
        (["agent"], "[DEFAULT]\nlog_config_append = /none.conf\n", "/none.conf"),
        (["agent"], "[vethagent_privileged]\nhelper_comand = x\n", "there is no option 'helper_comand'"),
        (["api"], "[api]\nauth_strategy = nobody\n", "auth_strategy"),
        (["controller"], "[controller]\nagent_down_time = soon\n", "agent_down_time"),
        (["controller"], "[database]\nconnection = nonsense\n", "[database] connection"),
        (["api"], "[database]\nconnection = sqlite://\n", "[database] connection: it names no file"),
        (["allinone"], "[database]\nconnection = oracle://u:p@h/d\n", "[database] connection: No module named"),
        (["manage", "db", "upgrade"], "[database]\nconnection = sqlite://\n", "it names no file"),
        (
            ["manage", "db", "upgrade"],
            "[database]\nconnection = sqlite:////proc/version\n",
            "sqlite:////proc/version: ",
        ),
        (["manage", "db", "upgrade"], "no section\n[\n", "vethagent.conf"),
        (["api", "--config-file", "/none.conf"], "", "/none.conf"),
        (["allinone"], "transport_url = rubbish://\n", "transport_url"),
        (["agent"], "transport_url = rabbit://\n[agent]\nstore = /proc/none/a.sqlite\n", "[agent] store: /proc/none/a"),
        (["allinone"], "[api]\nhost = 0.0.0.0\n", "loopback only"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    run: Run, config: pathlib.Path, command: list[str], text: str, match: str
) -> None:
    with config.open("a") as file:
        file.write(text)
    done = run(*command)
    assert done.returncode == 1
    assert done.stderr.startswith(f"vethagent-{command[0]}: ")
    assert match in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["manage"], ["manage", "tables"], ["status"]])
def test_without_a_command_it_says_which_there_are(run: Run, command: list[str]) -> None:
    done = run(*command)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-2] == common.PURPOSES[f"vethagent-{command[0]}"]


@pytest.mark.parametrize("option", ["rpc_timeout", "store"])
def test_what_the_environment_leaves_empty(run: Run, option: str) -> None:
    done = run("agent", **{f"OS_AGENT__{option.upper()}": ""})
    assert (done.returncode, done.stderr) == (1, f"vethagent-agent: [agent] {option}: it has no value\n")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[api]\nhost = 0.0.0.0\n", "loopback only"),
        ("[api]\nauth_strategy = http_basic\nhttp_basic_user_file = /none\n", "/none"),
        ("[api]\nauth_strategy = keystone\n", "[keystone_authtoken] auth_type"),
        ("[api]\nauth_strategy = keystone\n[keystone_authtoken]\nauth_section = none\n", "auth_section: [none]"),
        ("transport_url = rubbish://\n", "transport_url"),
        ("[api]\ncertificate_file = /none.pem\n", "/none.pem"),
        ("[api]\nkey_file = /none.pem\n", "[api] key_file"),
        ("[oslo_messaging_notifications]\ndriver = pigeon\n", "there is no driver 'pigeon'"),
    ],
)
@pytest.mark.usefixtures("migrated")
def test_what_is_wrong_with_the_api(run: Run, config: pathlib.Path, text: str, match: str) -> None:
    with config.open("a") as file:
        file.write(text)
    done = run("api")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert match in done.stderr


@pytest.mark.parametrize("arguments", [[], ["db"], ["db", "drop"], ["db", "purge", "--days", "0"]])
def test_wrong_commands(run: Run, arguments: list[str]) -> None:
    assert run("manage", *arguments).returncode != 0


@pytest.mark.parametrize("arguments", [["upgrade"], ["upgrade", "look"], ["--json"]])
def test_wrong_commands_of_the_check(run: Run, arguments: list[str]) -> None:
    done = run("status", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("vethagent-status")
