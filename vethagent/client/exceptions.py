"""What can go wrong between a client and the API; the text of each is one line for a person."""

from vethagent import exceptions


class ClientError(exceptions.VethagentError):
    """Base of all."""


class ApiUnreachable(ClientError):
    """There was no answer from the API."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, why)
        self.url = url
        self.why = why

    def __str__(self) -> str:
        return (
            f"Cannot reach the vethagent API at {self.url}: {self.why}. Start vethagent-api (or vethagent-allinone) "
            "there, or give the right address with --api-url or VETHAGENT_API_URL."
        )


class ProxyFailed(ApiUnreachable):
    """The environment has a proxy asked, and that did not get through."""

    def __str__(self) -> str:
        return (
            f"Cannot reach the vethagent API at {self.url} through the proxy that the environment names: {self.why}. "
            "Check http_proxy and https_proxy, or name the host of the API in no_proxy."
        )


class NoTls(ApiUnreachable):
    """Somebody answered, but not in TLS."""

    def __str__(self) -> str:
        return f"What answers at {self.url} does not speak TLS: try the address with http:// (see --api-url)."


class ApiUntrusted(ApiUnreachable):
    """What answers has a certificate that is not trusted here; ``advice`` is what could be done."""

    def __init__(
        self, url: str, why: str, advice: str = "Name the file of its authority with --os-cacert or OS_CACERT."
    ) -> None:
        super().__init__(url, why)
        self.args = (url, why, advice)
        self.advice = advice

    def __str__(self) -> str:
        return f"The certificate of {self.url} is not trusted: {self.why}. {self.advice}"


class AuthenticationFailed(ClientError):
    """No credentials could be had, or no address of the API from the service catalog."""


class UnexpectedAnswer(ClientError):
    """Somebody answered, but not as the vethagent API does."""

    def __init__(self, url: str, what: str) -> None:
        super().__init__(url, what)
        self.url = url
        self.what = what

    def __str__(self) -> str:
        why = f"does not speak as the vethagent API does ({self.what})"
        return f"What answers at {self.url} {why}: check the address, and whether it is of an older release."


class ApiError(ClientError):
    """The API refused: ``status`` of HTTP, the API's ``code`` and, if known, the ``field`` and the request's id."""

    def __init__(self, message: str, status: int, code: str, field: str | None, request_id: str | None) -> None:
        super().__init__(message, status, code, field, request_id)
        self.message = message
        self.status = status
        self.code = code
        self.field = field
        self.request_id = request_id

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.message} ({self.code}{request})"


class InvalidRequest(ApiError):
    """400: ``field`` is not what the API takes."""


class Forbidden(ApiError):
    """401 or 403: not for this user."""


class Unauthorized(Forbidden):
    """401: the API does not know who asks; ``challenge`` is what it says that it wants."""

    challenge: str = ""

    def __str__(self) -> str:
        scheme = self.challenge.replace(",", " ").partition(" ")[0].lower()
        return f"{super().__str__()}. {_CREDENTIALS.get(scheme, _ANY_CREDENTIALS)}"


_ANY_CREDENTIALS = "See --os-auth-type and OS_AUTH_TYPE."

#: By the scheme of WWW-Authenticate.
_CREDENTIALS = {
    "basic": "Give both with --os-auth-type http_basic, --os-username and --os-password, or OS_AUTH_TYPE and the like.",
    "keystone": "Get one with --os-auth-type password, or OS_AUTH_TYPE, and what your openrc file sets.",
}


class NotFound(ApiError):
    """404: there is no such thing."""


class Conflict(ApiError):
    """409: it clashes with something that is there."""


class ChangedMeanwhile(ApiError):
    """412: it has another generation than was said."""


class Unavailable(ApiError):
    """429 or 503: too much was asked, or the API has lost something that it needs; try again later."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: ChangedMeanwhile,
    429: Unavailable,
    503: Unavailable,
}


def of_status(status: int) -> type[ApiError]:
    """Return the class for an HTTP status of 400 or above."""
    return _BY_STATUS.get(status, ApiError)
