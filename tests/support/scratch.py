"""A copy of this machine that may be changed, with a systemd of its own; at its end it is gone without a trace.

Its files are those of this machine below a layer in memory, its network is a namespace, and of the units of this
machine none runs in it but what a machine needs to be up. So commands for root can be run as somebody would type them.
"""

import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from tests.support import commands, daemons, namespaces, tidy

TOP = pathlib.Path(__file__).parents[2]
#: Where the project, as a layer too, and what runs the tests are in it: no user is kept out there.
PROJECT, PREFIX = "/srv/project", "/srv/prefix"
NAME = "scratch"

_ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
}
#: What would change this machine, or is of no use here.
_MASKED = """
    systemd-journald-audit.socket systemd-modules-load.service systemd-remount-fs.service systemd-sysctl.service
    systemd-udevd.service sys-fs-fuse-connections.mount sys-kernel-debug.mount dev-hugepages.mount timers.target
"""
#: Arguments: the project, what runs the tests, and a folder; it begins when "go" is in that, and then makes "made".
_PREPARE = f"""
set -e
until [ -e "$3/go" ]; do sleep 0.02; done
exec unshare --mount --pid --uts --ipc --cgroup --fork --kill-child sh -ec '
mount --make-rprivate /
stage=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$stage"
cd "$stage"
mkdir files filework project projectwork root
mount -t overlay -o "lowerdir=/,upperdir=files,workdir=filework" overlay root
mkdir -p root{PROJECT} root{PREFIX}
mount -t overlay -o "lowerdir=$1,upperdir=project,workdir=projectwork" overlay root{PROJECT}
mount --bind -o ro "$2" root{PREFIX}
mount -t proc proc root/proc
mount --bind root/proc/sys root/proc/sys
mount -o remount,bind,ro root/proc/sys
mount --bind root/proc/sys/net root/proc/sys/net
mount -t sysfs -o ro sysfs root/sys
mount -t tmpfs tmpfs root/sys/fs/cgroup
mount -t cgroup2 cgroup2 root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=755 tmpfs root/dev
for name in null zero full random urandom tty net; do
    if [ -d "/dev/$name" ]; then mkdir "root/dev/$name"; elif [ -e "/dev/$name" ]; then touch "root/dev/$name"; fi
    [ ! -e "/dev/$name" ] || mount --rbind "/dev/$name" "root/dev/$name"
done
mkdir root/dev/pts root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
hostname {NAME}
echo {NAME} > root/etc/hostname
printf "127.0.0.1 localhost {NAME}\\n" > root/etc/hosts
: > root/etc/machine-id
for unit in {" ".join(_MASKED.split())}; do ln -sf /dev/null "root/etc/systemd/system/$unit"; done
printf "[Unit]\\nRequires=basic.target\\nAfter=basic.target\\n" > root/etc/systemd/system/{NAME}.target
touch "$3/made"
# Not chroot: who is in one cannot have a user namespace, which units ask for.
cd root
pivot_root . mnt
umount -l mnt
exec chroot . env -i container=lxc /lib/systemd/systemd --unit={NAME}.target
' sh "$@"
"""


class Scratch(tidy.Tidy):
    """The copy, with systemd running in it."""

    def __init__(self) -> None:
        super().__init__()
        with self._building():
            self.namespace = self._cleanup.enter_context(namespaces.Namespace(NAME))
            self._folder = self._make_folder(NAME)
            self._cgroup = _own_cgroup() / self.namespace.name
            try:
                self._cgroup.mkdir()
            except OSError as error:
                pytest.skip(f"no cgroup can be made here: {error}")
            self._cleanup.callback(self._remove_cgroup)
            self.holder = daemons.Daemon(
                ["sh", "-c", _PREPARE, "sh", str(TOP), sys.prefix, str(self._folder)],
                name=NAME,
                namespace=self.namespace,
                log=self._folder / "log",
            )
            self._cleanup.callback(self.holder.kill)
            self.holder.start()
            (self._cgroup / "cgroup.procs").write_text(str(self.holder.pid))
            (self._folder / "go").touch()
            self._wait_until_up()

    def command(self, text: str) -> list[str]:
        """Return a line for a shell as a command that root runs in it, in the folder of the project."""
        enter = [f"--target={self._pid}", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root"]
        # By the environment: what looks for a process by its command line must not find the shell that runs it.
        env = [f"{name}={value}" for name, value in {**_ENVIRONMENT, "LINE": text}.items()]
        return ["nsenter", *enter, "env", "--ignore-environment", *env, "bash", "-c", f'cd {PROJECT} && eval "$LINE"']

    def run(self, text: str, *, stdin: str = "", check: bool = True) -> str:
        """Run a line for a shell as root and return what it printed; there is no terminal that could be asked."""
        done = subprocess.run(
            self.command(text),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            start_new_session=True,
        )
        if check and done.returncode:
            raise commands.CommandFailed(f"{text} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file, with the folders above it."""
        self.run(f"mkdir -p $(dirname {shlex.quote(path)}) && cat > {shlex.quote(path)}", stdin=text)

    def journal(self) -> str:
        """Return the last lines of what its services have said."""
        return self.run("journalctl --no-pager --quiet --lines=60", check=False)

    def _wait_until_up(self) -> None:
        made = self._folder / "made"
        commands.wait_until(lambda: made.exists() or not self.holder.running, what=f"{NAME}\n{self.holder.tail()}")
        if not made.exists():
            pytest.skip(f"no copy can be made of this machine: {self.holder.tail()}")
        children = commands.run("pgrep", "--parent", str(self.holder.pid), check=False).stdout.split()
        assert children, self.holder.tail()
        self._pid = children[0]
        state = "systemctl is-system-running"
        commands.wait_until(
            lambda: self.run(state, check=False).strip() in ("running", "degraded"), what="its systemd", interval=0.2
        )

    def _remove_cgroup(self) -> None:
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            commands.wait_until(functools.partial(_is_removed, folder), what=f"the end of all in {folder}")


def _own_cgroup() -> pathlib.Path:
    """Return the cgroup of this process in the hierarchy of version 2; skip where there is none."""
    mounts = re.findall(r"(?m)^\S+ (\S+) cgroup2 ", pathlib.Path("/proc/mounts").read_text())
    own = re.search(r"(?m)^0::/(.*)$", pathlib.Path("/proc/self/cgroup").read_text())
    if not mounts or own is None:
        pytest.skip("this kernel has no cgroups of version 2")
    return pathlib.Path(mounts[0]) / own[1]


def _is_removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
