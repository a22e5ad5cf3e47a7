"""The WSGI application of the tests."""

from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg
from oslo_policy import opts

from vethagent.controller.api import app, auth, policies
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness


def build(
    database: Database, agent_api: Any, liveness: Liveness, *, policy_file: str = "none.yaml", **options: Any
) -> WSGIApplication:
    """Return one without authentication unless ``options`` say otherwise."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    opts.set_defaults(conf, policy_file)
    chosen: dict[str, Any] = {"authentication": auth.Noauth(), "rules": policies.Rules(conf)} | options
    return app.build(database, agent_api, liveness=liveness, **chosen)
