"""What requirements.txt asks for can be had in a devstack, where pip is bound to OpenStack's upper-constraints."""

import pathlib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = pathlib.Path(__file__).parents[3]

#: The versions there in August 2026, of what vethagent imports or may come to. All tests passed with them.
UPPER_CONSTRAINTS = {
    "alembic": "1.19.1",
    "amqp": "5.3.1",
    "bcrypt": "5.0.0",
    "cheroot": "11.1.2",
    "cliff": "4.15.0",
    "eventlet": "0.41.2",
    "falcon": "4.3.1",
    "keystoneauth1": "5.15.0",
    "keystonemiddleware": "13.0.0",
    "kombu": "5.6.2",
    "osc-lib": "4.7.0",
    "oslo-concurrency": "7.6.1",
    "oslo-config": "10.7.0",
    "oslo-context": "6.5.0",
    "oslo-db": "18.1.0",
    "oslo-log": "8.3.0",
    "oslo-messaging": "18.2.0",
    "oslo-middleware": "8.2.0",
    "oslo-policy": "6.0.0",
    "oslo-privsep": "3.12.0",
    "oslo-reports": "3.9.0",
    "oslo-service": "4.8.0",
    "oslo-upgradecheck": "2.8.0",
    "oslo-utils": "10.1.1",
    "osprofiler": "4.4.0",
    "ovs": "3.7.1",
    "ovsdbapp": "2.19.0",
    "prometheus-client": "0.26.0",
    "psutil": "7.2.2",
    "pydantic": "2.13.4",
    "pydantic-core": "2.46.4",
    "pymysql": "1.2.0",
    "pyroute2": "0.8.1",
    "requests": "2.34.2",
    "sqlalchemy": "2.0.52",
    "webob": "1.8.11",
}

#: Not in upper-constraints, so that pip is free.
FREE = {"sdnotify"}


def requirements() -> list[Requirement]:
    lines = (TOP / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_requirement_can_be_had_in_a_devstack(requirement: Requirement) -> None:
    if requirement.name in FREE:
        return
    found = UPPER_CONSTRAINTS.get(canonicalize_name(requirement.name))
    assert found is not None, "look it up in upper-constraints.txt of openstack/requirements, and add it here"
    assert requirement.specifier.contains(found), f"upper-constraints.txt has {found}"
