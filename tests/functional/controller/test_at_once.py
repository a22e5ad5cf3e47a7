"""The unit tests of the same name, on MariaDB and PostgreSQL."""

from tests.unit.controller.test_at_once import *
