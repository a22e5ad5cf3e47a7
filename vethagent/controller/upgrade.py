"""Whether agents of other versions can be understood; pure."""

from oslo_upgradecheck.upgradecheck import Code, Result

from vethagent import model

_SHOWN = 5


def judge(contracts: dict[str, str]) -> Result:
    """Return what the versions of the contract, by host, mean for this version of the program; pure.

    The last report may be long ago, of an agent that is newer by now: so what no service could understand is a
    failure, and what is only out of the tested range, one minor version, a warning.
    """
    major, minor = _numbers(model.MODEL_VERSION)
    strange = sorted(host for host, version in contracts.items() if _numbers(version)[0] != major)
    if strange:
        return Result(Code.FAILURE, f"agents of another major version than {model.MODEL_VERSION}: {_some(strange)}")
    far = sorted(host for host, version in contracts.items() if abs(_numbers(version)[1] - minor) > 1)
    if far:
        return Result(
            Code.WARNING,
            f"agents more than one minor version from {model.MODEL_VERSION}, upgrade them: {_some(far)}",
        )
    return Result(Code.SUCCESS)


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _some(hosts: list[str]) -> str:
    more = len(hosts) - _SHOWN
    return ", ".join(hosts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
