"""One run of the demo from the first step to the clean-up."""

import os
import pathlib
import subprocess

from tools.demo import sandbox as sandboxes
from tools.demo import signals
from tools.demo.story import Story
from tools.demo.terminal import DemoFailed, Terminal

_END = f"{pathlib.Path(__file__).resolve().parents[1] / 'demo.sh'} --end"
#: Errors whose text is a sentence of its own.
_TOLD = (DemoFailed, sandboxes.SandboxError, AssertionError, subprocess.SubprocessError)


def run(*, bus: str, concurrency: str, keep: bool, slow: bool) -> int:
    """Run the demo and return the status of the process; nothing is left, unless all held and is to be kept.

    On a ``slow`` machine nothing is wrong with what takes long.
    """
    # Else what the demo starts leaves caches in the user's home.
    os.environ["XDG_CACHE_HOME"] = str(sandboxes.CACHE)
    terminal = Terminal()
    _introduce(terminal)
    sandbox: sandboxes.Sandbox | None = None
    status, problem, logs = 0, "", ""
    try:
        sandbox = sandboxes.Sandbox()
        _tell(Story(terminal, sandbox, slow=slow), bus=bus, concurrency=concurrency, keep=keep)
    except sandboxes.Busy as error:
        terminal.failed(str(error))
        return 1
    except signals.Ended as ended:
        status, problem = ended.status, "interrupted"
    except Exception as error:
        status, problem = 1, _sentence(error)
        logs = sandbox.logs() if sandbox else ""
    if keep and not status:
        return 0
    # Printing comes later: it fails if the terminal is gone.
    left = _remove()
    if problem:
        terminal.failed(problem, details=logs)
    terminal.step("Clean up")
    if left:
        terminal.failed(left)
        return status or 1
    terminal.held("processes, namespaces and files of the demo are gone")
    if not status:
        terminal.text("Every step held.")
    return status


def end() -> int:
    """End what --keep has left and return the status of the process."""
    terminal = Terminal()
    try:
        found = sandboxes.end()
    except Exception as error:
        terminal.failed(_sentence(error))
        return 1
    terminal.text("ended, nothing is left" if found else "there is nothing to end")
    return 0


def _introduce(terminal: Terminal) -> None:
    terminal.text(
        "vethagent joins bridges of many hosts by veth pairs, driven from one place. This shows it on one host: a "
        "network namespace is the compute node, with an Open vSwitch of its own. This machine's interfaces, Open "
        "vSwitch and RabbitMQ stay as they are."
    )
    terminal.text("Before # is where a command runs: compute-1, guest-1, … are network namespaces vethagent-demo-….")
    if found := sandboxes.remains():
        terminal.text(
            f"Of an earlier demo there is: {', '.join(found)}. It is ended first, also if it was kept, unless it is "
            "still at its steps."
        )


def _tell(story: Story, *, bus: str, concurrency: str, keep: bool) -> None:
    story.show_node()
    if bus == "rabbit":
        story.start_with_rabbit(concurrency)
    else:
        story.start_embedded(concurrency)
    link = story.plug()
    story.draw(link)
    story.show_as_a_person_would_see_it(link)
    story.pass_traffic()
    story.pull_the_cable_out(link)
    story.show_what_the_controller_knows(link)
    story.unplug()
    if keep:
        story.leave_running(_END)


def _remove() -> str:
    """Remove the sandbox and return '', or why that was not possible."""
    signals.ignore()
    try:
        sandboxes.remove()
    except Exception as error:
        return _sentence(error)
    return ""


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text and isinstance(error, _TOLD) else f"{type(error).__name__}: {text}"
