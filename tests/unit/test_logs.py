"""What a line says that is read by a program."""

import json
import logging
from typing import Any

import pytest
from oslo_log import formatters

from vethagent import logs

REQUEST = "req-6f7a1f2e-52b3-4f3c-8a86-0f6b1d0f7a11"


def line(caplog: pytest.LogCaptureFixture, about: dict[str, Any]) -> dict[str, Any]:
    logging.getLogger("vethagent").warning("link %s is gone", "one", extra=about)
    told: dict[str, Any] = json.loads(formatters.JSONFormatter().format(caplog.records[-1]))
    assert told["message"] == "link one is gone"
    found: dict[str, Any] = told["extra"]
    return found


@pytest.mark.parametrize(
    ("about", "extra"),
    [
        (logs.about(links=["one"], request_id=REQUEST), {"link_id": "one", "request_id": REQUEST}),
        (logs.about(links=["one", "two"], host="h1"), {"link_ids": ["one", "two"], "host": "h1"}),
        (logs.about(request_id=None, host=""), {}),
    ],
    ids=["one link", "links", "nothing"],
)
def test_ids_are_fields(
    caplog: pytest.LogCaptureFixture, about: dict[str, dict[str, object]], extra: dict[str, Any]
) -> None:
    assert line(caplog, about) == extra


def test_a_line_begins_with_its_request_if_there_is_one() -> None:
    assert [logs.before(REQUEST), logs.before(None), logs.before("")] == [f"{REQUEST}: ", "", ""]
