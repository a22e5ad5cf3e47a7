"""A benchmark that is told to end removes what it has made."""

import importlib
import pathlib
import signal
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).parents[3]
#: Two benchmarks of which the first takes longer than anybody waits, and what tools/bench.sh starts.
PROGRAM = """
import contextlib, sys, time, types
from benchmarks import __main__

def wait():
    with contextlib.ExitStack() as made:
        made.callback(print, "removed", flush=True)
        print(*sys.argv[1:], flush=True)
        while True:
            time.sleep(0.1)

sys.modules["benchmarks.slow"] = types.SimpleNamespace(main=wait)
sys.modules["benchmarks.next"] = types.SimpleNamespace(main=lambda: print("begun", flush=True))
sys.exit(__main__.main("slow next", "--runs", "2"))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TOP
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "--runs 2\n"
        process.send_signal(number)
        told, said = process.communicate(timeout=60)
    assert (process.returncode, told) == (128 + number, "removed\n")
    assert said == "interrupted, everything is removed\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("bulk --counts 20,x", "argument --counts: 'x' is no number from 1 on"),
        ("bulk --counts 1001", "argument --counts: 1001 is more than 1000"),
        ("bulk --shapes own,ring", "argument --shapes: 'ring' is none of one-ovs, own, "),
        ("bulk --peers none", "argument --peers: 'none' is none of floor, lean, shell"),
        ("one_link --runs 0", "argument --runs: '0' is no number from 1 on"),
        ("pulled --count 20", "--pulled 200 is more than --count 20"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_started(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *options = words.split()
    monkeypatch.setattr(sys, "argv", ["bench", *options])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{name}").main()
    assert ended.value.code == 2
    assert f"tools/bench.sh {name}: error: {said}" in capsys.readouterr().err
