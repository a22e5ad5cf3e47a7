"""Links of two bridges, as tests of plumbing and agent need them."""

import uuid
from typing import Any

from vethagent import model

LINK_ID = "00000000-0000-4000-8000-000000000001"
OTHER_ID = "00000000-0000-4000-8000-000000000002"


def link_id(number: int) -> str:
    return str(uuid.UUID(int=number, version=4))


def link(**fields: Any) -> model.BridgeLink:
    """Return phy-br1 in br1 joined with eth1-br1 in br-eth1; ``end0`` and ``end1`` change the ends."""
    ends = [{"bridge": "br1", "device": "phy-br1"}, {"bridge": "br-eth1", "device": "eth1-br1"}]
    for number, end in enumerate(ends):
        end.update(fields.pop(f"end{number}", {}))
    values = {"id": LINK_ID, "generation": 1, "host": "h1", "ends": ends}
    return model.BridgeLink.model_validate(values | fields)
