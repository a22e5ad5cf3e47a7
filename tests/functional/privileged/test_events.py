"""What comes to an agent that listens to link events."""

from tests.functional.privileged.kernel import Kernel


def test_what_bridges_tell_of_their_ports_does_not_come(kernel: Kernel) -> None:
    with kernel.listening() as told:
        first, second = kernel.pair()
    assert {first, second} <= {message.device.ifindex for message in told if message.device}
    assert not kernel.told_by_bridges
