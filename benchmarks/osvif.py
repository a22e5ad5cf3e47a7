"""os-vif in a process of its own, on the host that is measured. Started by ``hybrid``.

Reads one request a line, ``{"plug": [id, ...]}`` or ``{"unplug": [id, ...]}``, does one interface after the other, as
Nova does, and answers with a line. Its privileged part runs in this process, so no call of a helper is measured.
"""

import json
import sys
import uuid
from typing import Any

import os_vif
import vif_plug_ovs.privsep
from os_vif.objects import instance_info, network, vif
from oslo_config import cfg
from vif_plug_ovs.ovs import OvsPlugin

INSTANCE = str(uuid.UUID(int=1))


def interface(vif_id: str) -> Any:
    """Return what Nova says of an interface with a Linux bridge of its own."""
    profile = vif.VIFPortProfileOpenVSwitch(
        interface_id=vif_id, datapath_type="netdev", create_port=True, profile_id=INSTANCE
    )
    return vif.VIFBridge(
        id=vif_id,
        address=f"fa:16:3e:00:{vif_id[4:6]}:{vif_id[6:8]}",
        plugin="ovs",
        vif_name=f"tap{vif_id[:11]}",
        bridge_name=f"qbr{vif_id[:11]}",
        network=network.Network(id=INSTANCE, bridge="ob", mtu=1500),
        port_profile=profile,
    )


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    vif_plug_ovs.privsep.vif_plug.set_client_mode(False)
    cfg.CONF([], project="benchmark")
    cfg.CONF.register_opts(OvsPlugin.CONFIG_OPTS, group="os_vif_ovs")
    cfg.CONF.set_override("ovsdb_connection", sys.argv[1], group="os_vif_ovs")
    os_vif.initialize()
    guest = instance_info.InstanceInfo(uuid=INSTANCE, name="guest")
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        for verb, ids in json.loads(line).items():
            for vif_id in ids:
                getattr(os_vif, verb)(interface(vif_id), guest)
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main()
