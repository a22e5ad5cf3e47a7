// What a code means to somebody who has not read the documents.

export const REASONS = {
  PLUGGING: "The agent is making the link.",
  UNPLUGGING: "The agent is taking the link away.",
  ADMIN_DOWN: "The link is wanted down. Set its administrative state to up to use it.",
  AGENT_DOWN: "The agent of the host does not report, so nobody can say how the link is. Look whether vethagent-agent runs there and reaches the bus.",
  DRIFT: "Somebody changed the link. In mode enforce the agent repairs that by itself; in mode observe it only tells.",
  BRIDGE_NOT_FOUND: "There is no such bridge on the host. Make it, or correct its name: the link is plugged as soon as it is there.",
  BRIDGE_AMBIGUOUS: "A Linux bridge and an OVS bridge have this name. Say which kind is meant.",
  NAME_CONFLICT: "A device of somebody else has a name that the link wants. Give the link another device name, or let it adopt the pair.",
  ADOPT_MISMATCH: "The pair that is there is not the one wanted, so it was not taken over. The differences say why.",
  LOOP: "The link would close a loop of bridges. Turn on STP on both bridges, or remove the other way between them.",
  TAG_UNSUPPORTED: "A tag is for OVS bridges only.",
  NO_CARRIER: "Both ends are there but no carrier is seen yet, or a Linux bridge is down.",
  PORT_ERROR: "Open vSwitch could not use the device; the message has what it said.",
  CONNECTIVITY_LOST: "With this link the host lost its way to the bus, so it was taken back.",
  NETLINK_ERROR: "The kernel refused a step; the message has its words. The agent tries again.",
  OVSDB_UNAVAILABLE: "Open vSwitch on the host does not answer. The agent goes on when it does.",
  OVSDB_REFUSED: "OVSDB refused the change; the message has its words.",
  HELPER_UNAVAILABLE: "The privileged helper of the agent cannot be started; the agent's log says why.",
  HELPER_REFUSED: "The privileged helper refused the batch; the agent's log says why.",
  NOT_UNDERSTOOD: "The agent is older than the controller and does not understand the link; what is there of it stays as it is. Upgrade the agent.",
};

// What each code of a difference says of its device.
export const DIFFERENCES = {
  ADMIN_STATE: "is not up or down as wanted",
  ALIAS: "does not carry the mark of the link",
  DEVICE_MISSING: "is not there",
  EXTERNAL_IDS: "has an OVS port without the mark of the link",
  GRO: "joins packets to ones that its datapath drops as too large",
  INTERFACES: "shares its OVS port with other devices",
  MAC: "has another MAC address",
  MTU: "has another MTU",
  MTU_REQUEST: "is asked for another MTU by its OVS port",
  NAME: "has another name",
  NOT_ATTACHED: "is in no bridge",
  NOT_A_PAIR: "has another peer, or none",
  OVS_PORT_MISSING: "is not in its OVS bridge",
  OVS_PORT_STALE: "has an OVS port that is of an earlier device of that name",
  PORT_TYPE: "has an OVS port of another type",
  SPARE_PAIR: "is there beside the pair of the link",
  SPARE_PORT: "is in Open vSwitch beside the ports of the link",
  TAG: "has another tag",
  TX_CHECKSUM: "leaves checksums to a datapath that does not fill them in",
  VLANS: "has an OVS port with other VLANs",
  WRONG_BRIDGE: "is in another bridge",
};

export const health = (agent) => {
  if (!agent.alive) return "silent";
  if (agent.health.length) return "degraded";
  return agent.ready ? "well" : "starting";
};

export const MODES = {
  enforce: "what is not as wanted is repaired",
  observe: "what is not as wanted is told, and nothing is changed",
  paused: "nothing is looked at or changed",
};

export const KINDS = { linux: "Linux bridge", ovs: "Open vSwitch bridge" };

export const HEALTHS = ["well", "starting", "degraded", "silent"];
export const STATUSES = ["ACTIVE", "BUILD", "DOWN", "ERROR", "PENDING_DELETE"];
export const EVENTS = {
  plugged: "plugged", changed: "changed", repaired: "repaired", drifted: "found changed", failed: "failed", unplugged: "unplugged",
};
