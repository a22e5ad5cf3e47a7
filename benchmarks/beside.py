"""A module of benchmarks that runs beside the controller and is asked by lines of JSON."""

import json
import subprocess
import sys
from typing import Any

from tests.support import deployment


class Beside:
    """One such process."""

    def __init__(self, made: deployment.Deployment, module: str) -> None:
        command = [sys.executable, "-m", f"benchmarks.{module}", "--config-file", str(made.api.configuration)]
        self._process = subprocess.Popen(
            made.network.command(*command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, request: object) -> Any:
        """Return the answer to a request."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)
