"""One request, and its answer or a clear error."""

import logging
import urllib.parse
from typing import Any

import requests
from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa_exceptions

from vethagent.client import exceptions, faults
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
        key: str | None = None,
    ) -> Any:
        """Return the decoded answer, None if it is empty; raise a ClientError otherwise.

        ``path`` begins with a slash and is already quoted; ``generation`` is for If-Match; an answer without ``key`` is
        none of the API.
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
            raise faults.no_connection(error, self._base_url()) from error
        try:
            return _answer_of(response, self._base_url(), key)
        except exceptions.UnexpectedAnswer as error:
            if faults.uses_proxy(self._http.session, url):
                raise exceptions.UnexpectedAnswer(error.url, f"{error.what}, asked through a proxy") from None
            raise

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
                auth = self._http.auth or self._http.session.auth
                raise faults.no_credentials(error, getattr(auth, "auth_url", None)) from error
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


def _answer_of(response: requests.Response, url: str, key: str | None) -> Any:
    try:
        content = response.json() if response.content else None
    except ValueError:
        content = response.text
    if response.status_code >= 400:
        raise _error_of(response, content, url)
    if isinstance(content, str):
        raise exceptions.UnexpectedAnswer(url, "no JSON")
    if key is not None and not (isinstance(content, dict) and key in content):
        raise exceptions.UnexpectedAnswer(url, f"no {key!r} in it")
    return content


def _unauthorized(response: requests.Response, told: tuple[Any, ...]) -> exceptions.Unauthorized:
    error = exceptions.Unauthorized(*told)
    error.challenge = response.headers.get("WWW-Authenticate", "")
    return error


def _error_of(response: requests.Response, content: object, url: str) -> exceptions.ClientError:
    status = response.status_code
    request_id = response.headers.get("x-openstack-request-id")
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        message, code = error["message"], str(error.get("code", status))
        if status == 404 and message == f"there is no {urllib.parse.urlsplit(response.url).path}":
            return exceptions.UnexpectedAnswer(url, message)
        told = (message, status, code, error.get("field"), error.get("request_id") or request_id)
        return _unauthorized(response, told) if status == 401 else exceptions.of_status(status)(*told)
    if status == 401:  # keystonemiddleware and web servers answer it with bodies of their own
        told = ("The API wants other credentials", status, "UNAUTHORIZED", None, request_id)
        return _unauthorized(response, told)
    if status in (429, 502, 503, 504):
        return exceptions.Unavailable(
            f"The vethagent API behind {url} is not available now", status, f"HTTP {status}", None, request_id
        )
    # nginx and cheroot say so in a page if they are asked without TLS.
    wants_tls = url.startswith("http:") and status == 400 and "https" in response.text.lower()
    return exceptions.UnexpectedAnswer(url, f"HTTP {status}{faults.WANTS_TLS if wants_tls else ''}")
