"""Why there is no answer, or not the API's: from the errors of the libraries to the client's own."""

import http.client
import ssl
from collections.abc import Iterator

import requests
from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import session

from vethagent.client import exceptions

WANTS_TLS = ", as by a server that wants https://"

# X509_verify_cert_error_string(3)
_EXPIRED = 10
_OF_ANOTHER_NAME = (62, 64)  # host name, IP address


def no_connection(error: BaseException, url: str) -> exceptions.ApiUnreachable:
    """Return what a connection error of keystoneauth1 means for a request to the API at ``url``."""
    causes = list(_causes(error))
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return _untrusted(each, url)
    why = why_not(error)
    if any(isinstance(each, _PROXY) for each in causes):
        return exceptions.ProxyFailed(url, why)
    if any(getattr(each, "reason", None) in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") for each in causes):
        return exceptions.NoTls(url, why)
    if url.startswith("http:") and any(isinstance(each, _CLOSED) for each in causes):
        why += WANTS_TLS
    return exceptions.ApiUnreachable(url, why)


_PROXY = (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL)
_CLOSED = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected, http.client.BadStatusLine)


def _untrusted(error: ssl.SSLCertVerificationError, url: str) -> exceptions.ApiUntrusted:
    why = error.verify_message.rstrip(".")
    if error.verify_code in _OF_ANOTHER_NAME:
        return exceptions.ApiUntrusted(url, why, "Call the API by a name that its certificate has (see --api-url).")
    if error.verify_code == _EXPIRED:
        return exceptions.ApiUntrusted(url, why, "It has to be renewed there, or the clock here is wrong.")
    return exceptions.ApiUntrusted(url, why)


def no_credentials(error: ksa_exceptions.ClientException, where: str | None) -> exceptions.AuthenticationFailed:
    """Return what an error of keystoneauth1 means for a request to Keystone at ``where``."""
    keystone = f"Keystone at {where}" if where else "Keystone"
    match error:
        case ksa_exceptions.ConnectionError():
            why = f"{keystone} cannot be reached: {why_not(error)} (see --os-auth-url)"
        case ksa_exceptions.Unauthorized():
            why = f"{keystone} refuses what it was given: {_first_line(error)} (see --os-username and --os-password)"
        case ksa_exceptions.DiscoveryFailure() | ksa_exceptions.InvalidResponse() | ksa_exceptions.NotFound():
            why = f"what answers at {where} is not Keystone (see --os-auth-url)"
        case _:
            why = _first_line(error)
    return exceptions.AuthenticationFailed(f"Cannot authenticate: {why}")


def why_not(error: BaseException) -> str:
    """Return why there is no connection in a few words: the innermost error of the system, if there is one."""
    if isinstance(error, ksa_exceptions.ConnectTimeout):
        return "no answer in time"
    why = "the connection was closed"
    for inner in _causes(error):
        if isinstance(inner, OSError) and inner.strerror:
            why = inner.strerror
    return why[:1].lower() + why[1:]


def uses_proxy(on: session.Session, url: str) -> bool:
    """Return whether a proxy of the environment is asked for ``url``."""
    http_session = on.session
    return bool(http_session.trust_env and requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)))


def _causes(error: BaseException) -> Iterator[BaseException]:
    inner = error.__cause__ or error.__context__
    while inner is not None:
        yield inner
        inner = inner.__cause__ or inner.__context__


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
