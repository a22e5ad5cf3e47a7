"""Who may do what: a rule of oslo.policy for each operation of the route table, named as in the OpenAPI document.

Links are part of the hosts and belong to no project: a role in a project alone opens nothing but to admins.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import falcon
from oslo_config import cfg
from oslo_context.context import RequestContext
from oslo_policy import opts, policy

from vethagent import exceptions
from vethagent.controller.api import errors
from vethagent.controller.api.auth import Authentication, Unauthorized
from vethagent.controller.api.errors import Forbidden
from vethagent.controller.api.operation import Operation, Route
from vethagent.controller.api.routes import ROUTES
from vethagent.controller.api.stamps import Stamp, stamp

LOG = logging.getLogger(__name__)

_PARSER_LOG = logging.getLogger("oslo_policy._parser")
_PREFIX = "vethagent:"
#: Checks that ask a server, which may come later.
_REMOTE = ("http", "https")
#: Paths of files, and of each what is different after a change.
_Files = dict[str, Stamp]
_BASE = (
    policy.RuleDefault("admin", "role:admin", "May do everything, what stops an agent too"),
    policy.RuleDefault("member", "rule:admin or (role:member and system_scope:all)", "May change links"),
    policy.RuleDefault("reader", "rule:member or (role:reader and system_scope:all)", "May look"),
)


class PolicyFileError(exceptions.VethagentError):
    """The rules of a file make no sense."""

    code = "POLICY_FILE_ERROR"


def enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    """Return the rules, with those of the files that ``[oslo_policy]`` of ``conf`` names in place of the defaults.

    The files are read now and never again. Raise PolicyFileError.
    """
    made = policy.Enforcer(conf)
    made.register_defaults(list_rules())
    _PARSER_LOG.disabled = True  # it writes a traceback for each rule; the one line of the exception tells more
    try:
        said = _said(conf)
        made.load_rules(force_reload=True)
        made.check_rules(raise_on_violation=True)
        _check_file(made, conf, said)
    except Exception as error:  # the libraries raise whatever a mistake leads to
        raise PolicyFileError(f"[oslo_policy] policy_file: {error}") from error
    finally:
        _PARSER_LOG.disabled = False
    made.use_conf = False
    return made


class Rules:
    """The rules in force: those of the files as they last made sense. Raise PolicyFileError if they never did.

    oslo.policy reads files again by itself, and lets the defaults, which may be wider, take the place of a file that is
    deleted. It answers with what it has read of a mistake so far, and has no rule at all for other threads meanwhile.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._lock = threading.Lock()
        opts.set_defaults(conf)  # nobody has registered the options yet
        self._seen = _files(conf)
        self._enforcer = enforcer(conf)
        #: What could not be read, and why.
        self._refused: tuple[_Files, str] | None = None

    def now(self) -> policy.Enforcer:
        """Return them, after a look whether a file has changed."""
        if _files(self._conf) != self._seen:
            with self._lock:
                found = _files(self._conf)
                if found != self._seen:
                    self._read(found)
        return self._enforcer

    def _read(self, found: _Files) -> None:
        try:
            made = enforcer(self._conf)
            before = self._enforcer.policy_path
            if before is not None and not os.path.isfile(made.policy_path or ""):
                raise PolicyFileError(f"[oslo_policy] policy_file: there is no file {before} any more")
        except PolicyFileError as error:
            if self._refused != (found, str(error)):
                LOG.error("%s; the rules that were read before it stay in force", error)
            self._refused = found, str(error)
            if isinstance(error.__cause__, OSError):
                return  # what keeps this process from reading them may end without a trace in the files
        else:
            if _files(self._conf) != found:
                return  # it may be of two moments; the next look tries again
            LOG.info("the rules of oslo.policy were read again")
            self._enforcer = made
        self._seen = found


