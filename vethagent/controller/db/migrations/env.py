"""Run by alembic; the connection and its transaction come from ``vethagent.controller.db.migration``."""

from alembic import context

from vethagent.controller.db import models

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=models.Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
