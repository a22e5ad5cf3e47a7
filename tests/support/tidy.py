"""What is made of several parts, and leaves nothing behind however it ends."""

import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.support import namespaces


class Tidy:
    """A context manager; ``close``, and a constructor that fails, undo in reverse order what ``_cleanup`` holds."""

    def __init__(self) -> None:
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all that runs and remove all that was made; once more does nothing."""
        self._cleanup.close()

    @contextlib.contextmanager
    def _building(self) -> Iterator[None]:
        """If the block fails, undo what was made in it."""
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            yield
            undo.pop_all()

    def _make_folder(self, role: str, folder: pathlib.Path | None = None) -> pathlib.Path:
        """Make a folder that goes at the end, or see to it that ``folder`` does."""
        made = folder or pathlib.Path(tempfile.mkdtemp(prefix=f"{namespaces.PREFIX}-{role}-"))
        self._cleanup.callback(shutil.rmtree, made, ignore_errors=True)
        # A service that is not root's has to get through to its own folder below.
        made.chmod(0o755)
        return made
