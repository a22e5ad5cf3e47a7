"""The commands of the quickstart, one after the other as they stand there, on a host that has the two bridges."""

import os
import signal
import subprocess

from tests.functional.agent.node import FIRST, HOST, SECOND, Node
from tests.support import documents

QUICKSTART = documents.TOP / "doc/source/user/quickstart.rst"


def follow(node: Node, text: str) -> str:
    """Return what a command that goes on for ever tells until the plug, and end it: with the status of Ctrl-C.

    It begins with what happened last on the host, where there were others before.
    """
    with subprocess.Popen(
        node.host.namespace.command("sh", "-c", f"exec {text}"),
        env=node.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not {"seed", "plugged"} <= set(lines[-1].split()):
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 130
    return "".join(lines)


def test_the_quickstart_does_what_it_says(node: Node) -> None:
    seen = {}
    lines = list(documents.commands_of(QUICKSTART))
    assert set(documents.run_here(__file__)) < set(lines)
    for command in lines:
        text = command.text.replace("compute-195", HOST)
        seen[command.text] = follow(node, text) if "--follow" in text else node.type(text)

    def said(start: str) -> str:
        return next(output for text, output in seen.items() if text.startswith(start))

    assert HOST in said("vethctl agent list")
    assert "ACTIVE" in said("vethctl link create")
    assert FIRST in said("vethctl link list")
    assert "vethagent:" in said("ip -d link show")
    assert SECOND in said("ovs-vsctl show")
    assert "vethagent-link-id" in said("ovs-vsctl get Port")
    node.api.wait_until_gone(next(iter(node.api.links()), {"id": "none"})["id"])
    assert node.host.device(FIRST) is None
