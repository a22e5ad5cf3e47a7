import oslo_messaging
import pytest

from vethagent import exceptions
from vethagent.rpc import exposed

POLICY = oslo_messaging.ExplicitRPCAccessPolicy()


class Endpoint:
    @exposed.cast
    def plug(self, context: dict[str, str]) -> None:
        raise KeyError("of ours")

    @exposed.call
    def describe(self, context: dict[str, str], fail: type[Exception]) -> None:
        raise fail("a sentence")

    def hidden(self, context: dict[str, str]) -> None: ...


def test_only_what_is_marked_can_be_called() -> None:
    endpoint = Endpoint()
    assert POLICY.is_allowed(endpoint, "plug") and POLICY.is_allowed(endpoint, "describe")
    assert not POLICY.is_allowed(endpoint, "hidden") and not POLICY.is_allowed(endpoint, "__init__")


def test_a_refusal_is_an_answer_and_any_other_error_is_a_fault() -> None:
    with pytest.raises(oslo_messaging.rpc.ExpectedException) as caught:
        Endpoint().describe({}, exceptions.InvalidMessage)
    assert isinstance(caught.value.exc_info[1], exceptions.InvalidMessage)
    with pytest.raises(KeyError):
        Endpoint().describe({}, KeyError)
