"""The same commands inside the OpenStack client."""

import json
import os
import pathlib
import subprocess
import sys
import tomllib
from collections.abc import Callable

import pytest

from tests.unit.cli.service import HOST, Service

TOP = pathlib.Path(__file__).parents[3]

Openstack = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def openstack(service: Service, tmp_path: pathlib.Path) -> Openstack:
    """Run the OpenStack client, with the package's entry points as they are in the source tree now."""
    pytest.importorskip("openstackclient", reason="python-openstackclient is not installed")
    groups = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["entry-points"]
    folder = tmp_path / "vethagent-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: vethagent\nVersion: 0\n")
    text = ""
    for group in ("openstack.cli.extension", "openstack.vethagent.v1"):
        text += f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in groups[group].items())
    (folder / "entry_points.txt").write_text(text)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "openstackclient.shell", "--os-auth-type", "none"]
        return subprocess.run(
            [*command, "--os-endpoint", service.url, "bridge", *arguments],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env=os.environ | {"PYTHONPATH": path, "HOME": str(tmp_path)},
        )

    return run


def test_link_from_create_to_list(openstack: Openstack, service: Service) -> None:
    done = openstack("link", "create", "--host", HOST, "--name", "seed", "--wait", "br1", "br2", "-f", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ACTIVE"
    (row,) = json.loads(openstack("link", "list", "-f", "json").stdout)
    assert row["Name"] == "seed"
    assert all(path.startswith("/v1/bridge-links") for _method, path in service.requests), "no discovery"


def test_wrong_input(openstack: Openstack, service: Service) -> None:
    done = openstack("link", "create", "--host", HOST, "br1", "br1")
    assert done.returncode == 1
    assert "two different bridges" in done.stderr and "Traceback" not in done.stderr
    assert service.requests == []
