"""A short run of tools/soak.sh, with the same faults each time."""

import pytest

from tests.support import deployment
from tools.soak import run


@pytest.mark.timeout(600)
def test_whatever_happens_all_agree_in_the_end(clean: deployment.Deployment) -> None:
    record = run.soak(clean, seconds=25, seed=8, hosts=2, concurrency="mixed", say=print)
    print(*record.lines(), sep="\n")
    assert record.problems == []
    assert record.lost == 0
