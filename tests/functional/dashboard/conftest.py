"""The page over the real API and a database, with an agent API that only remembers."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import browser as browsers
from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from vethagent.controller.api import app
from vethagent.controller.api.server import ApiServer
from vethagent.controller.db import migration
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness

#: Milliseconds; of a busy machine.
PATIENCE = 30_000

#: Of hosts that no agent reports from while a test looks.
LIVENESS = Liveness(86400)

#: Returns the address of a page whose API has these options.
Serve = Callable[..., str]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsers.chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def database(tmp_path: pathlib.Path) -> Iterator[Database]:
    """The database of the API."""
    url = f"sqlite:///{tmp_path / 'controller.sqlite'}"
    migration.upgrade(url)
    with contextlib.closing(Database(url)) as made:
        yield made


@pytest.fixture
def serve(database: Database) -> Iterator[Serve]:
    with contextlib.ExitStack() as cleanup:

        def start(
            agent_api: fakes.AgentApi, wrap: Callable[[Any], Any] = lambda application: application, **options: Any
        ) -> str:
            application = wrap(applications.build(database, agent_api, LIVENESS, **options))
            server = ApiServer(application, host="127.0.0.1", port=0, max_body=app.MAX_BODY)
            server.start()
            cleanup.callback(server.stop)
            return f"http://127.0.0.1:{server.address[1]}/ui"

        yield start