def _paths(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Yield the files that have rules, as oslo.policy reads them one after the other; raise OSError."""
    paths = [conf.find_file(conf.oslo_policy.policy_file)]
    for folder in filter(None, map(conf.find_file, conf.oslo_policy.policy_dirs)):
        paths += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    yield from (path for path in paths if path and not os.path.isdir(path))


def _files(conf: cfg.ConfigOpts) -> _Files:
    """Return the files that have rules, as they are now."""
    found: _Files = {}
    with contextlib.suppress(OSError):
        for path in _paths(conf):
            with contextlib.suppress(OSError):
                found[path] = stamp(os.stat(path))
    return found


def _said(conf: cfg.ConfigOpts) -> dict[str, str]:
    """Return what the files say; raise OSError if one cannot be read, which oslo.policy takes for an empty one."""
    said: dict[str, str] = {}
    for path in _paths(conf):
        with open(path) as file:
            said |= policy.parse_file_contents(file.read())
    return said


def _check_file(made: policy.Enforcer, conf: cfg.ConfigOpts, said: dict[str, str]) -> None:
    """Raise ValueError for what oslo.policy takes, and what whoever wrote it did not mean.

    A file that is not there, or a rule of a name that is misspelt, would leave the default in force. What cannot be
    parsed would let nobody in.
    """
    location = conf.get_location("policy_file", "oslo_policy")
    missing = made.policy_path is None or os.path.isdir(made.policy_path)
    if missing and location is not None and location.location.is_user_controlled:
        raise ValueError(f"there is no file {conf.oslo_policy.policy_file}")
    if {name: rule.check_str for name, rule in made.file_rules.items()} != said:
        raise OSError("a file could not be read, or changed meanwhile")
    for name, rule in made.file_rules.items():
        if name.startswith(_PREFIX) and name not in made.registered_rules:
            raise ValueError(f"there is no rule {name!r}")
        if "!" in str(rule.check) and "!" not in rule.check_str:
            raise ValueError(f"the rule {name!r} cannot be understood: {rule.check_str}")
        for check in _parts(rule.check):
            _try_out(check, name, made)


def _parts(check: Any) -> Iterator[Any]:
    """Yield the checks that a rule is put together from."""
    inner = [check.rule] if isinstance(check, policy.NotCheck) else getattr(check, "rules", ())
    for part in inner:
        yield from _parts(part)
    if not inner:
        yield check


def _try_out(check: Any, name: str, made: policy.Enforcer) -> None:
    """Raise ValueError for a check that oslo.policy stumbles over only when it is asked, which nobody would get past.

    Within a rule it may come to that for some users only.
    """
    if getattr(check, "kind", None) in _REMOTE:
        return
    try:
        check({}, RequestContext(user_id="nobody", roles=["none"]).to_policy_values(), made)
    except Exception as error:  # whatever a mistake leads to
        raise ValueError(f"the rule {name!r} cannot be understood: {check}: {error}") from error


def list_rules() -> list[policy.RuleDefault]:
    """Return the default of every rule."""
    rules = list(_BASE)
    for route in ROUTES:
        for method, operation in route.operations.items():
            if operation.role is not None:
                where: list[policy.Operation] = [{"path": route.path, "method": method}]
                name = rule_name(route, method)
                rules.append(policy.DocumentedRuleDefault(name, f"rule:{operation.role}", operation.summary, where))
    return rules


def rule_name(route: Route, method: str) -> str:
    """Return the name of the rule of an operation."""
    return f"{_PREFIX}{route.operation_id(method)}"


def allowed(rules: Rules, caller: RequestContext) -> list[str]:
    """Return the names of the operations that are open to ``caller``, sorted, without those that are to everybody."""
    current = rules.now()
    names = [
        route.operation_id(method)
        for route in ROUTES
        for method, operation in route.operations.items()
        if operation.role is not None
    ]
    return sorted(name for name in names if current.authorize(f"{_PREFIX}{name}", {}, caller))


class Gate:
    """Middleware: lets through who may do what it asks for, and leaves who that is in ``request.context.caller``."""

    def __init__(self, authentication: Authentication, rules: Rules) -> None:
        self._authentication = authentication
        self._rules = rules
        self._operations = {
            (route.path, method): (rule_name(route, method), operation)
            for route in ROUTES
            for method, operation in route.operations.items()
        }
        # Who asks by HEAD gets no body, and has to be who may have it.
        self._operations |= {
            (path, "HEAD"): rule for (path, method), rule in self._operations.items() if method == "GET"
        }

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Raise Forbidden for those to whom nothing at all is served."""
        # The log takes the request's id from the context of the thread, which had another request before this one.
        RequestContext(request_id=errors.request_id(request))
        self._authentication.admit(request)

    def process_resource(
        self, request: falcon.Request, response: falcon.Response, resource: object, params: dict[str, str]
    ) -> None:
        """Raise Unauthorized or Forbidden."""
        rule, operation = self._operations.get((request.uri_template or "", request.method), (None, None))
        if rule is None or operation is None or operation.role is None:
            return  # for everybody, or a method that there is not
        try:
            caller = self._authentication.identify(request)
        except Unauthorized:
            response.set_header("WWW-Authenticate", self._authentication.challenge)
            raise
        self._check(rule, operation, caller)
        request.context.caller = caller

    def _check(self, rule: str, operation: Operation, caller: RequestContext) -> None:
        if not self._rules.now().authorize(rule, {}, caller):
            name = caller.user_name or caller.user_id
            taken = f"the role {operation.role}"
            if operation.role != "admin" and caller.system_scope != "all":
                taken += " and a token for the whole system (--os-system-scope all)"
            raise Forbidden(f"the rule {rule} does not let {name} in: by default it takes {taken}")
