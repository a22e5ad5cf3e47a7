"""``python -m tools.simulate``, started by tools/simulate.sh as root."""

import argparse
import json
import pathlib
import sys

from tools.demo import signals


def main() -> int:
    """Run one simulation; return the status of the process."""
    parser = argparse.ArgumentParser(prog="tools/simulate.sh")
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--links", type=int, default=100)
    parser.add_argument("--interval", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--controllers", type=int, default=1)
    parser.add_argument("--database", choices=["mariadb", "postgresql", "sqlite"], default="mariadb")
    parser.add_argument("--backlog", type=int, default=0)
    parser.add_argument("--json", type=pathlib.Path, default=None)
    options = parser.parse_args()
    signals.catch()
    try:
        return _simulate(options)
    except signals.Ended as ended:
        print("interrupted, everything is removed", file=sys.stderr)
        return ended.status


def _simulate(options: argparse.Namespace) -> int:
    # This takes a while, in which a Ctrl-C is to end the run as it does later.
    from tests.support import machine
    from tools.simulate import measured, run

    machine.prepare()
    phases = []
    with run.Simulation(
        agents=options.agents,
        links=options.links,
        interval=options.interval,
        database=options.database,
        controllers=options.controllers,
        backlog=options.backlog,
        say=_say,
    ) as simulation:
        for figures in simulation.run(options.seconds):
            phases.append(figures)
            print("", *measured.lines(figures), "", sep="\n", flush=True)
    if options.json is not None:
        settings = {name: getattr(options, name) for name in ("agents", "links", "interval", "controllers", "database")}
        options.json.write_text(json.dumps(settings | {"phases": phases}, indent=1) + "\n", encoding="utf-8")
        print(f"written to {options.json}")
    return 0


def _say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
