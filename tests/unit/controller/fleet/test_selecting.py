import pydantic
import pytest

from vethagent import model
from vethagent.controller.fleet.selecting import selects

LABELS = {"rack": "r1", "zone": "", "gpu": "a100"}


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("rack", True),
        ("row", False),
        ("!row", True),
        ("!rack", False),
        ("rack=r1", True),
        ("rack=r2", False),
        ("row=", False),
        ("zone=", True),
        ("rack!=r2", True),
        ("rack!=r1", False),
        ("row!=1", True),
        ("rack in (r2,r1)", True),
        ("rack in (r2)", False),
        ("row in (r1)", False),
        ("rack notin (r2,r3)", True),
        ("rack notin (r1)", False),
        ("row notin (r1)", True),
    ],
)
def test_an_expression(expression: str, fits: bool) -> None:
    assert selects(model.Selector(labels=(expression,)), "h1", LABELS) is fits


@pytest.mark.parametrize(
    ("hosts", "labels", "fits"),
    [
        (("h1",), (), True),
        (("h2", "h?"), (), True),
        (("h2", "c*"), (), False),
        (("*",), ("rack=r1",), True),
        (("h1",), ("rack=r2",), False),
        (("h2",), ("rack=r1",), False),
        ((), ("rack", "gpu"), True),
        ((), ("rack", "!gpu"), False),
    ],
)
def test_all_of_it_has_to_fit(hosts: tuple[str, ...], labels: tuple[str, ...], fits: bool) -> None:
    assert selects(model.Selector(hosts=hosts, labels=labels), "h1", LABELS) is fits


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"hosts": []},
        {"hosts": ["a b"]},
        {"hosts": ["[a]"]},
        {"labels": [""]},
        {"labels": ["a=b=c"]},
        {"labels": ["a in b"]},
        {"labels": ["a in ()x"]},
        {"labels": ["!a=b"]},
        {"labels": ["a\n"]},
    ],
)
def test_what_is_no_selector(selector: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        model.Selector.model_validate(selector)
