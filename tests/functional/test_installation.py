"""The installation as it is written, on a copy of this machine with a systemd of its own: what it says is typed there.

RabbitMQ, MariaDB, Open vSwitch and all of vethagent run as services there. Two things are stood in for: apt only says
what it would install, and what pip would install is taken from the environment of the tests, where tox had pip do it.
"""

import json
import pathlib
import re
import sys
import tomllib
from collections.abc import Iterator

import bcrypt
import pytest

from tests.support import commands, documents
from tests.support.documents import TOP
from tests.support.scratch import NAME, PREFIX, PROJECT, Scratch

INSTALL = "doc/source/install/index.rst"
PACKAGE, HELPER, OFF = "Debian package", "The helper", "Taking it off"
BOTH, AGENT = "/etc/vethagent/vethagent.conf", "/etc/vethagent/vethagent-agent.conf"
#: Section with an example -> the file that it is for.
FILES = {"Controller and API": BOTH, "Agent": AGENT, HELPER: AGENT}
#: The API in examples for another machine than its own.
API = "https://192.0.2.10:9798"
RUN_AGENT = "runuser -u vethagent -- /opt/vethagent/bin/vethagent-agent"
SCRIPTS = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["scripts"]

HERE = documents.run_here(__file__)
EXAMPLES = [block for block in documents.blocks(TOP / INSTALL) if block.kind == "ini"]
LINES = [command for command in documents.commands_of(TOP / INSTALL) if not command.text.startswith("tools/")]


@pytest.fixture(scope="module")
def machine(_machine: None) -> Iterator[Scratch]:
    """A copy of this machine that has nothing of vethagent, and RabbitMQ and Open vSwitch as they are when new."""
    with Scratch() as made:
        made.write("/usr/local/sbin/apt", '#!/bin/sh\nexec apt-get --simulate --quiet "$@"\n')
        made.run("chmod 755 /usr/local/sbin/apt && echo 127.0.0.1 rabbit.example.org db.example.org >> /etc/hosts")
        made.run("rm -rf /etc/openvswitch/* /var/lib/openvswitch/* /var/lib/rabbitmq/mnesia /etc/rabbitmq/*")
        made.run("rm -rf /etc/vethagent /opt/vethagent /var/lib/vethagent /etc/sudoers.d/* && mkdir -p /etc/sudoers.d")
        make_package(made)
        yield made


def make_package(machine: Scratch) -> None:
    """Put a package where the documents have it: one with the name and the dependencies of ours, and nothing in it."""
    control = (TOP / "debian/control").read_text().partition("\n\n")[2]
    control = re.sub(r"\$\{[^}]*\},? ?", "", control).replace("Architecture: any", "Architecture: all\nVersion: 0")
    machine.write("/tmp/deb/DEBIAN/control", f"Maintainer: nobody <nobody@vethagent.invalid>\n{control}")
    machine.run("mkdir -p dist && rm -f dist/*.deb && dpkg-deb --build /tmp/deb dist/vethagent_0_all.deb")


@pytest.fixture(scope="module")
def installed(machine: Scratch) -> Scratch:
    """The copy after what is written for an installation from source."""
    lines = [command for command in LINES if command.section not in (PACKAGE, OFF)]
    items: list[documents.Block | documents.Command] = [*EXAMPLES, *lines]
    for item in sorted(items, key=lambda item: item.number):
        if isinstance(item, documents.Block):
            add(machine, item)
        elif found := re.match(r"(\S+)/bin/pip install \.", item.text):
            install_project(machine, found[1])
        elif item.text.startswith("/opt/vethagent/bin/pip install "):
            machine.run(f"/opt/vethagent/bin/python3 -c 'import {item.programs[0][-1]}'")
        else:
            run(machine, item)
            if item.section == HELPER and item.text.startswith("visudo"):
                check_helper_by_sudo(machine)
    return machine


def add(machine: Scratch, example: documents.Block) -> None:
    machine.run(f"cat >> {FILES[example.section]}", stdin="\n".join([*example.lines, ""]))
    machine.run(f"chown root:vethagent {FILES[example.section]} && chmod 0640 {FILES[example.section]}")


def install_project(machine: Scratch, folder: str) -> None:
    [folder, packages] = machine.run(f"ls -d {folder} {folder}/lib/python3*/site-packages").split()
    [tested] = machine.run(f"ls -d {PREFIX}/lib/python3*/site-packages").split()
    machine.write(f"{packages}/tests.pth", f"{PROJECT}\n{tested}\n")
    for name in (*SCRIPTS, "privsep-helper"):
        script = (pathlib.Path(sys.prefix) / "bin" / name).read_text().partition("\n")[2]
        machine.write(f"{folder}/bin/{name}", f"#!{folder}/bin/python3\n{script}")
        machine.run(f"chmod 755 {folder}/bin/{name}")


