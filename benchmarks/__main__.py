"""``python -m benchmarks NAMES [OPTION...]``, started by tools/bench.sh as root; names are separated by spaces."""

import importlib
import sys

from tools.demo import signals


def main(names: str, *options: str) -> int:
    """Run benchmarks one after the other, each with the same options; return the status of the process."""
    signals.catch()
    try:
        for name in names.split():
            sys.argv[1:] = options
            importlib.import_module(f"benchmarks.{name}").main()
    except signals.Ended as ended:
        print("interrupted, everything is removed", file=sys.stderr)
        return ended.status
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
