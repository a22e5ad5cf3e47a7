#!/usr/bin/env bash
#
# Show the main job of vethagent on this machine, and check each step of it.
#
#   tools/demo.sh [--bus embedded|rabbit] [--concurrency eventlet|threading] [--keep] [--slow]
#   tools/demo.sh --end
#   tools/demo.sh --help
#
#   --bus embedded             one process, no broker, SQLite (the default)
#   --bus rabbit               controller, API and agent as processes of their own over a RabbitMQ of their own
#   --concurrency KIND         what the agent runs its threads on (default: eventlet)
#   --keep                     leave everything running at the end, with a link and the page to look at
#   --slow                     for a busy machine: a repair may take as long as it takes
#   --end                      end what --keep has left; goes with no other option
#
# A network namespace is the compute node, with an Open vSwitch of its own, a Linux bridge br1 and an Open vSwitch bridge
# br-eth1; two more namespaces are guests, one behind each bridge. vethagent joins the bridges by a veth pair.
# This machine's interfaces, Open vSwitch and RabbitMQ stay as they are.
#
# Needs Debian 12 or later, or Ubuntu 24.04 or later, with git and python3, as root or as a user with sudo. Packages that
# are missing (bindep.txt) are installed without starting their services; Python libraries go into .venv.
#
# Ends with 0 only if every step held, with 2 if an option is wrong. However it ends, by Ctrl-C or with its terminal
# closed, it leaves nothing behind.

set -euo pipefail
# shellcheck source=tools/lib/usage.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/usage.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bus=embedded
concurrency=eventlet
flags=()
end=no
given=$#
while [[ $# -gt 0 ]]; do
    argument=$1
    if [[ $argument == --*=* ]]; then
        set -- "${argument%%=*}" "${argument#*=}" "${@:2}"
        [[ $1 == --bus || $1 == --concurrency ]] || wrong "$1 takes no value"
    fi
    case $1 in
        -h | --help) usage; exit 0 ;;
        --keep | --slow) flags+=("$argument") ;;
        --end) end=yes ;;
        --bus)
            [[ ${2-} == embedded || ${2-} == rabbit ]] || wrong "--bus must be embedded or rabbit, not '${2-}'"
            bus=$2
            shift ;;
        --concurrency)
            [[ ${2-} == eventlet || ${2-} == threading ]] ||
                wrong "--concurrency must be eventlet or threading, not '${2-}'"
            concurrency=$2
            shift ;;
        *) wrong "unknown argument: $argument" ;;
    esac
    shift
done
[[ $end == no || $given == 1 ]] || wrong "--end goes with no other option"

exec < /dev/null
# shellcheck source=tools/lib/install.sh
. tools/lib/install.sh

install() {
    install_system_packages "$@"
    install_project
}

if [[ $end == yes ]]; then
    if [[ ! -x $VENV/bin/python ]]; then
        say "there is nothing to end: no demo was started from here"
        exit 0
    fi
    become tools.demo --end
fi
profiles=(demo)
[[ $bus != rabbit ]] || profiles+=(rabbit)
calmly install "${profiles[@]}"
become tools.demo --bus "$bus" --concurrency "$concurrency" "${flags[@]}"