def run(machine: Scratch, command: documents.Command) -> str:
    """Type a line of a document."""
    if "CapEff" in command.text:
        return check_rights(machine, command.text)
    try:
        printed = machine.run(command.text.replace(API, "http://127.0.0.1:9798"), stdin="secret\nsecret\n")
    except commands.CommandFailed as error:
        raise AssertionError(f"{command}: {error}\n{machine.journal()}") from error
    for words in command.programs:
        if words[0] == "systemctl":
            check_units(machine, words)
    return printed


def check_rights(machine: Scratch, text: str) -> str:
    """The agent has no effective capability and its helper CAP_NET_ADMIN alone, once it has given up the others."""
    wanted = f"CapEff:\t{1 << 12 if 'privsep-helper' in text else 0:016x}\n"
    commands.wait_until(lambda: machine.run(text, check=False) == wanted, what=f"{text}: {wanted}")
    return wanted


def check_units(machine: Scratch, words: list[str]) -> None:
    """What a systemctl command was to bring about is so."""
    verb = words[1]
    for unit in (word for word in words[2:] if not word.startswith("--")):
        if verb in ("enable", "disable"):
            assert machine.run(f"systemctl is-enabled {unit}", check=False).strip() == f"{verb}d"
        if verb == "restart" or "--now" in words:
            wanted = "inactive" if verb == "disable" else "active"
            assert machine.run(f"systemctl is-active {unit}", check=False).strip() == wanted, machine.journal()


def check_helper_by_sudo(machine: Scratch) -> None:
    """Without systemd the agent starts its helper with sudo, and both have the rights that the document names."""
    machine.run(f"systemd-run --quiet --unit=by-hand {RUN_AGENT}")
    try:
        for command in LINES:
            if "CapEff" in command.text:
                run(machine, command)
    finally:
        machine.run("systemctl stop by-hand")
    machine.run(f"rm {AGENT}")
    add(machine, next(example for example in EXAMPLES if example.section == "Agent"))


def wait_until_alive(machine: Scratch) -> None:
    listed = "vethctl agent list -f value -c Host -c Alive -c Ready"
    commands.wait_until(lambda: machine.run(listed).split() == [NAME, "True", "True"], what="the agent", interval=0.3)


def plug(machine: Scratch) -> None:
    """Type the three commands from the package to a link."""
    lines = [command for command in LINES if command.section == PACKAGE]
    bridges = next(command for command in lines if command.text.startswith("ip "))
    run(machine, bridges)
    # As the document says for a kernel without the module of Open vSwitch.
    machine.run("ovs-vsctl set bridge br-eth1 datapath_type=netdev")
    assert "ACTIVE" in run(machine, next(command for command in lines if command.text.startswith("vethctl ")))


def check_networkd(machine: Scratch) -> None:
    """A file that matches every device has systemd-networkd take all but ours out of their bridges."""
    ours = machine.run("ip -br link show master br1")
    machine.write("/etc/systemd/network/50-all.network", "[Match]\nName=*\n[Network]\nLinkLocalAddressing=no\n")
    machine.run("ip link add other master br1 type veth peer name another")
    machine.run("systemctl start systemd-networkd")
    try:
        commands.wait_until(
            lambda: "other" not in machine.run("ip -br link show master br1"), what="networkd that takes what it can"
        )
        assert machine.run("ip -br link show master br1") == ours
        assert machine.run("networkctl --no-legend --no-pager list 'va*'").count(" unmanaged") == 2
    finally:
        machine.run("systemctl stop systemd-networkd.socket systemd-networkd")
        machine.run("rm /etc/systemd/network/50-all.network && ip link del other")


def test_from_source(installed: Scratch) -> None:
    wait_until_alive(installed)
    assert installed.run("systemctl is-active vethagent-purge.timer").strip() == "active"
    assert installed.run("stat --format '%U:%G %a' /etc/vethagent").split() == ["root:vethagent", "750"]
    check_ovsdb_socket(installed)
    # An agent that runs takes a moment to connect again, in which it knows of no new bridge.
    again = "rm -r /run/vethagent && systemctl restart vethagent-ovsdb"
    installed.run(f"systemctl stop vethagent-agent && {again} && systemctl start vethagent-agent")
    check_ovsdb_socket(installed)
    plug(installed)
    check_networkd(installed)
    installed.run("systemctl kill --signal=KILL vethagent-agent")
    commands.wait_until(
        lambda: installed.run("systemctl show --value --property NRestarts vethagent-agent").strip() == "1",
        what="the agent that systemd starts again",
    )
    wait_until_alive(installed)


