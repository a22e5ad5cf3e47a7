import pathlib

import hypothesis
import pytest

from vethagent.controller.db import migration

# A busy machine makes any example slow, which says nothing of the code.
# A check that somebody's change has to pass gives the same answer twice; --hypothesis-profile=others looks elsewhere.
hypothesis.settings.register_profile("unit", deadline=None, derandomize=True)
hypothesis.settings.register_profile("others", deadline=None)
hypothesis.settings.load_profile("unit")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A database of the newest revision, to be copied."""
    path = tmp_path_factory.mktemp("template") / "controller.sqlite"
    migration.upgrade(f"sqlite:///{path}")
    return path
