"""Two minutes of tools/soak.sh, with the same faults each time."""

import pathlib

import pytest

from tests.support import deployment
from tools.soak import run


@pytest.mark.timeout(600)
def test_whatever_happens_all_agree_in_the_end(clean: deployment.Deployment) -> None:
    record = run.soak(clean, seconds=100, seed=8, hosts=2, concurrency="mixed", say=print)
    print(*record.lines(), *record.sums(), sep="\n")
    assert record.problems == []
    assert (record.lost, record.differences, record.leftovers) == (0, [], [])


def test_of_a_failure_the_logs_are_kept(clean: deployment.Deployment, tmp_path: pathlib.Path) -> None:
    """Somebody does what no soak does: he makes a link of his own on its host, before that is compared."""
    said: list[str] = []

    def say(text: str) -> None:
        if text.startswith("no more faults"):
            clean.rest.create({"host": "soak-1", "ends": [{"bridge": "br2"}, {"bridge": "calm2"}]})
        said.append(text)

    record = run.soak(
        clean,
        seconds=5,
        seed=8,
        hosts=1,
        concurrency="threading",
        say=say,
        logs_of_failure=lambda: tmp_path / "logs",
    )
    assert [problem for problem in record.problems if "asked for is" in problem]
    assert said[-1] == f"the logs of all processes are in {tmp_path / 'logs'}"
    kept = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    agent = next(text for name, text in kept.items() if name.endswith("vethagent-agent.log"))
    assert "Threads" in agent
    assert any(name.endswith("vethagent-controller.log") for name in kept)
    assert any(name.endswith("ovs-vswitchd.log") for name in kept)
