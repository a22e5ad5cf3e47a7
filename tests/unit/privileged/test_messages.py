"""pyroute2's messages are had while other threads import something else."""

import types

import pytest

from vethagent.privileged import messages


class Passed(str):
    """The name of a module; whenever somebody looks at it another module is there."""

    __slots__ = ("modules",)
    modules: dict[str, object]

    def startswith(self, *arguments: object) -> bool:
        self.modules[f"module{len(self.modules)}"] = None
        return False


def test_another_thread_imports_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, object] = {}
    first = Passed("first")
    first.modules = modules
    modules[first] = None
    monkeypatch.setattr(messages, "sys", types.SimpleNamespace(modules=modules))
    assert messages.link_message().__name__ == "ifinfmsg"
    assert sorted(modules) == ["first", "module2"]
