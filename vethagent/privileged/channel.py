"""How the agent starts its helper and talks to it: whatever the helper does, each step ends in time.

By itself oslo.privsep 3.12 waits for ever for a helper that is stopped while it starts, or that does not read a batch
which is larger than a socket's buffer. And on native threads it does not notice a helper that is killed with a batch
unread: the connection is then reset instead of ended, and only the time-out of the call says so.
"""

import contextlib
import logging
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from oslo_privsep import comm, daemon, priv_context

from vethagent import constants, exceptions, processes

LOG = logging.getLogger(__name__)

#: What a start may take beside what the options allow for a batch: an interpreter on a busy machine.
_START_SECONDS = 30.0
#: What it may take as long as it is seen to go on: if others have nearly all of the processor the next one would only
#: begin again.
_SLOW_START_SECONDS = 120.0
#: Seconds between two looks whether it stands still meanwhile.
_LOOK_SECONDS = 1.0


class Context(priv_context.PrivContext):
    """The context whose helper is started, and left, without waiting for it longer than ``timeout``."""

    #: Called when a helper has ended that nobody has left, with the seconds for which it was there.
    ended: Callable[[float], object] | None = None
    #: What is to leave a helper behind, while that is waited for.
    launched: "subprocess.Popen[bytes] | None" = None
    #: Whether none is to be launched any more.
    abandoned = False

    def start(self, method: priv_context.Method = priv_context.Method.ROOTWRAP) -> None:
        """Start a helper if there is none."""
        if self.channel is None:
            self.channel = Channel(self)

    def ask(self, entry: str, *arguments: object) -> Any:
        """Have the helper do one of the entry points of ``batch``, which is not imported here: it takes pyroute2."""
        if self.channel is None:
            raise exceptions.HelperUnavailable("there is no helper")
        return self.channel.remote_call(f"{__package__}.batch.{entry}", arguments, {}, self.timeout)

    def does_without_files(self) -> bool:
        """Whether a helper that reads no options is as good: one with them would not be another user."""
        return not (self.conf.user or self.conf.group)

    def ready(self) -> bool:
        """Have a helper running, another one if the last has ended or stands still; raise as ``Channel``.

        Return whether it is another one.
        """
        before = self.channel
        if isinstance(before, Channel) and not self.present():
            self.stop()
        self.start()
        return self.channel is not before

    def present(self) -> bool:
        """Return whether there is a helper, which has not ended and is not seen to stand still."""
        return isinstance(self.channel, Channel) and self.channel.running and self.channel.standing() is None

    def standing(self) -> "tuple[Channel, int] | None":
        """Return the way to the helper if that is seen to stand still; the same twice if it did not go on between."""
        if not isinstance(self.channel, Channel) or (slept := self.channel.standing()) is None:
            return None
        return self.channel, slept

    def abandon(self) -> None:
        """Launch no helper any more; one that is just starting would find nobody to meet, and say so at length."""
        self.abandoned = True
        if self.launched is not None:
            with contextlib.suppress(PermissionError):  # sudo is root's
                self.launched.kill()

    def stop(self) -> None:
        """Leave the helper, which may be stopped: one that can be killed is, others end when they notice."""
        channel, self.channel = self.channel, None
        if isinstance(channel, Channel):
            channel.leave()


