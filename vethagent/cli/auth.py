"""Options of ``vethctl`` that say where the API is and who asks, and the client made from them."""

import argparse
import functools
import os
import ssl
import warnings
from typing import cast

from keystoneauth1 import plugin
from keystoneauth1.exceptions import MissingRequiredOptions, NoMatchingPlugin
from keystoneauth1.loading import cli as loading_cli

from vethagent.cli import parsing
from vethagent.cli.base import UsageError
from vethagent.client import session
from vethagent.client.v1 import Client

DEFAULT_AUTH_TYPE = "none"


class UnknownAuthType(Exception):
    """No plugin of keystoneauth1 has the name."""


def add_arguments(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Add the options; those of the auth type depend on the one that ``argv`` or the environment names.

    Raise UnknownAuthType.
    """
    parser.add_argument(
        "--api-url",
        metavar="URL",
        type=parsing.api_url,
        default=os.environ.get("VETHAGENT_API_URL") or None,
        help=f"Address of the API (env: VETHAGENT_API_URL; default: the service catalog's, {session.DEFAULT_API_URL} "
        "without one)",
    )
    parser.add_argument("--insecure", action="store_true", help="Do not verify the server's certificate")
    parser.add_argument(
        "--os-cacert", metavar="FILE", default=os.environ.get("OS_CACERT"), help="CA bundle (env: OS_CACERT)"
    )
    parser.add_argument(
        "--os-cert", metavar="FILE", default=os.environ.get("OS_CERT"), help="Client certificate (env: OS_CERT)"
    )
    parser.add_argument("--os-key", metavar="FILE", default=os.environ.get("OS_KEY"), help="Its key (env: OS_KEY)")
    parser.add_argument(
        "--os-region-name",
        metavar="NAME",
        default=os.environ.get("OS_REGION_NAME"),
        help="Region in the service catalog (env: OS_REGION_NAME)",
    )
    parser.add_argument(
        "--os-interface",
        metavar="NAME",
        default=os.environ.get("OS_INTERFACE") or "public",
        help="Interface in the service catalog (env: OS_INTERFACE; default: public)",
    )
    try:
        loading_cli.register_argparse_arguments(parser, argv, DEFAULT_AUTH_TYPE)
    except NoMatchingPlugin as error:
        raise UnknownAuthType(f"argument --os-auth-type: there is no type {error.name!r}") from None


class ClientManager:
    """Has the client as an attribute, as the OpenStack client's has; made when a command asks for it."""

    def __init__(self, options: argparse.Namespace, *, app_name: str, app_version: str) -> None:
        self._options = options
        self._app_name = app_name
        self._app_version = app_version

    @functools.cached_property
    def vethagent(self) -> Client:
        """Return the client of the API."""
        options = self._options
        auth = _auth_of(options)
        api_url = _api_url_of(options, auth)
        _check_files(options)
        if options.insecure:
            # Who asks for it need not be told with every request.
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        verify: bool | str = False if options.insecure else options.os_cacert or True
        cert = (options.os_cert, options.os_key) if options.os_cert and options.os_key else options.os_cert
        on = session.make_session(
            auth, api_url=api_url, verify=verify, cert=cert, app_name=self._app_name, app_version=self._app_version
        )
        return Client(
            session.make_adapter(
                on, api_url=api_url, region_name=options.os_region_name, interface=options.os_interface
            )
        )


def _auth_of(options: argparse.Namespace) -> plugin.BaseAuthPlugin:
    try:
        return cast(plugin.BaseAuthPlugin, loading_cli.load_from_argparse_arguments(options))
    except MissingRequiredOptions as error:
        missing = ", ".join(f"--os-{option.name}" for option in error.options)
        raise UsageError(f"--os-auth-type {options.os_auth_type} takes {missing} too (or the like of OS_*)") from None


def _check_files(options: argparse.Namespace) -> None:
    """Raise UsageError for a file that is no good: the libraries do not say which option named it."""
    context = ssl.create_default_context()
    if options.os_key and not options.os_cert:
        raise UsageError("--os-key: it takes --os-cert too")
    option = "--os-cacert"
    try:
        if options.os_cacert and not options.insecure:
            folder = os.path.isdir(options.os_cacert)
            context.load_verify_locations(**{"capath" if folder else "cafile": options.os_cacert})
        option = "--os-cert and --os-key" if options.os_key else "--os-cert"
        if options.os_cert:
            context.load_cert_chain(options.os_cert, options.os_key)
    except OSError as error:
        path = options.os_cacert if option == "--os-cacert" else options.os_cert
        why = "no certificate in it, or not its key" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"{option}: {path}: {why}") from None


def _api_url_of(options: argparse.Namespace, auth: plugin.BaseAuthPlugin) -> str | None:
    """Return None if the service catalog is to say where the API is."""
    if options.api_url:
        return str(options.api_url)
    if isinstance(auth, plugin.FixedEndpointPlugin):
        return parsing.api_url(auth.endpoint) if auth.endpoint else session.DEFAULT_API_URL
    return None
