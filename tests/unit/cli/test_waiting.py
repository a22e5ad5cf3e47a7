"""``--wait``."""

import threading
from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Result, Vethctl
from tests.unit.cli.service import HOST, Service
from vethagent.cli import waiting

CREATE = ("link", "create", "--host", HOST, "--name", "seed", "br1:phy-br1", "br-eth1:eth1-br1", "-f", "json")
SHORT = ("--wait", "--timeout", "0.2")
LONG = ("--wait", "--timeout", "30")


def in_background(action: Callable[[], Result]) -> Callable[[], Result]:
    """Begin ``action`` and return a function that ends it."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(action()), daemon=True)
    thread.start()

    def finish() -> Result:
        thread.join(30)
        assert results, "it did not end"
        return results[0]

    return finish


def wait_for_get(service: Service) -> None:
    """Return after the next look at a link."""
    seen = len(service.requests)
    while not any(method == "GET" for method, _path in service.requests[seen:]):
        threading.Event().wait(0.01)


def test_create_until_active(vethctl: Vethctl, service: Service) -> None:
    service.answer = None
    finish = in_background(lambda: vethctl(*CREATE, *LONG))
    wait_for_get(service)
    path = service.requests[-1][1]
    service.event(path.rpartition("/")[2], generation=1, status="ACTIVE")
    link = finish().json
    assert (link["status"], link["observed_generation"]) == ("ACTIVE", 1)


def test_create_that_ends_in_error(vethctl: Vethctl, service: Service) -> None:
    service.answer = {"status": "ERROR", "reason": "BRIDGE_NOT_FOUND", "message": "there is no bridge br1"}
    result = vethctl(*CREATE, *LONG)
    assert result.status == 1
    assert result.err == "Link seed is ERROR (BRIDGE_NOT_FOUND): there is no bridge br1\n"
    assert '"status": "ERROR"' in result.out, "the id is needed to mend it"


def test_create_that_takes_too_long(vethctl: Vethctl, service: Service) -> None:
    service.answer = None
    result = vethctl(*CREATE, *SHORT)
    assert result.status == 1
    assert result.err.startswith("Link seed is not ACTIVE after 0.2 s: it is BUILD (PLUGGING)")


@pytest.mark.parametrize(
    ("answer", "status"),
    [({"status": "DOWN", "reason": "ADMIN_DOWN"}, 0), ({"status": "DOWN", "reason": "DRIFT"}, 1)],
)
def test_disabled_link_is_to_be_down(vethctl: Vethctl, service: Service, answer: dict[str, str], status: int) -> None:
    service.answer = answer
    assert vethctl(*CREATE, "--disable", *SHORT).status == status


def test_set_waits_for_the_new_generation(vethctl: Vethctl, service: Service) -> None:
    link_id = vethctl(*CREATE).json["id"]
    service.answer = None
    finish = in_background(lambda: vethctl("link", "set", "seed", "--mtu", "9000", "-f", "json", *LONG))
    while ("PATCH", f"/v1/bridge-links/{link_id}") not in service.requests:
        threading.Event().wait(0.01)
    service.event(link_id, generation=1, status="ACTIVE")  # a late word on the generation before
    wait_for_get(service)
    service.event(link_id, generation=2, status="ACTIVE")
    assert finish().json["observed_generation"] == 2


def test_delete_until_gone(vethctl: Vethctl, service: Service) -> None:
    link_id = vethctl(*CREATE).json["id"]
    service.unplugs = False
    finish = in_background(lambda: vethctl("link", "delete", "seed", *LONG))
    while ("DELETE", f"/v1/bridge-links/{link_id}") not in service.requests:
        threading.Event().wait(0.01)
    wait_for_get(service)
    service.event(link_id, generation=2, kind="unplugged", status="DOWN")
    assert finish().status == 0


def test_delete_that_takes_too_long(vethctl: Vethctl, service: Service) -> None:
    vethctl(*CREATE)
    service.unplugs = False
    result = vethctl("link", "delete", "seed", *SHORT)
    assert result.status == 1
    assert "PENDING_DELETE" in result.err and "--force" in result.err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ((*CREATE, *LONG), "The link is wanted all the same: see 'link show seed'"),
        (("link", "delete", "old", *LONG), "Its end is wanted all the same: see 'link show old'"),
    ],
)
def test_ctrl_c_tells_what_goes_on(
    vethctl: Vethctl, service: Service, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], told: str
) -> None:
    vethctl("link", "create", "--host", HOST, "--name", "old", "a", "b")
    service.answer, service.unplugs = None, False

    def interrupt(_done: object, _timeout: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "poll", interrupt)
    result = vethctl(*command)
    assert (result.status, result.out) == (130, "")
    assert told in result.err


def test_link_that_is_deleted_meanwhile(vethctl: Vethctl, service: Service) -> None:
    service.answer = None
    finish = in_background(lambda: vethctl(*CREATE, *LONG))
    wait_for_get(service)
    link_id = service.requests[-1][1].rpartition("/")[2]
    service.event(link_id, generation=1, status="DOWN")
    vethctl_delete(service, link_id)
    result = finish()
    assert result.status == 1
    assert "was deleted meanwhile" in result.err or "PENDING_DELETE" in result.err


def vethctl_delete(service: Service, link_id: str) -> None:
    """Delete without a second vethctl in this process, whose output would be the first one's too."""
    import requests

    with requests.Session() as http:
        http.trust_env = False
        http.delete(f"{service.url}/v1/bridge-links/{link_id}", params={"force": "true"}, timeout=10)
