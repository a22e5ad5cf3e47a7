"""``python -m tools.demo``, started by tools/demo.sh as root."""

import argparse
import sys

from tools.demo import signals


def main() -> int:
    """Run the demo, or end one; return the status of the process."""
    parser = argparse.ArgumentParser(prog="tools/demo.sh")
    parser.add_argument("--bus", choices=["embedded", "rabbit"], default="embedded")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--end", action="store_true")
    options = parser.parse_args()
    signals.catch()
    try:
        # This takes a while, in which a Ctrl-C is to end the demo as it does later.
        from tools.demo import run

        if options.end:
            return run.end()
        return run.run(bus=options.bus, concurrency=options.concurrency, keep=options.keep, slow=options.slow)
    except signals.Ended as ended:
        print("interrupted", file=sys.stderr)
        return ended.status


if __name__ == "__main__":
    sys.exit(main())
