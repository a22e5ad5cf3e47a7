"""One request, and its answer or a clear error."""

import logging
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa_exceptions

from vethagent.client import exceptions
from vethagent.client.types import Query

LOG = logging.getLogger(__name__)


class Transport:
    """Speaks JSON with the API behind a keystoneauth1 adapter."""

    def __init__(self, http: adapter.Adapter) -> None:
        self._http = http
        self._url: str | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        generation: int | None = None,
    ) -> Any:
        """Return the decoded answer, None if it is empty; raise a ClientError otherwise.

        ``path`` begins with a slash and is already quoted; ``generation`` is for If-Match.
        """
        url = self._base_url() + "/v1" + path
        match = {} if generation is None else {"If-Match": f'"{generation}"'}
        params = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            response = self._http.request(
                url,
                method,
                params=params,
                json=body,
                headers={"Accept": "application/json"} | match,
                raise_exc=False,
                logger=LOG,
            )
        except ksa_exceptions.ConnectionError as error:
            if refused := [each for each in _causes(error) if isinstance(each, ssl.SSLCertVerificationError)]:
                raise exceptions.ApiUntrusted(self._base_url(), refused[0].verify_message) from error
            raise exceptions.ApiUnreachable(self._base_url(), _why(error)) from error
        return _answer_of(response, self._base_url())

    def _base_url(self) -> str:
        """Return the address of the API without a slash at its end; credentials are fetched on the way, once."""
        if self._url is None:
            try:
                # Before the first request, so that a failure of Keystone is not taken for one of the API.
                headers = self._http.session.get_auth_headers(self._http.auth)
                url = self._http.get_endpoint()
            except ksa_exceptions.EndpointNotFound:
                url = None
            except ksa_exceptions.ClientException as error:
                raise exceptions.AuthenticationFailed(f"Cannot authenticate: {_first_line(error)}") from error
            if headers is None:
                raise exceptions.AuthenticationFailed(
                    "Cannot authenticate: user name or password is missing (see --os-username, --os-password)"
                )
            if not url:
                raise exceptions.AuthenticationFailed(
                    f"The service catalog has no {self._http.service_type!r} service: give the address of the API"
                )
            self._url = url.rstrip("/").removesuffix("/v1")
        return self._url


def _answer_of(response: requests.Response, url: str) -> Any:
    try:
        content = response.json() if response.content else None
    except ValueError:
        content = response.text
    if response.status_code >= 400:
        raise _error_of(response, content, url)
    if isinstance(content, str):
        raise exceptions.UnexpectedAnswer(url, "no JSON")
    return content


def _error_of(response: requests.Response, content: object, url: str) -> exceptions.ClientError:
    status = response.status_code
    request_id = response.headers.get("x-openstack-request-id")
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return exceptions.of_status(status)(
            error["message"],
            status,
            str(error.get("code", status)),
            error.get("field"),
            error.get("request_id") or request_id,
        )
    if status == 401:  # keystonemiddleware and web servers answer it with bodies of their own
        return exceptions.Forbidden(
            "The API wants other credentials: see --os-auth-type", status, "UNAUTHORIZED", None, request_id
        )
    if status in (502, 503, 504):
        return exceptions.Unavailable(
            f"The vethagent API behind {url} is not available now", status, f"HTTP {status}", None, request_id
        )
    return exceptions.UnexpectedAnswer(url, f"HTTP {status}")


def _why(error: BaseException) -> str:
    """Return why there is no connection in a few words: the innermost error of the system, if there is one."""
    if isinstance(error, ksa_exceptions.ConnectTimeout):
        return "no answer in time"
    why = "the connection was closed"
    for inner in _causes(error):
        if isinstance(inner, OSError) and inner.strerror:
            why = inner.strerror
    return why[:1].lower() + why[1:]


def _causes(error: BaseException) -> Iterator[BaseException]:
    inner = error.__cause__ or error.__context__
    while inner is not None:
        yield inner
        inner = inner.__cause__ or inner.__context__


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
