"""The files of the page; tests/functional/agent/test_page.py uses them in a browser."""

import pathlib
import re

import pytest
from falcon import testing

from vethagent import model

FOLDER = pathlib.Path(__file__).parents[4] / "vethagent/controller/dashboard"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".css", ".html", ".js", ".svg"))


def test_the_short_address_leads_to_the_page(client: testing.TestClient) -> None:
    for path in ("/ui", "/ui/"):
        answer = client.simulate_get(path)
        assert answer.status_code == 302
        assert answer.headers["location"].endswith("/ui/index.html")


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_served_and_runs_nothing_from_elsewhere(client: testing.TestClient, name: str) -> None:
    answer = client.simulate_get(f"/ui/{name}")
    assert (answer.status_code, answer.content) == (200, (FOLDER / name).read_bytes())
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = client.simulate_get(f"/ui/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_server_or_keeps_a_secret(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}
    for word in ("localStorage", "sessionStorage", "document.cookie", "innerHTML", "eval("):
        assert word not in text


def test_other_names_are_not_found(client: testing.TestClient) -> None:
    for name in ("__init__.py", "..%2fapp.py", "nothing.js"):
        answer = client.simulate_get(f"/ui/{name}")
        assert answer.status_code == 404, name


def test_each_code_is_said_in_words() -> None:
    words = (FOLDER / "words.js").read_text()
    plumbing = "".join(path.read_text() for path in (FOLDER.parents[1] / "plumbing").glob("*.py"))
    codes = set(re.findall(r'_differ(?:ence)?\("([A-Z_]+)"|code = "([A-Z_]+)" if .* else "([A-Z_]+)"', plumbing))
    found = {code for group in codes for code in group if code}
    assert {"MTU", "OVS_PORT_MISSING", "NOT_ATTACHED", "WRONG_BRIDGE"} <= found
    for code in found | {reason.value for reason in model.Reason if reason not in ("", model.Reason.UNPLUGGED)}:
        assert re.search(rf'^  {code}: "', words, re.MULTILINE), code