def check_ovsdb_socket(machine: Scratch) -> None:
    assert machine.run("stat --format '%U:%G %a' /run/vethagent/ovsdb.sock").split() == ["root:vethagent", "770"]


def place_programs(machine: Scratch) -> None:
    """Have our programs where the package has them."""
    machine.run(" && ".join(f"ln -sf /opt/vethagent/bin/{name} /usr/bin/{name}" for name in SCRIPTS))


@pytest.mark.parametrize("document", sorted({command.document for command in HERE} - {INSTALL}))
def test_other_commands(installed: Scratch, document: str) -> None:
    place_programs(installed)
    for command in HERE:
        if command.document == document:
            run(installed, command)
    if document.endswith("security.rst"):
        name, _, digest = installed.run("cat /etc/vethagent/htpasswd").strip().partition(":")
        assert name == "alice"
        assert bcrypt.checkpw(b"secret", digest.encode())


def test_programs_that_look_and_manage(installed: Scratch) -> None:
    """As the service user, who may read the configuration. Nobody uses the tables while they are taken back."""
    place_programs(installed)
    wait_until_alive(installed)
    as_user = "runuser -u vethagent --"
    lines = [line for path in documents.DOCUMENTS for line in documents.commands_of(path)]
    own = [line.text for line in lines if line.text.startswith(("vethagent-manage ", "vethagent-status "))]
    seen = {}
    for text in own:
        back = text.startswith("vethagent-manage db downgrade ")
        if back:
            installed.run("systemctl stop vethagent-controller vethagent-api")
        seen[text] = installed.run(f"{as_user} {text}")
        if back:
            assert seen[text].startswith(f"{text.split()[-1]} (newest: ")
            installed.run(f"{as_user} vethagent-manage db upgrade")
            installed.run("systemctl start vethagent-controller vethagent-api")
    assert BOTH in seen["vethagent-manage config check"]
    assert json.loads(seen["vethagent-status upgrade check --json"])


def take_off(machine: Scratch) -> None:
    """Type what takes an installation from source away: nothing of it is left but the libraries, under another name."""
    machine.run("cp -a /opt/vethagent /opt/kept")
    for command in LINES:
        if command.section == OFF:
            run(machine, command)
    found = "find /etc /opt /usr/local /var/lib/vethagent /var/log /run/vethagent -path /opt/kept -prune -o -name"
    assert machine.run(f"{found} '*vethagent*' -print; {found} vethctl -print", check=False) == ""
    assert "vethagent" not in machine.run("getent passwd; ip -d link show type veth")


def test_the_package(installed: Scratch) -> None:
    """Its files in the places that they have in it, its scripts, and the commands that follow."""
    machine = installed
    take_off(machine)
    machine.run("cp -a /opt/kept /opt/vethagent && ip link del br1 && ovs-vsctl del-br br-eth1")
    for line in (TOP / "debian/vethagent.install").read_text().splitlines():
        pattern, place = line.split()
        machine.run(f"install -D -m 0644 -t /{place} {pattern}")
    machine.run("sh debian/vethagent.postinst configure '' && systemctl daemon-reload")
    machine.run("systemctl enable vethagent-purge.timer && systemctl enable --now vethagent-ovsdb vethagent-allinone")
    assert machine.run("systemctl is-active vethagent-purge.timer").strip() == "active"

    lines = [command for command in LINES if command.section == PACKAGE]
    assert "Inst vethagent" in run(machine, next(command for command in lines if command.text.startswith("apt ")))
    plug(machine)
    devices = machine.run("ip -br link show type veth")
    machine.run(f"printf '[DEFAULT]\\ntransport_url = rabbit://vethagent:SECRET@{NAME}/vethagent\\n' > {BOTH}")
    for command in lines:
        if command.text.startswith(("systemctl ", "runuser ")):
            run(machine, command)
    wait_until_alive(machine)
    assert machine.run("vethctl link list -f value -c Status").split() == ["ACTIVE"]
    assert machine.run("ip -br link show type veth") == devices

    machine.run("vethctl link list -f value -c ID | xargs vethctl link delete --wait")
    machine.run("systemctl disable --now vethagent-agent vethagent-api vethagent-controller vethagent-ovsdb")
    machine.run("rm -f /usr/sbin/policy-rc.d && sh debian/vethagent.prerm remove")
    machine.run("sh debian/vethagent.postrm purge")
    assert machine.run("systemctl is-active vethagent-purge.timer", check=False).strip() == "inactive"
    assert (
        machine.run("ls -d /etc/vethagent /var/lib/vethagent /run/vethagent; getent passwd vethagent", check=False)
        == ""
    )


def test_every_example_has_a_file() -> None:
    assert {block.section for block in EXAMPLES} == set(FILES)
    assert RUN_AGENT in (TOP / INSTALL).read_text()
