"""``python -m tools.soak``, started by tools/soak.sh as root."""

import argparse
import pathlib
import random
import sys
import tempfile

from tools.demo import signals


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
    with deployment.Deployment() as made:
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
    print("", *record.lines(), "", sep="\n")
    print(
        "Pings through Open vSwitch pause while ovs-vswitchd or ovsdb-server is killed: this is the userspace\n"
        "datapath, which is in the one and waits for the other.\n"
        "Times are from the act, of a service from its start, until kernel and OVSDB are as wanted again. Looking\n"
        "takes some 0.1 s of each, and more on a busy machine."
    )
    print(f"packets lost on untouched links: {record.lost}")
    for problem in record.problems:
        print(f"PROBLEM: {problem}")
    print("controller, stores, kernels and OVSDBs agree, nothing is left over" if not record.problems else "FAILED")
    return int(bool(record.problems))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
