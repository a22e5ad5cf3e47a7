"""The rules of HACKING.rst that are numbers."""

import ast
import pathlib
from collections.abc import Iterator

_ROOT = pathlib.Path(__file__).parents[2]
_LONGEST_FILE, _LONGEST_FUNCTION = 400, 50


def _sources() -> Iterator[pathlib.Path]:
    for folder in ("vethagent", "tests", "tools", "benchmarks"):
        yield from sorted((_ROOT / folder).rglob("*.py"))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_files_and_functions_keep_their_lengths() -> None:
    outgrown = []
    for path in _sources():
        source, name = path.read_text(), path.relative_to(_ROOT)
        if (lines := len(source.splitlines())) > _LONGEST_FILE:
            outgrown.append(f"{name}: {lines} lines")
        for function in _functions(ast.parse(source)):
            assert function.end_lineno is not None
            if (lines := function.end_lineno - function.lineno + 1) > _LONGEST_FUNCTION:
                outgrown.append(f"{name}: {function.name} has {lines} lines")
    assert not outgrown
