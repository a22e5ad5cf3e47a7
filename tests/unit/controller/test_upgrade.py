import pytest
from oslo_upgradecheck.upgradecheck import Code

from vethagent import model
from vethagent.controller import upgrade

MAJOR, MINOR = map(int, model.MODEL_VERSION.split("."))


@pytest.mark.parametrize(
    ("versions", "code", "match"),
    [
        ([], Code.SUCCESS, ""),
        ([(MAJOR, MINOR), (MAJOR, MINOR - 1), (MAJOR, MINOR + 1)], Code.SUCCESS, ""),
        ([(MAJOR, MINOR), (MAJOR, MINOR + 2)], Code.WARNING, "h1"),
        ([(MAJOR, MINOR + 2), (MAJOR - 1, 0), (MAJOR + 1, 0)], Code.FAILURE, "h1, h2"),
        ([(MAJOR, MINOR + 2)] * 9, Code.WARNING, "h0, h1, h2, h3, h4 and 4 more"),
    ],
)
def test_agents_of_other_versions(versions: list[tuple[int, int]], code: Code, match: str) -> None:
    result = upgrade.judge({f"h{number}": f"{major}.{minor}" for number, (major, minor) in enumerate(versions)})
    assert result.code == code
    assert (result.details or "").endswith(match)
