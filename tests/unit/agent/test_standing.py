from tests.unit.agent.builders import ids
from tests.unit.plumbing.builders import link
from vethagent.agent.standing import Standing, Standings

(A,) = ids(1)


def test_what_outlived_the_link_is_of_the_generation_that_it_was_of() -> None:
    known = {A: (3, Standing.HELD)}
    Standings(known, {}).take(None, link(id=A, generation=3))
    assert known == {A: (3, Standing.HELD)}
    standings = Standings(known, {})
    standings.take(None, link(id=A, generation=4))
    # Also if an older copy of the database makes it this one again: then it is another wish.
    assert standings.of(link(id=A, generation=3)) is Standing.NEW
