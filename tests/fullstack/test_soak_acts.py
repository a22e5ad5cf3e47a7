"""What a soak does that sets off more than a repair, each once by itself."""

import concurrent.futures
import random
from collections.abc import Iterator

import pytest

from tests.support import deployment
from tools.soak import cables, faults, record, site, verdict

DONE = record.Record()


@pytest.fixture(scope="module")
def acted_on(controller_side: deployment.Deployment, concurrency: str) -> Iterator[site.Site]:
    """A host of a soak; no packet is lost as long as it is there."""
    made = site.Site(controller_side, f"acted-{concurrency}", concurrency=concurrency, record=DONE)
    made.settle()
    made.wait_until_confirmed()
    yield made
    for watch in made.watches.values():
        watch.end()
    made.remove_all()
    controller_side.remove_node(made.node)
    assert DONE.problems == []


def _check(acted_on: site.Site) -> None:
    verdict.wait_until_calm(acted_on)
    assert [*verdict.disagreements(acted_on), *acted_on.flapped(), *acted_on.misnumbered()] == []


def test_of_a_host_that_is_cut_off_right_after_a_plug_that_is_taken_back(acted_on: site.Site) -> None:
    before = len(acted_on.past)
    cables.cut_off(acted_on, random.Random(8), DONE)
    assert len(acted_on.past) == before + 2, "it was not changed, which is to ask for it again"
    _check(acted_on)


@pytest.mark.parametrize("kind", ["API killed", "API stopped", "cable of a host pulled"])
def test_links_come_and_go_meanwhile(controller_side: deployment.Deployment, acted_on: site.Site, kind: str) -> None:
    """Nothing is there twice, though some of it has to be asked for twice."""
    fault, rng, asked = faults.Faults(controller_side, [acted_on], random.Random(), DONE), random.Random(8), 0
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        doing = pool.submit(fault.do, kind, random.Random(8))
        while not doing.done():
            acted_on.churn(rng)
            asked += 1
        doing.result()
    assert asked
    _check(acted_on)
