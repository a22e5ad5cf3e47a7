"""Sessions and adapters of keystoneauth1, made so that nothing is asked of the network that need not be."""

import ipaddress
import urllib.parse

import requests
from keystoneauth1 import adapter, plugin, session

DEFAULT_API_URL = "http://127.0.0.1:9798"
SERVICE_TYPE = "vethagent"

#: Seconds without a byte from the API until a request is given up.
TIMEOUT = 60.0


def check_api_url(url: str) -> str:
    """Return ``url`` without what the client adds itself, else raise ValueError; no request is made."""
    parts = urllib.parse.urlsplit(url)
    if parts.username is not None:
        # Errors name the address, and a password is to be in none.
        raise ValueError("an address has no user name and password in it: see --os-username and --os-password")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an address such as {DEFAULT_API_URL}")
    if parts.query or parts.fragment:
        raise ValueError(f"{url!r} must not have a query or a fragment")
    if parts.port == 0:  # reading it raises ValueError beyond 65535
        raise ValueError(f"{url!r} has no valid port")
    path = parts.path.rstrip("/").removesuffix("/v1")
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def make_session(
    auth: plugin.BaseAuthPlugin,
    *,
    api_url: str | None,
    verify: bool | str = True,
    cert: str | tuple[str, str] | None = None,
    app_name: str | None = None,
    app_version: str | None = None,
) -> session.Session:
    """Return a session; ``verify`` is a flag or the path of a CA bundle, ``cert`` a path or (certificate, key)."""
    http = requests.Session()
    if api_url is not None and _is_loopback(api_url):
        # The environment's proxy is asked for 127.0.0.1 too, and it means itself by that.
        http.trust_env = False
    return session.Session(
        auth=auth,
        session=http,
        verify=verify,
        cert=cert,
        timeout=TIMEOUT,
        app_name=app_name,
        app_version=app_version,
    )


def make_adapter(
    on: session.Session, *, api_url: str | None, region_name: str | None = None, interface: str | None = None
) -> adapter.Adapter:
    """Return an adapter for the API at ``api_url``, or, if None, at the address that the service catalog gives.

    No version is asked for, because that would cost a request for the document at the root before each first one.
    """
    return adapter.Adapter(
        on,
        service_type=SERVICE_TYPE,
        endpoint_override=api_url,
        region_name=region_name,
        interface=interface,
        client_name="vethagent",
    )


def _is_loopback(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
