"""``python -m tools.demo``, started by tools/demo.sh as root."""

import argparse
import signal
import sys
from types import FrameType

from tests.support import commands
from tools.demo import sandbox as sandboxes
from tools.demo.story import Story
from tools.demo.terminal import DemoFailed, Terminal

_END = "tools/demo.sh --end"
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the demo, or end one; return the status of the process."""
    parser = argparse.ArgumentParser(prog="tools/demo.sh")
    parser.add_argument("--bus", choices=["embedded", "rabbit"], default="embedded")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--end", action="store_true")
    options = parser.parse_args()
    for number in _ENDING_SIGNALS:
        signal.signal(number, _end_by_signal)
    try:
        if options.end:
            print("ended, nothing is left" if sandboxes.end() else "there is nothing to end")
            return 0
        return _run(bus=options.bus, concurrency=options.concurrency, keep=options.keep)
    except sandboxes.Busy as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(*, bus: str, concurrency: str, keep: bool) -> int:
    terminal = Terminal()
    kept = False
    sandbox: sandboxes.Sandbox | None = None
    _introduce(terminal)
    try:
        sandbox = sandboxes.Sandbox()
        _tell(Story(terminal, sandbox), bus=bus, concurrency=concurrency, keep=keep)
        kept = keep
    except sandboxes.Busy:
        kept = True
        raise
    except (DemoFailed, AssertionError) as error:
        terminal.failed(str(error))
        if sandbox is not None:
            print(sandbox.logs(), file=sys.stderr)
        return 1
    finally:
        if not kept:
            _clean_up(terminal)
    if not kept:
        terminal.text("Every step held.")
    return 0


def _introduce(terminal: Terminal) -> None:
    terminal.text(
        "vethagent joins bridges of many hosts by veth pairs, driven from one place. This shows it on one host: a "
        "network namespace is the compute node, with an Open vSwitch of its own. This machine's interfaces, Open "
        "vSwitch and RabbitMQ stay as they are."
    )
    terminal.text("Before # is where a command runs: compute-1, guest-1, … are network namespaces vethagent-demo-….")
    if found := sandboxes.remains():
        terminal.text(f"From a demo before there is: {', '.join(found)}. It is removed, unless that demo still runs.")


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
    story.show_what_the_controller_knows()
    story.unplug()
    if keep:
        story.leave_running(_END)


def _clean_up(terminal: Terminal) -> None:
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    terminal.step("Clean up")
    sandboxes.remove()
    if left := sandboxes.remains():
        raise commands.CommandFailed(f"could not be removed: {left}")
    terminal.held("processes, namespaces and files of the demo are gone")


def _end_by_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
