"""The unit tests of templates and roll-outs, on MariaDB and PostgreSQL, and two controllers at once."""

from tests.unit.controller.fleet.test_purging import *
from tests.unit.controller.fleet.test_races import *
from tests.unit.controller.fleet.test_rollouts import *
from tests.unit.controller.fleet.test_templates import *
