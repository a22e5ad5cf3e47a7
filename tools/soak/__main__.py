"""``python -m tools.soak``, started by tools/soak.sh as root."""

import argparse
import pathlib
import random
import sys
import tempfile

from tools.demo import signals
from tools.soak.record import Record


def main() -> int:
    """Run one soak; return the status of the process."""
    parser = argparse.ArgumentParser(prog="tools/soak.sh")
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--logs", type=pathlib.Path, default=None)
    parser.add_argument("--concurrency", choices=["eventlet", "threading", "mixed"], default="mixed")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    signals.catch()
    try:
        print(
            f"seed {seed}, {options.minutes:g} min, {options.hosts} hosts, concurrency {options.concurrency}",
            flush=True,
        )
        return _soak(options.minutes * 60, seed, options)
    except signals.Ended as ended:
        print("interrupted, everything is removed", file=sys.stderr)
        return ended.status


def _soak(seconds: float, seed: int, options: argparse.Namespace) -> int:
    # This takes a while, in which a Ctrl-C is to end the soak as it does later.
    from tests.support import deployment, machine
    from tools.soak import run

    machine.prepare()
    # An agent that is killed while its helper starts leaves the folder of their socket where temporary files are.
    with (
        tempfile.TemporaryDirectory(prefix="vethagent-soak-") as temporary,
        deployment.Deployment(env={"TMPDIR": temporary}) as made,
    ):
        record = run.soak(
            made,
            seconds=seconds,
            seed=seed,
            hosts=options.hosts,
            concurrency=options.concurrency,
            say=_say,
            logs=options.logs,
            logs_of_failure=lambda: pathlib.Path(tempfile.mkdtemp(prefix=f"vethagent-soak-{seed}-")),
        )
    again = (
        f"tools/soak.sh {options.minutes:g} --seed {seed} --hosts {options.hosts} --concurrency {options.concurrency}"
    )
    return tell(record, again)


def tell(record: Record, again: str) -> int:
    """Print what came of a soak that the command ``again`` repeats; return the status of the process."""
    print("", *record.lines(), "", sep="\n")
    print(
        "Pings through Open vSwitch do not count while ovs-vswitchd or ovsdb-server is killed: this is the userspace\n"
        "datapath, which is in the one and waits for the other.\n"
        "Times begin when a process that was killed is started again, or a service that was of no use is of use, and\n"
        "end when kernel and OVSDB are as wanted. Looking takes some 0.1 s of each, and more on a busy machine.\n"
    )
    print(f"the same faults again: {again}", *record.sums(), sep="\n")
    for problem in record.problems:
        print(f"PROBLEM: {problem}")
    print("FAILED" if record.problems else "PASSED")
    return int(bool(record.problems))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
