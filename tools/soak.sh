#!/usr/bin/env bash
#
# Run a whole deployment of vethagent under faults at random, and compare at the end.
#
#   tools/soak.sh MINUTES [--seed N] [--hosts N] [--concurrency eventlet|threading|mixed] [--logs FOLDER]
#   tools/soak.sh --help
#
#   MINUTES               how long faults are made, such as 2 or 0.5
#   --seed N              draw the same faults as a run before (default: another each time, which is printed)
#   --hosts N             number of hosts (default: 3)
#   --concurrency KIND    what agents run their threads on; mixed is half of them on each (the default)
#   --logs FOLDER         keep the logs of the processes there (default: in case of a failure in a new folder, which is
#                         printed)
#
# A RabbitMQ, a controller, an API and several hosts, each with an Open vSwitch of its own, in network namespaces. Links
# come and go; links are harmed by hand, in each mode, also in several ways at once; bridges are made anew; agents,
# helpers, ovs-vswitchd, ovsdb-server, RabbitMQ, controller and API are killed or stopped; hosts boot; an agent's store is
# damaged, deleted, or an older copy of it put back; the broker is of no use or cut off, a host too, also right after a
# plug, which is taken back then; the database is locked; casts of the past arrive again; orphans have to go, links that
# would close a loop or adopt another pair than theirs have to wait.
# Beside all that are foreign devices and ports that look much like ours, and pings go all the time over links that nobody
# touches. At the end controller, stores, kernels and OVSDBs are compared exactly, what is foreign with what it was, and
# the numbers of port events; then all links are deleted and what is left is looked for. It prints how often each fault
# was made and after which time all was whole again, and sums of that: faults and kinds of them, repairs and the time to
# repair, packets lost and leftovers, which have to be 0.
# This machine's interfaces, Open vSwitch and RabbitMQ stay as they are.
#
# Needs Debian 12 or later, or Ubuntu 24.04 or later, with git and python3, as root or as a user with sudo. Packages that
# are missing (bindep.txt) are installed without starting their services; Python libraries go into .venv.
#
# Ends with 0 only if all agree, no packet is lost and nothing is left over, with 2 if an option is wrong. However it
# ends, by Ctrl-C or with its terminal closed, it leaves nothing behind but these logs.

set -euo pipefail
# shellcheck source=tools/lib/usage.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/usage.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=
options=()
while [[ $# -gt 0 ]]; do
    argument=$1
    if [[ $argument == --*=* ]]; then
        set -- "${argument%%=*}" "${argument#*=}" "${@:2}"
    fi
    case $1 in
        -h | --help) usage; exit 0 ;;
        --seed)
            [[ ${2-} =~ ^[0-9]{1,9}$ ]] || wrong "--seed must be a number, not '${2-}'"
            options+=("$1" "$2")
            shift ;;
        --hosts)
            [[ ${2-} =~ ^[1-9][0-9]?$ ]] || wrong "--hosts must be a number from 1 to 99, not '${2-}'"
            options+=("$1" "$2")
            shift ;;
        --logs)
            [[ -n ${2-} ]] || wrong "--logs needs a folder"
            options+=("$1" "$(cd "$FROM" && realpath --canonicalize-missing "$2")")
            shift ;;
        --concurrency)
            [[ ${2-} == eventlet || ${2-} == threading || ${2-} == mixed ]] ||
                wrong "--concurrency must be eventlet, threading or mixed, not '${2-}'"
            options+=("$1" "$2")
            shift ;;
        -[!0-9]*) wrong "unknown argument: $argument" ;;
        *)
            [[ -z $minutes ]] || wrong "unknown argument: $argument"
            [[ $1 =~ ^[0-9]{1,5}(\.[0-9]{1,3})?$ && ! $1 =~ ^[0.]+$ ]] ||
                wrong "MINUTES must be a number above 0, such as 2 or 0.5, and of 99999 at most, not '$1'"
            minutes=$1 ;;
    esac
    shift
done
[[ -n $minutes ]] || wrong "MINUTES is missing"

exec < /dev/null
# shellcheck source=tools/lib/install.sh
. tools/lib/install.sh

install() {
    install_system_packages demo rabbit soak
    install_project
}

calmly install
become tools.soak "$minutes" "${options[@]}"
