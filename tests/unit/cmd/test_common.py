"""What the entry points share."""

import gc

from vethagent.cmd import common


def test_what_is_imported_is_left_to_the_collector_no_more() -> None:
    try:
        common.spare_imports()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
