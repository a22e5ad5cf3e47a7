"""What a process does before everything else: it chooses what its threads are.

The order is given by the libraries: monkey patching comes before any import that takes a lock or a socket, and
importing oslo_messaging fixes the backend of oslo.service. So an entry module calls ``choose`` in its first lines, and
this module imports only what the interpreter has loaded anyway. oslo.config cannot be asked yet, so its files and
environment are looked through by hand for the one option.
"""

import configparser
import gc
import os
import select
import signal
import sys
import warnings

PROJECT = "vethagent"
_NEW_OBJECTS = 20_000
_SECTION, _OPTION = "agent", "concurrency"
#: The kernel's own. eventlet has no poll, and its select and write let others have a turn, for which a line of the log
#: is no place; its write also waits for ever for a reader that has gone.
_poll, _POLLOUT = select.poll, select.POLLOUT
write = os.write


def choose(concurrency: str) -> None:
    """Make ``eventlet`` or ``threading`` what stdlib threads, queues and sockets run on in this process.

    Until ``imported`` the collector of garbage rests: what imports make stays, and its looks at all of it, again and
    again, are a tenth of their time.
    """
    gc.disable()
    _open_closed_streams()
    # Seen at each start and of no use to an operator: that eventlet is deprecated is known, and why there is a choice.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    if concurrency == "eventlet":
        from vethagent.cmd import green

        green.patch()
    from oslo_service import backend

    if concurrency == "eventlet":
        backend.init_backend(backend.BackendType.EVENTLET)
    else:
        backend.init_backend(backend.BackendType.THREADING)


def end_by_sigint() -> None:
    """Have Ctrl-C end this process at once, as SIGTERM does, until somebody hears it.

    Python makes an exception of it, which is lost where nothing can be raised, as in what tidies up after each import:
    it is printed, and the process goes on.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def takes(number: int) -> bool:
    """Return whether a file descriptor takes something at once, or says at once why not."""
    asked = _poll()
    asked.register(number, _POLLOUT)
    return bool(asked.poll(0))


def _open_closed_streams() -> None:
    """Have /dev/null in place of a standard stream that is closed, and nothing else that is opened later.

    What a helper says would go into that, a database or a socket, and this process could not even say what is wrong.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # As Python's own, whose end is not that of the descriptor: multiprocessing ends stdin in each child.
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def imported() -> None:
    """Have the collector work from now on, but not look at what is there by now: it takes 40 ms, and stays for good.

    It looks after every so many new objects, by itself every 700: at the start of an agent with 1000 links 220 times.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    gc.enable()


def configured_concurrency(prog: str, arguments: list[str] | None = None) -> str:
    """Return what ``[agent] concurrency`` will be for this process; oslo.config later says if it is no valid choice."""
    value = os.environ.get(f"OS_{_SECTION}__{_OPTION}".upper())
    if value is None:
        # For oslo.config [DEFAULT] is a section like any other.
        parser = configparser.RawConfigParser(
            strict=False, allow_no_value=True, comment_prefixes=("#", ";"), default_section=""
        )
        for name in _files(prog, sys.argv[1:] if arguments is None else arguments):
            try:
                parser.read(name)
            except (configparser.Error, UnicodeDecodeError, OSError):
                continue  # oslo.config says what is wrong with the file, in its own words
        value = parser.get(_SECTION, _OPTION, fallback=None)
    quoted = value is not None and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return "threading" if value is not None and (value[1:-1] if quoted else value) == "threading" else "eventlet"


def _files(prog: str, arguments: list[str]) -> list[str]:
    """Return what oslo.config reads, in its order; what is named takes the place of the default files or folders."""
    named: list[str] = []
    options: set[str] = set()
    for number, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option in ("--config-file", "--config-dir"):
            if not equals:
                value = arguments[number + 1] if number + 1 < len(arguments) else ""
            options.add(option)
            named += _in_folder(value) if option == "--config-dir" else [value]
    files = [] if "--config-file" in options else _found(prog, ".conf")
    if "--config-dir" not in options:
        files += [name for folder in _found(prog, ".conf.d") for name in _in_folder(folder)]
    return files + named


def _found(prog: str, extension: str) -> list[str]:
    home = os.path.expanduser("~")
    folders = [os.path.join(home, f".{PROJECT}"), home, f"/etc/{PROJECT}", "/etc"]
    found: list[str] = []
    for name in (PROJECT, prog):
        paths = [os.path.join(folder, name + extension) for folder in folders]
        found += [path for path in paths if os.path.exists(path)][:1]
    return found


def _in_folder(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".conf")]
