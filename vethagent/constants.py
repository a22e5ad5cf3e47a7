"""Names that both sides of the bus, the kernel and OVSDB must agree on."""

#: RPC topics; an agent's server name is its host.
AGENT_TOPIC = "vethagent-agent"
CONTROLLER_TOPIC = "vethagent-controller"

#: The mark of an owned kernel device: its alias is this prefix and the link id, nothing more.
ALIAS_PREFIX = "vethagent:"

#: The mark of an owned OVS port: this key of external_ids holds the link id.
OVS_LINK_ID = "vethagent-link-id"

#: Types of an interface of OVS that is just the kernel's device of its name.
OVS_PLAIN_TYPES = ("", "system")

#: What ``ovsdb_connection`` is on a host without Open vSwitch.
NO_OVSDB = "none"

#: On an owned interface of OVS: the id of the request by which the port was last set.
OVS_REQUEST_ID = "vethagent-request-id"

#: On the local port of an OVS bridge: the mtu_request that is ours, to be taken back with the last link of the bridge.
OVS_MTU_KEPT = "vethagent-mtu-kept"

#: On an OVS bridge: the other_config:hwaddr that is ours, to be taken back with its last link.
OVS_MAC_KEPT = "vethagent-mac-kept"

#: Longest device name in bytes: IFNAMSIZ of the kernel less the closing NUL.
MAX_DEVICE_NAME = 15

#: Limits of drivers/net/veth.c: ETH_MIN_MTU and ETH_MAX_MTU.
MIN_MTU = 68
MAX_MTU = 65535

#: 802.1Q: 0 means "no VLAN" and 4095 is reserved.
MIN_TAG = 1
MAX_TAG = 4094

#: Where everybody may make files and no disk is needed; shm_open(3) names it.
IN_MEMORY = "/dev/shm"
