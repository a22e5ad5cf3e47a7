"""The only code that runs with CAP_NET_ADMIN.

The daemon that oslo.privsep starts for this context imports this package and answers ``batch.apply``. It believes
nothing that it is told: each field is checked again, and a device that is not a veth of ours is not changed.
"""

from oslo_privsep import capabilities

from vethagent.privileged import channel

default = channel.Context(
    __name__,
    cfg_section="vethagent_privileged",
    # By way of the module with the work in it: the helper imports this before it gives up root's other capabilities,
    # and without them it may not be let into the folder that the code is in.
    pypath=__name__ + ".batch.default",
    capabilities=[capabilities.CAP_NET_ADMIN],
    logger_name="vethagent.privileged",
)
