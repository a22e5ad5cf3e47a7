"""Out of bridges where nobody wants a link. Pure."""

import dataclasses
from collections.abc import Sequence

from vethagent.plumbing.observed import Observed
from vethagent.plumbing.ports import Rows
from vethagent.plumbing.sites import Site
from vethagent.plumbing.steps import LinkPlan
from vethagent.privileged.ifinfo import Device
from vethagent.privileged.operations import ChangeEnd


def withdraw(
    refused: LinkPlan, devices: Sequence[Device], sites: tuple[Site, Site], rows: Rows, observed: Observed
) -> LinkPlan:
    """Return ``refused``, the plan of a link that would close a loop, with the steps that take it out of other bridges.

    If the bridges of two links have swapped names, say, each is the way that the other has to wait for.
    """
    wanted = {site.end.device: site.end.bridge for site in sites}
    return dataclasses.replace(
        refused,
        detach=tuple(step for step in rows.detach if step.bridge != wanted.get(step.device)),
        operations=tuple(
            ChangeEnd(link_id=refused.state.link_id, ifindex=device.ifindex, master=0)
            for device, site in zip(devices, sites, strict=False)
            if observed.held_by(device) is not None and device.master != site.bridge_index
        ),
    )
