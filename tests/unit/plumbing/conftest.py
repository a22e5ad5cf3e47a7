import pytest

from tests.unit.plumbing.simulator import Host


@pytest.fixture
def host() -> Host:
    """A host with one bridge of each kind and one more of each."""
    host = Host()
    host.add_linux_bridge("br1", mac="02:00:00:00:00:01")
    host.add_linux_bridge("br3", mac="02:00:00:00:00:03")
    host.add_ovs_bridge("br-eth1")
    host.add_ovs_bridge("br-eth2", datapath_type="")
    host.look()
    return host
