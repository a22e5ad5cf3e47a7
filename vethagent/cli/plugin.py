"""Plugin of the OpenStack client: ``openstack bridge …``."""

import argparse
import os
from typing import TYPE_CHECKING

from osc_lib.clientmanager import ClientManager

from vethagent.cli.base import API_NAME

if TYPE_CHECKING:
    from vethagent.client.v1 import Client

__all__ = [
    "API_NAME",
    "API_VERSIONS",
    "API_VERSION_OPTION",
    "DEFAULT_API_VERSION",
    "build_option_parser",
    "make_client",
]

API_VERSION_OPTION = "os_vethagent_api_version"
API_VERSIONS = ("1",)
DEFAULT_API_VERSION = "1"


def make_client(instance: ClientManager) -> "Client":
    """Return a client on the session of the OpenStack client.

    The address is the first of: ``--os-vethagent-endpoint-override`` (or the same in clouds.yaml),
    VETHAGENT_API_URL, the auth plugin's or the service catalog's, this machine's.
    """
    from vethagent.cli import parsing
    from vethagent.client import session
    from vethagent.client.v1 import Client

    url = instance.get_endpoint_for_service_type(
        session.SERVICE_TYPE, region_name=instance.region_name, interface=instance.interface
    )
    api_url = parsing.api_url(url or session.DEFAULT_API_URL)
    return Client(session.make_adapter(instance.session, api_url=api_url))


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options that hold for all commands of the plugin."""
    parser.add_argument(
        "--os-vethagent-api-version",
        metavar="<vethagent-api-version>",
        default=os.environ.get("OS_VETHAGENT_API_VERSION", DEFAULT_API_VERSION),
        help=f"vethagent API version, default={DEFAULT_API_VERSION} (Env: OS_VETHAGENT_API_VERSION)",
    )
    parser.add_argument(
        "--os-vethagent-endpoint-override",
        metavar="<url>",
        default=os.environ.get("VETHAGENT_API_URL"),
        help="Address of the vethagent API, if it is not in the service catalog (Env: VETHAGENT_API_URL)",
    )
    return parser
