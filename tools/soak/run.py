"""One soak from the first host to the verdict."""

import os
import pathlib
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence

from tests.support import daemons, deployment
from tools.soak import acts, faults, verdict
from tools.soak.record import Record
from tools.soak.site import Site

_KINDS = {"eventlet": ("eventlet",), "threading": ("threading",), "mixed": ("eventlet", "threading")}
CONCURRENCY = tuple(_KINDS)

Say = Callable[[str], None]


def soak(
    made: deployment.Deployment,
    *,
    seconds: float,
    seed: int,
    hosts: int,
    concurrency: str,
    say: Say,
    logs: pathlib.Path | None = None,
    logs_of_failure: Callable[[], pathlib.Path] | None = None,
) -> Record:
    """Act on ``hosts`` new hosts of a deployment for ``seconds``, then compare; return what came of it.

    The same seed draws the same acts for each host, but how they meet is a matter of time. The hosts are removed again;
    their logs are kept in the folder ``logs`` if there is one, and in case of a problem in one that is made then.
    """
    record = Record()
    kinds = _KINDS[concurrency]
    sites = [
        Site(made, f"soak-{number + 1}", concurrency=kinds[number % len(kinds)], record=record)
        for number in range(hosts)
    ]
    try:
        _run(made, sites, seconds=seconds, seed=seed, record=record, say=say)
    except Exception as error:  # of the soak itself
        record.problem(f"{type(error).__name__}: {error}")
        raise
    finally:
        if logs is None and record.problems and logs_of_failure is not None:
            logs = logs_of_failure()
        if logs is not None:
            # Those of Open vSwitch tell of a loss whether it was itself that stood still.
            switches = [daemon for site in sites for daemon in (site.host.ovs.server, site.host.ovs.switch)]
            _keep_logs([*made.daemons, *switches], logs)
            say(f"the logs of all processes are in {logs}")
        faults.end(made)
        for link in (link for site in sites for link in made.rest.links(f"host={site.host.name}")):
            made.rest.request("DELETE", f"/v1/bridge-links/{link['id']}?force=true")
        for site in sites:
            made.remove_node(site.node)
    return record


def _run(
    made: deployment.Deployment, sites: Sequence[Site], *, seconds: float, seed: int, record: Record, say: Say
) -> None:
    for site in sites:
        site.settle()
    for site in sites:
        site.wait_until_confirmed()
    say(f"{len(sites)} hosts are there, links and pings are running; faults for {seconds:g} s")
    ended = threading.Event()
    jobs = [_act_on(site, random.Random(f"{seed} {site.host.name}"), record) for site in sites]
    jobs.append(faults.Faults(made, sites, random.Random(f"{seed} services"), record).run)
    threads = [threading.Thread(target=_guarded, args=(job, ended, record), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        ended.wait(seconds)
    except BaseException:
        say("interrupted; what is under way is undone first, which may take half a minute")
        record.aborted.set()
        raise
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    if record.problems:
        return
    say("no more faults; waiting until all is in step, then comparing")
    _guarded(lambda _: _judge(made, sites, record), ended, record)


def _keep_logs(processes: Sequence[daemons.Daemon], folder: pathlib.Path) -> None:
    """Keep the logs; at the end of each is where all threads of the process were, see doc/source/admin."""
    folder.mkdir(parents=True, exist_ok=True)
    for process in processes:
        if process.running and process.name.startswith("vethagent-"):
            _report(process.pid)
    time.sleep(2)  # nothing tells when they have written it
    for process in processes:
        shutil.copy(process.log, folder / f"{process.namespace.role}-{process.log.name}")


def _report(pid: int) -> None:
    """Have a process, and on native threads its child, say where all threads are."""
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    for child in (pid, *(int(child) for thread in threads for child in thread.read_text().split())):
        if b"vethagent" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b" ")[0]:  # not a helper
            os.kill(child, signal.SIGUSR2)


def _act_on(site: Site, rng: random.Random, record: Record) -> Callable[[threading.Event], None]:
    def job(ended: threading.Event) -> None:
        for pause, act, own in acts.drawn(rng):
            if ended.wait(pause):
                return
            act.do(site, own, record)

    return job


def _judge(made: deployment.Deployment, sites: Sequence[Site], record: Record) -> None:
    for site in sites:
        verdict.wait_until_calm(site)
    for site in sites:
        record.looked(differences=verdict.differences(site), leftovers=verdict.left_over(site))
        for sentence in [*site.flapped(), *site.misnumbered(), *site.strangers.changed()]:
            record.problem(sentence)
        for watch in site.watches.values():
            watch.end()
    if record.problems:
        return
    for site in sites:
        site.remove_all()
    for site in sites:
        verdict.wait_until_calm(site)
        record.looked(differences=verdict.differences(site), leftovers=verdict.left_over(site))
        for sentence in site.strangers.changed():
            record.problem(sentence)
        if (status := site.node.agent.stop()) != 0:
            record.problem(f"{site.host.name}: the agent ended with {status}")
        record.looked(leftovers=[f"{each} after the end of the agent" for each in verdict.left_over(site, helpers=0)])


def _guarded(job: Callable[[threading.Event], None], ended: threading.Event, record: Record) -> None:
    """Run a job; what it raises is a problem, and the end for all others."""
    began = time.monotonic()
    try:
        job(ended)
    except Exception as error:
        if not record.aborted.is_set():
            record.problem(f"after {time.monotonic() - began:.0f} s: {type(error).__name__}: {error}")
        record.aborted.set()
        ended.set()