class Channel(daemon.RootwrapClientChannel):
    """The way to one helper."""

    def __init__(self, context: Context) -> None:
        """Start the helper; raise HelperUnavailable, or what oslo.privsep raises."""
        self._seconds = max(_START_SECONDS, context.timeout or 0)
        self._pid = 0
        self._left = False
        self._context = context
        with _folder() as folder, socket.socket(socket.AF_UNIX) as listening:
            path = pathlib.Path(folder, "privsep.sock")
            listening.bind(str(path))
            listening.listen(1)
            listening.settimeout(self._seconds)
            self._launch_anyhow(context.helper_command(str(path)), bare=context.does_without_files())
            connected, _ = listening.accept()
        try:
            # Not that of the class above, which starts a helper in its own way, but of the one above that.
            super(daemon.RootwrapClientChannel, self).__init__(connected, context)
            self._began = time.monotonic()
            self._pid = int(self.remote_call("vethagent.privileged.batch.pid", (), {}, self._seconds))
        except BaseException:
            self.leave()  # it may be slow only, and would then wait for questions for ever
            raise

    def standing(self) -> int | None:
        """Return as ``processes.standing`` whether the helper is seen to stand still; not to see it says nothing."""
        return processes.standing(self._pid) if self._pid else None

    def leave(self) -> None:
        """Forget the helper without waiting for it, and see to its end if that is allowed."""
        self._left = True
        self.kill()
        with contextlib.suppress(OSError):
            self.writer.writesock.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """See to the end of the helper if that is allowed; if it has ended another process may have its number."""
        with contextlib.suppress(OSError):
            if self._pid and self.running:
                os.kill(self._pid, signal.SIGKILL)

    def send_recv(self, msg: Any, timeout: float | None = None) -> Any:
        """Ask; without a ``timeout`` in seconds it is that of a start."""
        seconds = timeout or self._seconds
        self.writer.writesock.settimeout(seconds)  # of a batch too large for the buffer of one who does not read
        return super().send_recv(msg, seconds)

    def _reader_main(self, reader: comm.Deserializer) -> None:
        try:
            super()._reader_main(reader)
        except ConnectionError:
            # A connection that is reset has ended: that is told to whoever waits for an answer.
            super()._reader_main(iter(()))  # type: ignore[arg-type]
        if self._pid and not self._left and self._context.ended is not None:
            self._context.ended(time.monotonic() - self._began)

    def _launch_anyhow(self, command: list[str], *, bare: bool) -> None:
        """Run the command, and once more if it is killed; or if it fails, without files that may have a mistake.

        The latter if ``bare`` allows that.
        """
        status = self._launch(command)
        again = _without_files(command) if status > 0 and bare else command
        if (status < 0 or again != command) and not self._context.abandoned:
            how = "once more" if again == command else "without the files of options"
            LOG.warning("%s ended with %d, it is tried %s", command[0], status, how)
            status = self._launch(again)
        if status:
            raise exceptions.HelperUnavailable(f"{command[0]} ended with {status}")

    def _launch(self, command: list[str]) -> int:
        """Run the command that leaves a helper behind, which then knows of this channel; return its status."""
        if self._context.abandoned:
            raise exceptions.HelperUnavailable("none is started any more")
        self._context.launched = process = subprocess.Popen(command, stderr=daemon._fd_logger())
        if self._context.abandoned:
            self._context.abandon()  # who did so meanwhile knew of none
        standing: int | None = None
        begun, worked = time.monotonic(), 0
        until = begun + self._seconds
        while (status := _wait(process, min(_LOOK_SECONDS, until - time.monotonic()))) is None:
            stood, standing = standing, processes.standing(process.pid)
            before, worked = worked, processes.worked(process.pid)
            if worked > before:
                until = max(until, min(time.monotonic() + self._seconds, begun + _SLOW_START_SECONDS))
            stands = standing is not None and standing == stood
            if stands or time.monotonic() >= until:
                with contextlib.suppress(PermissionError):  # sudo is root's
                    process.kill()
                why = "the helper stood still in its start" if stands else f"no helper within {until - begun:.0f} s"
                raise exceptions.HelperUnavailable(why)
        return status


def _folder() -> "tempfile.TemporaryDirectory[str]":
    """Make a folder for the socket by which a helper is met, in memory if there is no room among temporary files."""
    try:
        return tempfile.TemporaryDirectory()
    except OSError:
        return tempfile.TemporaryDirectory(dir=constants.IN_MEMORY)


def _without_files(command: list[str]) -> list[str]:
    """Return a command without the files and folders of options that it names."""
    kept, words = [], iter(command)
    for word in words:
        if word in ("--config-file", "--config-dir"):
            next(words, None)
        elif not word.startswith(("--config-file=", "--config-dir=")):
            kept.append(word)
    return kept


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """Return the status with which a process ends, None if it does not within so many seconds."""
    try:
        return process.wait(max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return None
