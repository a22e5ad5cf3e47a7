"""Wrong input: one line that names the field, exit status 2, and not one request."""

import pytest

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import Service

CREATE = "link create --host h1"
ID = "5f0c2a54-7f2e-4c7e-9a43-d5e6f8a9b0c1"

WRONG = [
    # what is typed, and what the line must name
    (f"{CREATE} br1:aaaabbbbccccdddd br2", "first END, DEVICE: is longer than 15 bytes"),
    (f"{CREATE} br1 aaaabbbbccccdddd", "second END, BRIDGE: is longer than 15 bytes"),
    (f"{CREATE} br1: br2", "'br1:': DEVICE is empty"),
    (f"{CREATE} :x br2", "':x': BRIDGE is missing"),
    (f"{CREATE} br1:a/b br2", "first END, DEVICE: must not contain '/'"),
    (f"{CREATE} br1:.. br2", "first END, DEVICE: '..' is reserved"),
    (f"{CREATE} br1:x br2:x", "the two ENDs: must have two different devices"),
    (f"{CREATE} br1 br1", "the two ENDs: must join two different bridges"),
    (f"{CREATE} br1:br1 br2", "first END: device must not have the name of its bridge"),
    (f"{CREATE} br1 br2,tag=0", "second END, tag: must be greater than or equal to 1"),
    (f"{CREATE} br1 br2,tag=4095", "second END, tag: must be less than or equal to 4094"),
    (f"{CREATE} br1 br2,tag=x", "'br2,tag=x': tag: must be a whole number"),
    (f"{CREATE} br1 br2,kind=linux,tag=7", "second END: tag is for OVS bridges only"),
    (f"{CREATE} br1 br2,kind=macvlan", "second END, kind: must be"),
    (f"{CREATE} br1 br2,mac=zz", "second END, mac: must be a MAC address"),
    (f"{CREATE} br1 br2,mac=01:00:5e:00:00:01", "second END, mac: is a multicast address"),
    (f"{CREATE} br1 br2,colour=red", "'colour=red' is not one of"),
    (f"{CREATE} br1 br2,tag=1,tag=2", "tag is given twice"),
    (f"{CREATE} br1", "END"),
    (f"{CREATE} br1 br2 br3", "unrecognized arguments: br3"),
    (f"{CREATE} br1 br2 --mtu -1", "--mtu: must be greater than or equal to 68"),
    (f"{CREATE} br1 br2 --mtu 65536", "--mtu: must be less than or equal to 65535"),
    ("template create x br1 br2 --host h --canary -1", "--canary: '-1': must be 0 or more"),
    (f"{CREATE} br1 br2 --mtu big", "--mtu: 'big': must be a whole number or 'auto'"),
    (f"{CREATE} br1 br2 --name=", "--name: must not be empty"),
    (f"{CREATE} br1 br2 --timeout 0", "--timeout: '0': must be a number of seconds above 0"),
    (f"{CREATE} br1 br2 --timeout nan", "--timeout"),
    ("link create br1 br2", "--host"),
    ("link create --host a/b br1 br2", "--host: must be a host name"),
    ("link list --host a/b", "--host: must be a host name"),
    ("link list --bridge a/b", "--bridge: must not contain '/'"),
    ("link list --status HAPPY", "--status"),
    ("link list --limit 0", "--limit: '0': must be 1 or more"),
    ("link show", "ID_OR_NAME"),
    ("link show --host a/b x", "--host: must be a host name"),
    ("link set x", "nothing to change"),
    ("link set x --mtu 67", "--mtu: must be greater than or equal to 68"),
    ("link set x --tag br1", "must be BRIDGE=N or BRIDGE=none"),
    ("link set x --tag br1=4095", "--tag: must be less than or equal to 4094"),
    ("link set x --enable --disable", "--disable: not allowed with argument --enable"),
    ("link set x --host a/b --mtu 1500", "--host: must be a host name"),
    ("link delete", "ID_OR_NAME"),
    ("agent set h1", "nothing to change"),
    ("agent set h1 --mode lazy", "--mode"),
    ("agent show a/b", "HOST: must be a host name"),
    ("event list --limit 1001", "--limit: must be at most 1000"),
    ("event list --kind surprised", "--kind"),
    (f"event list --link {ID} --host a/b", "--host: must be a host name"),
    ("lnk list", "'lnk list' is not a command; did you mean one of"),
    ("", "a command is missing"),
    ("--os-auth-type magic link list", "--os-auth-type: there is no type 'magic'"),
]


@pytest.mark.parametrize(("line", "named"), WRONG, ids=[line or "nothing" for line, _named in WRONG])
def test_wrong_input(vethctl: Vethctl, service: Service, line: str, named: str) -> None:
    result = vethctl(*line.split())
    assert named in result.err
    assert len(result.err.splitlines()) == 1
    assert (result.status, result.out) == (2, "")
    assert service.requests == []


@pytest.mark.parametrize("url", ["127.0.0.1:9798", "ftp://h", "http://", "http://h:99999", "http://h/?a=b"])
def test_wrong_address(run: Vethctl, url: str) -> None:
    result = run("--api-url", url, "link", "list")
    assert result.status == 2
    assert "--api-url" in result.err and len(result.err.splitlines()) == 1


def test_wrong_address_in_the_environment(run: Vethctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VETHAGENT_API_URL", "nonsense")
    assert run("link", "list").status == 2
